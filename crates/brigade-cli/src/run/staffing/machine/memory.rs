//! The memory that jobs can use.

use std::fs;
use std::io;
use std::path::Path;

use super::{Machine, not_understood, value};

/// The memory that jobs can use, in bytes: the machine's, or what our control group (version 2) may use, if that is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Free, or used only to keep what is on a disk as well.
    pub(crate) available: u64,
    pub(crate) total: u64,
}

impl Machine {
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

#[cfg(test)]
mod tests {
    use super::super::tests::machine;
    use super::*;

    const MEMORY: &str = "\
MemTotal:       16777216 kB
MemFree:         1000000 kB
MemAvailable:    8388608 kB
";

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
}
