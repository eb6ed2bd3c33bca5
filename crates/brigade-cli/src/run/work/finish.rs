//! What is done with a job that has ended: its output is saved and printed, and it is logged and told of.

use crate::run::job::{Failure, Job};
use crate::run::joblog::{Entry, Timing};
use crate::run::output::{Happening, Order, Outcome};
use crate::run::process::Outputs;
use crate::run::waiting::Fate;

use super::waits::fate;
use super::{Event, Work};

/// A job that has ended, whose output is not yet printed.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) timing: Timing,
    pub(super) outputs: Outputs,
    pub(super) result: Result<(), Failure>,
}

impl Work {
    /// Finishes a job that has ended, at once or when its turn has come. Returns how it has ended, as far as it is known.
    pub(super) fn hand_on(&self, mut ended: Ended) -> Fate {
        let Some(order) = &self.order else {
            return self.finish(ended);
        };
        let fate = fate(&ended.job, ended.result.as_ref().err());
        let turn = ended.job.turn;
        if !order.is_turn_of(turn) {
            // Without a file it stays in memory, of which there is enough most of the time.
            let _ = ended.outputs.shrink();
        }
        order.keep(turn, Some(ended));
        order.deliver(|ended| drop(self.finish(ended)));
        fate
    }

    /// Saves, prints and logs a job that has ended.
    pub(super) fn finish(&self, mut ended: Ended) -> Fate {
        let success = ended.result.is_ok();
        let saved = match &self.results {
            Some(results) => results.save(&ended.job, &mut ended.outputs),
            None => Ok(()),
        };
        let result = ended.result.and(saved.map_err(Failure::Results));
        let result = self
            .output
            .print_job(&ended.job, &mut ended.outputs, result);
        if success && result.is_err() {
            self.tally.recount_as_failed();
        }
        self.log(&ended.job, ended.timing, &result);
        self.tell(None, || Happening::Ended {
            job: (&ended.job).into(),
            attempt: ended.job.attempts,
            outcome: Outcome::new(result.as_ref().err(), ended.timing.duration),
        });
        fate(&ended.job, result.as_ref().err())
    }

    /// Finishes what still waits for its turn, though others before it will never end.
    pub(crate) fn finish_rest(&self) {
        let rest = self.order.as_ref().map(Order::take_rest);
        for ended in rest.unwrap_or_default() {
            drop(self.finish(ended));
        }
    }

    /// Logs a job that has ended. One that was stopped has not: a run that resumes is to run it again.
    fn log(&self, job: &Job, timing: Timing, result: &Result<(), Failure>) {
        let Some(log) = &self.log else {
            return;
        };
        if matches!(result, Err(Failure::Stopped(_))) {
            return;
        }
        if let Err(error) = log.write(&Entry::new(job, log.command(), timing, result)) {
            // At once, lest a worker begins another before the main thread has heard of it.
            self.stopping.set();
            self.send(Event::Unlogged(error));
        }
    }
}
