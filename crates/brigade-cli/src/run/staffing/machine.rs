//! What the machine says about itself: load, memory, and how its cores are used.
//!
//! All of it is read from files of the kernel, as text. Other systems than Linux have none of them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the kernel's files are.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// `/proc`.
    processes: PathBuf,
    /// `/sys/fs/cgroup`.
    groups: PathBuf,
}

/// How many tasks want to use the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Threads that run or wait for a core, and those that wait for a disk, at this moment. Who asks is not among them.
    ///
    /// What is known as the load average would tell much later that jobs have begun, or ended.
    pub(crate) tasks: u64,
    pub(crate) cores: u64,
}

/// The memory that jobs can use, in bytes: the machine's, or what our control group (version 2) may use, if that is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Free, or used only to keep what is on a disk as well.
    pub(crate) available: u64,
    pub(crate) total: u64,
}

/// How the cores were used since the system started, in ticks of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cores {
    /// Nothing was to be done, but by a disk.
    pub(crate) idle: u64,
    /// All of their time.
    pub(crate) all: u64,
    pub(crate) number: u64,
    /// Threads that run or wait for a core, at this moment. Who asks is not among them.
    pub(crate) runnable: u64,
}

/// Whether a process uses a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// Its first thread runs, or waits for a core.
    pub(crate) runnable: bool,
    /// It has ended, and nobody has asked how.
    pub(crate) ended: bool,
    /// What it has used, and those that it has started and that have ended, in ticks.
    pub(crate) used: u64,
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

    /// # Errors
    /// If it cannot be read.
    pub(crate) fn load(&self) -> io::Result<Load> {
        let (cores, blocked) = self.statistics()?;
        Ok(Load {
            tasks: cores.runnable + blocked,
            cores: cores.number,
        })
    }

    /// # Errors
    /// If it cannot be read.
    pub(crate) fn cores(&self) -> io::Result<Cores> {
        self.statistics().map(|(cores, _)| cores)
    }

    /// How the cores were used, and how many tasks wait for a disk.
    fn statistics(&self) -> io::Result<(Cores, u64)> {
        let path = self.processes.join("stat");
        let text = fs::read_to_string(&path)?;
        let mut cores = Cores::default();
        let mut blocked: Option<u64> = None;
        let mut runnable: Option<u64> = None;
        for line in text.lines() {
            let (name, values) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "cpu" => {
                    // user nice system idle iowait irq softirq steal; the guests' are in the first two.
                    let times = numbers(values).take(8).collect::<Vec<u64>>();
                    cores.all = times.iter().sum();
                    cores.idle = times.iter().skip(3).take(2).sum();
                }
                "procs_running" => runnable = numbers(values).next(),
                "procs_blocked" => blocked = numbers(values).next(),
                _ if name.starts_with("cpu") => cores.number += 1,
                _ => {}
            }
        }
        match (runnable, blocked) {
            (Some(runnable), Some(blocked)) if cores.number > 0 => {
                cores.runnable = runnable.saturating_sub(1); // this thread runs, as it asks
                Ok((cores, blocked))
            }
            _ => Err(not_understood(&path)),
        }
    }

    /// For how long so far some thread has waited for a core that it could have used: on the machine, or within our
    /// control group, whichever is longer.
    ///
    /// # Errors
    /// If the kernel does not measure this (`PSI`).
    pub(crate) fn time_waited(&self) -> io::Result<Duration> {
        let path = self.processes.join("pressure/cpu");
        let machine = pressure(&path, &fs::read_to_string(&path)?)?;
        let ours = self.own_group().and_then(|group| {
            let path = group.join("cpu.pressure");
            pressure(&path, &fs::read_to_string(&path).ok()?).ok()
        });
        Ok(ours.unwrap_or_default().max(machine))
    }

    /// # Errors
    /// If it cannot be read.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let path = self.processes.join("meminfo");
        let text = fs::read_to_string(&path)?;
        let value = |name| Some(value(&text, name)?.saturating_mul(1024));
        let (Some(available), Some(total)) = (value("MemAvailable:"), value("MemTotal:")) else {
            return Err(not_understood(&path));
        };
        let mut memory = Memory { available, total };
        // A limit of any group that ours is part of is one of ours.
        let group = self.own_group();
        for group in group.iter().flat_map(|group| group.ancestors()) {
            if !group.starts_with(&self.groups) {
                break;
            }
            if let Some(theirs) = memory_of(group) {
                memory.available = memory.available.min(theirs.available);
                memory.total = memory.total.min(theirs.total);
            }
        }
        Ok(memory)
    }

    /// Our control group of version 2, if there is one.
    fn own_group(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.processes.join("self/cgroup")).ok()?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some(self.groups.join(path))
    }

    /// Whether a process uses a core; `None` if there is no such process any more.
    pub(crate) fn activity(&self, process: u32) -> Option<Activity> {
        let text = fs::read(self.processes.join(process.to_string()).join("stat")).ok()?;
        // Its name comes before, in parentheses, and may contain anything.
        let after_name = text.iter().rposition(|&byte| byte == b')')? + 1;
        let fields = std::str::from_utf8(text.get(after_name..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        // Ten others; then its own time as user and system, and that of its children.
        let times = fields.skip(10).take(4).map(str::parse::<u64>);
        Some(Activity {
            runnable: state == "R",
            ended: matches!(state, "Z" | "X"),
            used: times.sum::<Result<u64, _>>().ok()?,
        })
    }

    /// The processes that a process has started and that are still there. None, if the kernel does not tell.
    pub(crate) fn children(&self, process: u32) -> Vec<u32> {
        let tasks = self.processes.join(process.to_string()).join("task");
        let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
        let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        lists
            .flat_map(|list| numbers(&list).collect::<Vec<_>>())
            .collect()
    }
}

/// The memory that a control group may use; `None` if it has no limit.
fn memory_of(group: &Path) -> Option<Memory> {
    let number = |name| -> Option<u64> {
        let text = fs::read_to_string(group.join(name)).ok()?;
        text.trim().parse().ok()
    };
    // Where there is no limit, it is `max`.
    let (total, used) = (number("memory.max")?, number("memory.current")?);
    let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    // What keeps files is given up when memory is needed.
    let kept = ["inactive_file", "active_file", "slab_reclaimable"];
    let kept = kept.map(|name| value(&statistics, name).unwrap_or(0));
    let used = used.saturating_sub(kept.into_iter().sum());
    Some(Memory {
        available: total.saturating_sub(used),
        total,
    })
}

/// The time that some have waited, in a file such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn pressure(path: &Path, text: &str) -> io::Result<Duration> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "));
    let total = some.and_then(|some| some.split_once("total="));
    let microseconds = total.and_then(|(_, total)| total.trim().parse().ok());
    microseconds
        .map(Duration::from_micros)
        .ok_or_else(|| not_understood(path))
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

    const STATISTICS: &str = "\
cpu  100 20 30 400 50 6 7 8 90 10
cpu0 50 10 15 200 25 3 4 4 45 5
cpu1 50 10 15 200 25 3 3 4 45 5
intr 1 2 3
ctxt 4
procs_running 4
procs_blocked 2
softirq 1 2
";

    const MEMORY: &str = "\
MemTotal:       16777216 kB
MemFree:         1000000 kB
MemAvailable:    8388608 kB
";

    /// A machine that says what files say.
    fn machine(files: &[(&str, &str)]) -> (Machine, TempDir) {
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
    fn the_load_is_who_runs_or_waits_for_a_core_or_a_disk_without_us() {
        let (machine, _place) = machine(&[("proc/stat", STATISTICS)]);
        assert_eq!(machine.load().expect("a load"), Load { tasks: 5, cores: 2 });
        let expected = Cores {
            idle: 450,
            all: 621,
            number: 2,
            runnable: 3,
        };
        assert_eq!(machine.cores().expect("their use"), expected);
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
            strange.load().map(drop),
            strange.cores().map(drop),
            strange.memory().map(drop),
            strange.time_waited().map(drop),
        ] {
            let error = error.expect_err("not understood").to_string();
            assert!(error.contains("has not the expected form"), "{error}");
        }
        assert_eq!(
            without.load().expect_err("no file").kind(),
            ErrorKind::NotFound
        );
        assert_eq!(
            without.memory().expect_err("no file").kind(),
            ErrorKind::NotFound
        );
        assert!(without.time_waited().is_err());
    }

    #[test]
    fn memory_is_the_machines_without_a_limit() {
        let limitless = [
            ("proc/meminfo", MEMORY),
            ("proc/self/cgroup", "0::/user/job\n"),
            ("cgroup/user/job/memory.max", "max\n"),
            ("cgroup/user/job/memory.current", "5\n"),
        ];
        for files in [&limitless[..1], &limitless] {
            let (machine, _place) = machine(files);
            let expected = Memory {
                available: 8 << 30,
                total: 16 << 30,
            };
            assert_eq!(machine.memory().expect("memory"), expected);
        }
    }

    #[test]
    fn memory_is_bounded_by_each_control_group_around_us_whose_caches_are_free() {
        let files = [
            ("proc/meminfo", MEMORY),
            ("proc/self/cgroup", "9:name=systemd:/x\n0::/user/job\n"),
            ("cgroup/user/job/memory.max", "4000\n"),
            ("cgroup/user/job/memory.current", "3000\n"),
            (
                "cgroup/user/job/memory.stat",
                "anon 100\ninactive_file 400\nactive_file 100\nslab_reclaimable 50\n",
            ),
            ("cgroup/user/memory.max", "9000\n"),
            ("cgroup/user/memory.current", "8500\n"),
        ];
        let (machine, _place) = machine(&files);
        let memory = machine.memory().expect("memory");
        // The outer group has less left, the inner one is smaller.
        assert_eq!(
            memory,
            Memory {
                available: 500,
                total: 4000
            }
        );
        fs::write(machine.groups.join("user/memory.current"), "10").expect("a file");
        let memory = machine.memory().expect("memory");
        assert_eq!(
            memory,
            Memory {
                available: 1550,
                total: 4000
            }
        );
    }

    #[test]
    fn the_wait_for_cores_is_that_of_the_machine_or_of_our_control_group() {
        let line = |total| {
            format!(
                "some avg10=1.00 avg60=0.50 avg300=0.10 total={total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n"
            )
        };
        let (machine, _place) = machine(&[
            ("proc/pressure/cpu", &line(2_000_000)),
            ("proc/self/cgroup", "0::/a\n"),
            ("cgroup/a/other", ""),
        ]);
        assert_eq!(
            machine.time_waited().expect("a time"),
            Duration::from_secs(2)
        );
        fs::write(machine.groups.join("a/cpu.pressure"), line(3_000_000)).expect("a file");
        assert_eq!(
            machine.time_waited().expect("a time"),
            Duration::from_secs(3)
        );
    }

    #[test]
    fn a_process_is_known_by_its_state_and_times_whatever_its_name() {
        let (machine, _place) = machine(&[
            (
                "proc/7/stat",
                "7 (a) R (b)) S 1 7 7 0 -1 4194304 100 200 0 0 11 12 13 14 20 0 1 0\n",
            ),
            (
                "proc/8/stat",
                "8 (sh) Z 1 7 7 0 -1 4194304 100 200 0 0 0 0 0 0 20 0 1 0\n",
            ),
            ("proc/7/task/7/children", "8 9 "),
            ("proc/7/task/70/children", "10 "),
        ]);
        let expected = Activity {
            runnable: false,
            ended: false,
            used: 50,
        };
        assert_eq!(machine.activity(7), Some(expected));
        assert!(machine.activity(8).expect("a process").ended);
        assert_eq!(machine.activity(9), None);
        let mut children = machine.children(7);
        children.sort_unstable();
        assert_eq!((children, machine.children(9)), (vec![8, 9, 10], vec![]));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_can_be_asked() {
        let machine = Machine::ours();
        assert!(machine.load().expect("a load").cores > 0);
        let memory = machine.memory().expect("memory");
        assert!(
            0 < memory.available && memory.available <= memory.total,
            "{memory:?}"
        );
        let us = machine.activity(std::process::id()).expect("we run");
        assert!(!us.ended);
    }
}
