//! What the machine says about itself: load, memory, and how its cores are used.
//!
//! All of it is read from files of the kernel, as text. Other systems than Linux have none of them. The door is
//! [`Machine`].

mod activity;
mod cores;
mod memory;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub(crate) use self::cores::{Cores, Load};
pub(crate) use self::memory::Memory;

/// Where the kernel's files are.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// `/proc`.
    processes: PathBuf,
    /// `/sys/fs/cgroup`.
    groups: PathBuf,
}

impl Machine {
    /// The one that we run on.
    pub(crate) fn ours() -> Self {
        Self::at("/proc", "/sys/fs/cgroup")
    }

    pub(crate) fn at(processes: impl Into<PathBuf>, groups: impl Into<PathBuf>) -> Self {
        Self {
            processes: processes.into(),
            groups: groups.into(),
        }
    }

    /// Our control group of version 2, if there is one.
    fn own_group(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.processes.join("self/cgroup")).ok()?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some(self.groups.join(path))
    }
}

/// The number after a name that begins a line.
fn value(text: &str, name: &str) -> Option<u64> {
    let values = text.lines().find_map(|line| {
        let values = line.strip_prefix(name)?;
        values.starts_with(' ').then_some(values)
    })?;
    numbers(values).next()
}

fn numbers<N: std::str::FromStr>(text: &str) -> impl Iterator<Item = N> {
    text.split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
}

fn not_understood(path: &Path) -> io::Error {
    let problem = format!("{} has not the expected form", path.display());
    io::Error::new(ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A machine that says what files say.
    pub(super) fn machine(files: &[(&str, &str)]) -> (Machine, TempDir) {
        let place = TempDir::new().expect("a directory");
        for (name, text) in files {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        let machine = Machine::at(place.path().join("proc"), place.path().join("cgroup"));
        (machine, place)
    }

    #[test]
    fn what_cannot_be_read_or_understood_is_an_error_that_names_it() {
        let files = [
            ("proc/stat", "cpu 1\n"),
            ("proc/meminfo", ""),
            ("proc/pressure/cpu", "some"),
        ];
        let (strange, _place) = machine(&files);
        let (without, _no_place) = machine(&[]);
        for error in [
            strange.cores().map(drop),
            strange.memory().map(drop),
            strange.time_waited().map(drop),
        ] {
            let error = error.expect_err("not understood").to_string();
            assert!(error.contains("has not the expected form"), "{error}");
        }
        assert_eq!(
            without.cores().expect_err("no file").kind(),
            ErrorKind::NotFound
        );
        assert_eq!(
            without.memory().expect_err("no file").kind(),
            ErrorKind::NotFound
        );
        assert!(without.time_waited().is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_can_be_asked() {
        let machine = Machine::ours();
        assert!(machine.cores().expect("their use").number > 0);
        let memory = machine.memory().expect("memory");
        assert!(
            0 < memory.available && memory.available <= memory.total,
            "{memory:?}"
        );
        let us = machine.activity(std::process::id()).expect("we run");
        assert!(!us.ended);
    }
}
