//! The thread that changes the number of workers while jobs run (`staffing/`).
//!
//! It looks at the machine twice a second. A worker that is one too many ends its job and takes no other.

use std::time::Duration;

use brigade::Pool;

use crate::run::clock;
use crate::run::staffing::Staffing;

use super::Work;

/// How often the machine is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Changes the number of workers until no job is to begin any more.
pub(crate) fn resize(mut staffing: Staffing, pool: &Pool, work: &Work) {
    let mut last = None;
    loop {
        work.stopping.wait_until(clock::now() + INTERVAL);
        if work.stopping.is_set() {
            return;
        }
        let metrics = pool.metrics();
        let jobs = (metrics.queued, metrics.running);
        let workers = staffing.look(jobs, &work.children.leaders(), &work.held_back);
        if let Some(error) = staffing.take_trouble() {
            work.output.say(format_args!(
                "the machine cannot be looked at any more: {error}; no jobs are held back"
            ));
        }
        if last.as_ref() != Some(&workers) {
            // Should there be no thread for another worker, there are the others; the next look tries again.
            last = pool.resize(workers.clone()).is_ok().then_some(workers);
        }
        work.tell_held_back(pool);
    }
}
