//! How many jobs run at once with `-j MIN..MAX`.
//!
//! The number grows while jobs wait and more of them would find something to run on, and shrinks while those that run
//! only take the cores from each other. Growing doubles it: an empty machine is full soon. Shrinking takes a quarter, as
//! a moment may deceive; and then there is a pause before it grows again, lest it swings.

use std::ops::RangeInclusive;

use super::gauge::Usage;

/// Above this share of the time in which some thread waited for a core, jobs compete for the cores.
const CONTENDED: f64 = 0.4;

/// Below this share the cores are no bottleneck.
const CALM: f64 = 0.2;

/// So much of one core has to be idle for one more job.
const IDLE_CORE: f64 = 0.5;

/// How many looks long it does not grow once it has shrunk.
const PAUSE: u32 = 10;

/// How many jobs may run at once, between two numbers.
#[derive(Debug)]
pub(crate) struct Elastic {
    /// From one job on.
    range: RangeInclusive<usize>,
    /// In that range.
    jobs: usize,
    /// So many looks yet until it may grow.
    pause: u32,
}

impl Elastic {
    /// It begins with the smaller number.
    pub(crate) fn new(range: RangeInclusive<usize>) -> Self {
        Self {
            jobs: *range.start(),
            range,
            pause: 0,
        }
    }

    /// How many jobs may run until the next look.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Takes into account how the cores are used by so many jobs that run, while others are queued.
    pub(crate) fn look(&mut self, queued: usize, running: usize, usage: Usage) {
        let (min, max) = self.range.clone().into_inner();
        // Jobs that use no core do not compete for one, however busy others keep the machine.
        if usage.cpu_wait > CONTENDED && !usage.jobs_wait {
            // More may be allowed than there were jobs; what competes is what runs.
            let jobs = self.jobs.min(running.max(min));
            self.jobs = (jobs - (jobs / 4).max(1)).max(min);
            self.pause = PAUSE;
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        let is_wanted = queued > 0 && running >= self.jobs;
        let has_room = usage.cpu_wait < CALM && usage.idle_cores >= IDLE_CORE;
        if is_wanted && (has_room || usage.jobs_wait) {
            self.jobs = self.jobs.saturating_mul(2).min(max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a look sees.
    #[derive(Clone, Copy)]
    struct Sample {
        queued: usize,
        running: usize,
        usage: Usage,
    }

    /// Jobs wait, those that may do run, and both cores are idle.
    fn calm(elastic: &Elastic) -> Sample {
        Sample {
            queued: 9,
            running: elastic.jobs(),
            usage: Usage {
                cpu_wait: 0.0,
                idle_cores: 2.0,
                jobs_wait: false,
            },
        }
    }

    fn contended(elastic: &Elastic) -> Sample {
        used(elastic, 0.9, 0.0, false)
    }

    fn used(elastic: &Elastic, cpu_wait: f64, idle_cores: f64, jobs_wait: bool) -> Sample {
        Sample {
            usage: Usage {
                cpu_wait,
                idle_cores,
                jobs_wait,
            },
            ..calm(elastic)
        }
    }

    /// The numbers after each look.
    fn numbers(elastic: &mut Elastic, looks: usize, sample: fn(&Elastic) -> Sample) -> Vec<usize> {
        let mut look = |_| {
            let Sample {
                queued,
                running,
                usage,
            } = sample(elastic);
            elastic.look(queued, running, usage);
            elastic.jobs()
        };
        (0..looks).map(&mut look).collect()
    }

    #[test]
    fn it_begins_with_the_minimum_and_doubles_up_to_the_maximum_while_cores_are_idle() {
        let mut elastic = Elastic::new(3..=20);
        assert_eq!(elastic.jobs(), 3);
        assert_eq!(numbers(&mut elastic, 4, calm), [6, 12, 20, 20]);
    }

    #[test]
    fn it_shrinks_to_the_minimum_while_jobs_compete_for_cores() {
        let mut elastic = Elastic::new(2..=16);
        numbers(&mut elastic, 3, calm);
        assert_eq!(
            numbers(&mut elastic, 9, contended),
            [12, 9, 7, 6, 5, 4, 3, 2, 2]
        );
    }

    #[test]
    fn having_shrunk_it_does_not_grow_for_a_while() {
        let mut elastic = Elastic::new(1..=8);
        numbers(&mut elastic, 3, calm);
        assert_eq!(numbers(&mut elastic, 1, contended), [6]);
        let mut expected = vec![6; PAUSE as usize];
        expected.push(8);
        assert_eq!(numbers(&mut elastic, expected.len(), calm), expected);
    }

    #[test]
    fn it_stays_when_the_cores_are_busy_and_nobody_waits_long() {
        let mut elastic = Elastic::new(2..=8);
        let busy = |elastic: &Elastic| used(elastic, 0.1, 0.2, false);
        assert_eq!(numbers(&mut elastic, 3, busy), [2, 2, 2]);
        let between = |elastic: &Elastic| used(elastic, 0.3, 2.0, false);
        assert_eq!(numbers(&mut elastic, 3, between), [2, 2, 2]);
    }

    #[test]
    fn it_does_not_grow_without_jobs_for_it() {
        let mut elastic = Elastic::new(2..=8);
        let nothing_queued = |elastic: &Elastic| Sample {
            queued: 0,
            ..calm(elastic)
        };
        let workers_to_come = |elastic: &Elastic| Sample {
            running: elastic.jobs() - 1,
            ..calm(elastic)
        };
        assert_eq!(numbers(&mut elastic, 2, nothing_queued), [2, 2]);
        assert_eq!(numbers(&mut elastic, 2, workers_to_come), [2, 2]);
    }

    #[test]
    fn jobs_that_wait_for_something_else_grow_on_a_busy_machine() {
        let mut elastic = Elastic::new(1..=8);
        let waiting = |elastic: &Elastic| used(elastic, 0.9, 0.0, true);
        assert_eq!(numbers(&mut elastic, 3, waiting), [2, 4, 8]);
    }

    #[test]
    fn what_shrinks_is_what_runs() {
        let mut elastic = Elastic::new(1..=64);
        numbers(&mut elastic, 6, calm);
        let few = |elastic: &Elastic| Sample {
            running: 4,
            ..contended(elastic)
        };
        assert_eq!(numbers(&mut elastic, 1, few), [3]);
    }
}
