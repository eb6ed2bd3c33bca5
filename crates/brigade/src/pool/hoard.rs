//! Tasks that a worker has claimed ahead, and how they are taken back.

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::primitive::{Mutex, Unparker};

use super::block::Block;
use super::job::Job;
use super::priority::Priority;

use super::shared::State;
use super::tally::Tally;

/// What others may know and take of a worker.
pub(crate) struct Worker {
    pub(crate) number: usize,
    pub(crate) unparker: Unparker,
    pub(crate) tally: CachePadded<Tally>,
    hoard: CachePadded<Mutex<Hoard>>,
}

/// Tasks that a worker has claimed and will run next.
///
/// Filled and taken back only under the pool's lock (which is locked first); its worker takes the
/// next task with this lock alone. `claimed` is what the pool's `hoarded` counts for this hoard.
struct Hoard {
    jobs: Block,
    priority: Priority,
    claimed: usize,
    /// How many tasks its worker has taken from it, ever; and that number at the last look.
    taken: u64,
    taken_when_seen: u64,
}

impl Worker {
    pub(crate) fn new(number: usize, unparker: Unparker, histograms: bool) -> Self {
        let hoard = Hoard {
            jobs: Block::new(),
            priority: Priority::NORMAL,
            claimed: 0,
            taken: 0,
            taken_when_seen: 0,
        };
        Self {
            number,
            unparker,
            tally: CachePadded::new(Tally::new(histograms)),
            hoard: CachePadded::new(Mutex::new(hoard)),
        }
    }

    /// The next claimed task, unless something more urgent waits in the queue.
    #[inline]
    pub(crate) fn next_claimed(&self, urgency: u32) -> Option<Job> {
        let mut hoard = self.hoard.lock();
        if urgency < u32::from(hoard.priority.0) {
            return None;
        }
        let job = hoard.jobs.pop()?;
        hoard.taken += 1;
        Some(job)
    }
}

impl State {
    /// Puts what a worker has claimed and not begun back into the queue.
    pub(crate) fn take_back_hoard(&mut self, worker: &Worker) {
        let mut hoard = worker.hoard.lock();
        self.hoarded -= hoard.claimed;
        hoard.claimed = 0;
        let priority = hoard.priority;
        self.queue.restore(&mut hoard.jobs, priority);
    }

    /// Takes back what all workers have claimed.
    pub(crate) fn take_back_hoards(&mut self) {
        if self.hoarded > 0 {
            let workers: Vec<_> = self.crew.workers().cloned().collect();
            for worker in workers {
                self.take_back_hoard(&worker);
            }
        }
    }

    /// Takes back hoards that have not moved since the last look: a long task is before them.
    pub(crate) fn take_back_stuck_hoards(&mut self, but: &Worker) {
        if self.hoarded == 0 {
            return;
        }
        let stuck = |worker: &&Arc<Worker>| {
            if worker.number == but.number {
                return false;
            }
            let mut hoard = worker.hoard.lock();
            let stands = hoard.taken == hoard.taken_when_seen && !hoard.jobs.is_empty();
            hoard.taken_when_seen = hoard.taken;
            stands
        };
        let stuck: Vec<_> = self.crew.workers().filter(stuck).cloned().collect();
        for worker in stuck {
            self.take_back_hoard(&worker);
        }
    }

    /// Claims up to `limit` further tasks of `priority` for `worker`; says how many it got.
    pub(crate) fn claim(&mut self, worker: &Worker, priority: Priority, limit: usize) -> usize {
        let mut hoard = worker.hoard.lock();
        debug_assert!(
            hoard.jobs.is_empty(),
            "a worker claims when it has run what it had"
        );
        self.queue.pop_more(priority, limit, &mut hoard.jobs);
        hoard.priority = priority;
        hoard.claimed = hoard.jobs.len();
        self.hoarded += hoard.claimed;
        hoard.claimed
    }
}
