//! Whether jobs use the cores, or wait for something else.

use std::collections::HashMap;

use super::machine::Machine;

/// A job that has used less than this share of a core has waited for something else.
const BUSY: f64 = 0.1;

/// No more processes of one job than these are looked at. One that has more is taken for busy.
const MOST_PROCESSES: usize = 64;

/// What the jobs that ran at the last look had used by then, in ticks, by the process that leads them.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    used: HashMap<u32, u64>,
}

impl Demand {
    /// True if of the jobs that these processes lead, at least three of four have hardly used a core since the last look,
    /// which was so many ticks ago, and do not want one at this moment. False if there are none.
    pub(crate) fn jobs_wait(&mut self, machine: &Machine, leaders: &[u32], ticks: u64) -> bool {
        let before = std::mem::take(&mut self.used);
        let (mut jobs, mut waiting) = (0, 0);
        for &leader in leaders {
            let Some(job) = look_at(machine, leader) else {
                continue;
            };
            jobs += 1;
            // Who was not seen then has begun since.
            let since = job
                .used
                .saturating_sub(before.get(&leader).copied().unwrap_or(0));
            if !job.wants_core && (since as f64) < BUSY * ticks as f64 {
                waiting += 1;
            }
            self.used.insert(leader, job.used);
        }
        jobs > 0 && waiting * 4 >= jobs * 3
    }
}

/// What a job uses, with all that it has started.
struct Use {
    wants_core: bool,
    /// In ticks, from its beginning.
    used: u64,
}

/// Looks at a process and its descendants; `None` if it has ended.
fn look_at(machine: &Machine, leader: u32) -> Option<Use> {
    let first = machine.activity(leader).filter(|first| !first.ended)?;
    let mut job = Use {
        wants_core: first.runnable,
        used: first.used,
    };
    let mut looked = 1;
    let mut rest = machine.children(leader);
    while let Some(process) = rest.pop() {
        looked += 1;
        if looked > MOST_PROCESSES {
            job.wants_core = true;
            break;
        }
        if let Some(activity) = machine.activity(process) {
            job.wants_core |= activity.runnable;
            job.used += activity.used;
            rest.extend(machine.children(process));
        }
    }
    Some(job)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Processes: number, state, ticks used, and what they have started.
    struct Processes {
        machine: Machine,
        place: TempDir,
    }

    impl Processes {
        fn new() -> Self {
            let place = TempDir::new().expect("a directory");
            Self {
                machine: Machine::at(place.path(), place.path().join("none")),
                place,
            }
        }

        fn set(&self, process: u32, state: char, used: u64, children: &str) {
            let place = self.place.path().join(process.to_string());
            let task = place.join("task").join(process.to_string());
            fs::create_dir_all(&task).expect("a directory");
            let line =
                format!("{process} (x) {state} 1 1 1 0 -1 0 0 0 0 0 {used} 0 0 0 20 0 1 0\n");
            fs::write(place.join("stat"), line).expect("a file");
            fs::write(task.join("children"), children).expect("a file");
        }

        fn wait(&self, demand: &mut Demand, leaders: &[u32]) -> bool {
            demand.jobs_wait(&self.machine, leaders, 100)
        }
    }

    #[test]
    fn jobs_that_sleep_wait_and_those_that_have_used_a_core_or_want_to_do_not() {
        let processes = Processes::new();
        let mut demand = Demand::default();
        processes.set(1, 'S', 9, "");
        assert!(processes.wait(&mut demand, &[1]));
        processes.set(1, 'S', 29, "");
        assert!(!processes.wait(&mut demand, &[1]));
        processes.set(1, 'D', 30, "");
        assert!(processes.wait(&mut demand, &[1]));
        processes.set(1, 'R', 30, "");
        assert!(!processes.wait(&mut demand, &[1]));
    }

    #[test]
    fn what_a_job_has_started_belongs_to_it() {
        let processes = Processes::new();
        let mut demand = Demand::default();
        processes.set(1, 'S', 0, "2 ");
        processes.set(2, 'S', 0, "3 ");
        processes.set(3, 'R', 0, "");
        assert!(!processes.wait(&mut demand, &[1]));
        processes.set(3, 'S', 50, "");
        assert!(!processes.wait(&mut demand, &[1]));
        assert!(processes.wait(&mut demand, &[1]));
    }

    #[test]
    fn three_of_four_are_most_and_those_that_have_ended_do_not_count() {
        let processes = Processes::new();
        let mut demand = Demand::default();
        for process in 1..=3 {
            processes.set(process, 'S', 0, "");
        }
        processes.set(4, 'R', 0, "");
        processes.set(5, 'Z', 0, "");
        assert!(processes.wait(&mut demand, &[1, 2, 3, 4, 5, 6]));
        assert!(!processes.wait(&mut demand, &[1, 2, 4]));
        assert!(!processes.wait(&mut demand, &[5, 6]));
        assert!(!processes.wait(&mut demand, &[]));
    }

    #[test]
    fn a_job_of_very_many_processes_is_busy() {
        let processes = Processes::new();
        let children = (2..100).map(|number| format!("{number} "));
        processes.set(1, 'S', 0, &children.collect::<String>());
        for process in 2..100 {
            processes.set(process, 'S', 0, "");
        }
        assert!(!processes.wait(&mut Demand::default(), &[1]));
    }
}
