//! The thread that reads jobs and hands them to the pool.

use std::sync::Arc;

use brigade::{Pool, Priority};

use crate::run::input::{Input, Place};
use crate::run::job::{Asked, Job, Recipe};
use crate::run::joblog::History;
use crate::run::output::Happening;
use crate::run::waiting::Before;

use super::Work;
use super::event::Event;

/// What became of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fed {
    /// The last item that was read.
    pub(crate) last: Option<Place>,
    /// How many jobs of it were not run, as the job log has them.
    pub(crate) logged: u64,
    /// How many others were in it.
    pub(crate) jobs: u64,
    /// All of it was read, as far as it could be.
    pub(crate) ended: bool,
    /// It could not be read to its end.
    pub(crate) unreadable: bool,
}

/// Where jobs come from, what to do with each, and which are known from a job log.
pub(crate) struct Supply {
    pub(crate) input: Input,
    pub(crate) recipe: Recipe,
    pub(crate) history: History,
}

/// Hands over every job of the input and waits until all have ended, telling the main thread of both.
///
/// The pool's queue is the read-ahead: while it is full, nothing is read.
pub(crate) fn feed(supply: Supply, pool: &Pool, work: &Arc<Work>) {
    let Supply {
        mut input,
        recipe,
        mut history,
    } = supply;
    let mut fed = Fed::default();
    loop {
        match input.next(&work.stopping) {
            Ok(Some(item)) => {
                fed.last = Some(item.place);
                let mut job = match recipe.job(item, |text| history.number(text)) {
                    Asked::Nothing => continue,
                    Asked::Known => {
                        fed.logged += 1;
                        continue;
                    }
                    Asked::Job(job) => job,
                };
                fed.jobs += 1;
                job.turn = fed.jobs;
                work.tell(None, || Happening::Queued {
                    job: job.as_ref().into(),
                    priority: job.priority.0,
                });
                work.wait_for_room(&job);
                enter(*job, &|id| history.ended(id.as_bytes()), pool, work);
            }
            Ok(None) => break,
            Err(error) => {
                fed.unreadable = true;
                let so_far = fed.last.map_or_else(String::new, |place| {
                    format!(" after {place}; what was read before is run")
                });
                work.output
                    .say(format_args!("the input could not be read{so_far}: {error}"));
                break;
            }
        }
    }
    fed.ended = input.is_at_end();
    work.send(Event::Fed(fed));
    work.parked.end_of_input();
    work.parked.wait_until_all_ended(pool);
    // Here and not on the main thread, which a reader of our output must not hold up.
    work.finish_rest();
    work.send(Event::Finished);
}

/// Hands over a job that was read, unless it has to wait for others.
fn enter(job: Job, before: Before, pool: &Pool, work: &Arc<Work>) {
    if !work.parked.is_for_objects() {
        return hand_over(job, false, pool, work);
    }
    for job in work.parked.enter(work.with_resources(job), before) {
        hand_over(job, false, pool, work);
    }
}

/// Waits for room in the queue, unless the run is stopping. What holds resources, for which others wait, is to run as
/// soon as can be.
pub(crate) fn hand_over(job: Job, holds: bool, pool: &Pool, work: &Arc<Work>) {
    let name = format!("{}: {}", job.place, job.title());
    let priority = if holds { Priority(0) } else { job.priority };
    let task = {
        let work = Arc::clone(work);
        move || work.carry_out(job)
    };
    let accepted = pool.task(task).name(name).priority(priority).execute();
    work.tell_held_back(pool);
    if let Err(rejected) = accepted {
        // The pool has shut down, and this notes that the job did not run; or it has no worker, and
        // this thread does what a worker would.
        (rejected.task)();
    }
}
