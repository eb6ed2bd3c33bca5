//! What a job waits for on its way to a worker and there.

use std::sync::Arc;

use crate::run::job::Hash;
use crate::run::job::{BadItem, Failure, Job, Unmet};
use crate::run::waiting::{Asked, Fate, Granted, JobLocks, Told};

use super::Work;

impl Work {
    /// Waits until one more job may be read, if outputs are kept in order. Should the job whose turn it is wait for one that
    /// is still to be read, it fails: nothing else would ever end this wait.
    pub(crate) fn wait_for_room(&self, job: &Job) {
        let Some(order) = &self.order else { return };
        let in_vain = || self.stopping.is_set() || self.parked.is_still();
        while let Err(next) = order.wait_for_room(job.turn, in_vain) {
            let window = order.window();
            let too_far = |id| Unmet::TooFar { id, window };
            if self.stopping.is_set() || !self.parked.fail(next, too_far) {
                return;
            }
        }
    }

    /// A job that was read, with all that it needs of resources, or that it fails for.
    pub(crate) fn with_resources(&self, mut job: Job) -> Job {
        let mut needs = job.needs.take().unwrap_or_default();
        match self.locks.complete(&mut needs.locks) {
            Ok(warnings) => {
                for warning in warnings {
                    let (place, title) = (job.place, job.title());
                    self.output.say(format_args!("{place}: {title}: {warning}"));
                }
            }
            Err(problem) if job.command.is_ok() => {
                let unmet = Unmet::Resources(problem.to_string());
                job.command = Err(BadItem::Unmet(unmet));
            }
            Err(_) => {}
        }
        job.needs = Some(needs).filter(|needs| !needs.is_empty());
        job
    }

    /// Gives a job the resources that it needs, or says why it cannot have them. `None` if it is not to run now: it waits
    /// where it occupies no worker, or no job is to begin any more.
    pub(super) fn take_locks(
        self: &Arc<Self>,
        job: Job,
    ) -> Option<(Job, Result<JobLocks, Failure>)> {
        if self.policy.dry_run || job.command.is_err() {
            return Some((job, Ok(JobLocks::default())));
        }
        if job.locks().is_empty() {
            return match self.locks.take(&job, &self.stopping, &self.output) {
                Ok(None) => {
                    self.leave_out(job);
                    None
                }
                Ok(Some(held)) => Some((job, Ok(held))),
                Err(error) => Some((job, Err(Failure::Resource(error)))),
            };
        }
        let job = match self.parked.ask(job) {
            Asked::Has(job) => job,
            Asked::Parked => return None,
            Asked::Closed(job) => {
                self.leave_out(job);
                return None;
            }
        };
        if !self.locks.are_global() {
            let granted = Granted::new(&self.parked, job.turn);
            return Some((job, Ok(granted.into())));
        }
        let Some(got) = self.parked.take_got(job.turn) else {
            return self.ask_other_processes(job);
        };
        let granted = Granted::new(&self.parked, job.turn);
        let held = got.and_then(|taken| JobLocks::new(taken, Some(granted)));
        Some((job, held.map_err(Failure::Resource)))
    }

    /// Lets a job wait until it has the locks that other processes see; it comes back if that cannot be done.
    fn ask_other_processes(self: &Arc<Self>, job: Job) -> Option<(Job, Result<JobLocks, Failure>)> {
        let turn = job.turn;
        let who = format!("{}: {}", job.place, job.title());
        let work = Arc::clone(self);
        let tell = move |told| match told {
            Told::Waits(name) => work.locks.say_that_it_waits(&who, &name, &work.output),
            // Without `None`: this waits for ever.
            Told::Done(taken) => {
                if let Some(taken) = taken.transpose() {
                    work.parked.bring_locks(turn, taken);
                }
            }
        };
        let (requests, name) = (job.locks().into(), job.name().to_vec());
        if let Err(job) = self.parked.await_locks(job) {
            self.leave_out(job);
            return None;
        }
        let begun = self.locks.begin_to_take(&name, requests, tell);
        if let Err(error) = begun {
            self.parked.bring_locks(turn, Err(error));
        }
        None
    }

    /// Notes that a job has ended for good, for those that wait for it.
    pub(super) fn end(&self, turn: u64, id: Option<Hash>, fate: Fate) {
        if self.parked.end(turn, id, fate)
            && let Some(order) = &self.order
        {
            order.wake();
        }
    }
}

/// How a job has ended, for those that are after it.
pub(super) fn fate(job: &Job, failure: Option<&Failure>) -> Fate {
    match (failure, &job.command) {
        (None, _) => Fate::Succeeded,
        (Some(_), Err(BadItem::Unmet(_))) => Fate::NotRun,
        (Some(failure), _) => Fate::failed(&failure.to_string()),
    }
}
