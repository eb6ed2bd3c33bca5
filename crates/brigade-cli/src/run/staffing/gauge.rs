//! How the cores are used, from look to look.

use std::time::{Duration, Instant};

use super::demand::Demand;
use super::machine::{Cores, Machine};

/// What was seen since the last look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// The share of the time in which some thread waited for a core, from 0 to 1.
    pub(crate) cpu_wait: f64,
    /// How many cores had nothing to do, on average.
    pub(crate) idle_cores: f64,
    /// Most jobs wait for something else than a core: a disk, the network, each other.
    pub(crate) jobs_wait: bool,
}

/// What was read at the last look.
#[derive(Debug)]
pub(crate) struct Gauge {
    at: Instant,
    cores: Cores,
    /// How long some have waited for a core; `None` if the kernel does not measure it.
    waited: Option<Duration>,
    demand: Demand,
}

impl Gauge {
    /// Begins with this use of the cores.
    pub(crate) fn new(machine: &Machine, cores: Cores) -> Self {
        Self {
            at: Instant::now(),
            cores,
            waited: machine.time_waited().ok(),
            demand: Demand::default(),
        }
    }

    /// Sees how the cores were used until now, also by the jobs that these processes lead; `None` if there is nothing
    /// new.
    pub(crate) fn look(
        &mut self,
        machine: &Machine,
        cores: Cores,
        leaders: &[u32],
    ) -> Option<Usage> {
        let at = Instant::now();
        let all = cores.all.saturating_sub(self.cores.all);
        let idle = cores.idle.saturating_sub(self.cores.idle);
        if all == 0 {
            return None;
        }
        let number = cores.number as f64;
        let waited = machine.time_waited().ok();
        let cpu_wait = match (self.waited, waited) {
            (Some(before), Some(now)) => {
                let elapsed = at.saturating_duration_since(self.at).as_secs_f64();
                now.saturating_sub(before).as_secs_f64() / elapsed.max(1e-9)
            }
            // Who wants to run and finds no core, at this moment, for each core.
            _ => (cores.runnable as f64 - number).max(0.0) / number,
        };
        let jobs_wait = self.demand.jobs_wait(machine, leaders, all / cores.number);
        (self.at, self.cores, self.waited) = (at, cores, waited);
        Some(Usage {
            cpu_wait: cpu_wait.min(1.0),
            idle_cores: idle as f64 / all as f64 * number,
            jobs_wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    /// A machine of two cores that have been busy and idle for so many ticks, with so many threads that want to run.
    fn set(place: &Path, busy: u64, idle: u64, runnable: u64) {
        let text = format!(
            "cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 \ncpu1 \nprocs_running {}\nprocs_blocked 0\n",
            runnable + 1
        );
        fs::write(place.join("stat"), text).expect("a file");
    }

    fn begin(machine: &Machine) -> Gauge {
        Gauge::new(machine, machine.cores().expect("their use"))
    }

    fn look(gauge: &mut Gauge, machine: &Machine) -> Option<Usage> {
        gauge.look(machine, machine.cores().expect("their use"), &[])
    }

    fn set_waited(place: &Path, microseconds: u64) {
        fs::create_dir_all(place.join("pressure")).expect("a directory");
        let text = format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={microseconds}\n");
        fs::write(place.join("pressure/cpu"), text).expect("a file");
    }

    #[test]
    fn it_sees_what_has_changed_since_the_last_look() {
        let place = TempDir::new().expect("a directory");
        let machine = Machine::at(place.path(), place.path().join("none"));
        set(place.path(), 1000, 2000, 0);
        set_waited(place.path(), 5_000_000);
        let mut gauge = begin(&machine);
        assert_eq!(look(&mut gauge, &machine), None);
        set(place.path(), 1100, 2300, 0);
        let calm = Usage {
            cpu_wait: 0.0,
            idle_cores: 1.5,
            jobs_wait: false,
        };
        assert_eq!(look(&mut gauge, &machine), Some(calm));
        set(place.path(), 1200, 2300, 0);
        set_waited(place.path(), u64::MAX / 2);
        let contended = Usage {
            cpu_wait: 1.0,
            idle_cores: 0.0,
            jobs_wait: false,
        };
        assert_eq!(look(&mut gauge, &machine), Some(contended));
    }

    #[test]
    fn where_the_kernel_does_not_measure_waiting_those_who_find_no_core_are_counted() {
        let place = TempDir::new().expect("a directory");
        let machine = Machine::at(place.path(), place.path().join("none"));
        set(place.path(), 0, 0, 0);
        let mut gauge = begin(&machine);
        for (busy, runnable, cpu_wait) in [(100, 2, 0.0), (200, 3, 0.5), (300, 9, 1.0)] {
            set(place.path(), busy, 0, runnable);
            let usage = look(&mut gauge, &machine).expect("something new");
            assert_eq!(usage.cpu_wait, cpu_wait);
        }
    }
}
