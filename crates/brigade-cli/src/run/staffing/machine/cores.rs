//! How the cores are used, and how many want one.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Machine, not_understood, numbers};

/// How many tasks want to use the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Threads that run or wait for a core, and those that wait for a disk, at this moment. Who asks is not among them.
    ///
    /// What is known as the load average would tell much later that jobs have begun, or ended.
    pub(crate) tasks: u64,
    pub(crate) cores: u64,
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
    /// Those that wait for a disk, at this moment.
    pub(crate) blocked: u64,
}

impl Cores {
    /// How many tasks want to use the machine, at this moment.
    pub(crate) fn load(&self) -> Load {
        Load {
            tasks: self.runnable + self.blocked,
            cores: self.number,
        }
    }
}

impl Machine {
    /// How the cores were used, and how many want one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn cores(&self) -> io::Result<Cores> {
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
                cores.blocked = blocked;
                Ok(cores)
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

#[cfg(test)]
mod tests {
    use super::super::tests::machine;
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

    #[test]
    fn the_load_is_who_runs_or_waits_for_a_core_or_a_disk_without_us() {
        let (machine, _place) = machine(&[("proc/stat", STATISTICS)]);
        let expected = Cores {
            idle: 450,
            all: 621,
            number: 2,
            runnable: 3,
            blocked: 2,
        };
        let cores = machine.cores().expect("their use");
        assert_eq!(cores, expected);
        assert_eq!(cores.load(), Load { tasks: 5, cores: 2 });
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
}
