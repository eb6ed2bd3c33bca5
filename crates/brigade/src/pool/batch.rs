//! Many tasks handed over together.

use std::sync::Arc;

use super::admission::{Patience, Refused};
use super::cell::TaskCell;
use super::error::BatchRejected;
use super::job::{Closure, Job, Work};
use super::priority::Priority;
use super::shared::{Phase, Shared, Wakes};
use super::task::TaskHandle;
use super::task_builder::Plain;

/// So many tasks are queued under one lock.
const CHUNK: usize = 64;

/// What came back of a batch: the one that was refused, and those after it.
type Rest<W> = (Refused<W>, Vec<W>);

impl Shared {
    /// Queues as many of `chunk` as there is room for at once, from the front.
    fn admit_chunk(self: &Arc<Self>, chunk: &mut std::vec::IntoIter<Job>) {
        let capacity = self.settings.queue_capacity;
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        while state.phase == Phase::Open
            && state.crew.live > 0
            && state.line.is_empty()
            && state.room(capacity) > 0
            && let Some(job) = chunk.next()
        {
            state.accept(job, Priority::NORMAL);
        }
        state.call_worker(&mut wakes);
        self.release(state, wakes);
    }

    /// Queues the work in order, waiting as the policy says. Returns how many were accepted and, if
    /// one was refused, the rest.
    fn admit_all<W: Work>(
        self: &Arc<Self>,
        work: impl Iterator<Item = W>,
    ) -> (usize, Option<Rest<W>>) {
        let mut work = work.fuse();
        let mut accepted = 0;
        loop {
            let jobs: Vec<Job> = work.by_ref().take(CHUNK).map(Job::new).collect();
            if jobs.is_empty() {
                return (accepted, None);
            }
            accepted += jobs.len();
            let mut left = jobs.into_iter();
            while left.len() > 0 {
                self.admit_chunk(&mut left);
                // The next one does not get in at once: it goes the way of a single task.
                let Some(job) = left.next() else { break };
                // SAFETY: made of a `W` above.
                let next = unsafe { job.into_work::<W>() };
                if let Err(refused) = self.admit(next, Priority::NORMAL, Patience::Until(None)) {
                    accepted -= 1 + left.len();
                    // SAFETY: made of a `W` above.
                    let mut rest: Vec<W> =
                        left.map(|job| unsafe { job.into_work::<W>() }).collect();
                    rest.extend(work);
                    return (accepted, Some((refused, rest)));
                }
            }
        }
    }

    pub(crate) fn execute_batch<F: FnOnce() + Send + 'static>(
        self: &Arc<Self>,
        tasks: impl IntoIterator<Item = F>,
    ) -> Result<usize, BatchRejected<F, ()>> {
        let (accepted, refused) = self.admit_all(tasks.into_iter().map(Closure));
        let Some((refused, rest)) = refused else {
            return Ok(accepted);
        };
        let rest = std::iter::once(refused.work)
            .chain(rest)
            .map(|closure| closure.0)
            .collect();
        Err(BatchRejected {
            handles: Vec::new(),
            accepted,
            rest,
            reason: refused.reason,
        })
    }

    pub(crate) fn submit_batch<F, T>(
        self: &Arc<Self>,
        tasks: impl IntoIterator<Item = F>,
    ) -> Result<Vec<TaskHandle<T>>, BatchRejected<F, T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let mut handles: Vec<TaskHandle<T>> = Vec::new();
        let work = tasks.into_iter().map(|task| {
            let cell = Arc::new(TaskCell::new(Plain(task), None, false));
            // At once: should the iterator panic, what was accepted is detached like any other task.
            handles.push(TaskHandle::new(Arc::clone(&cell) as _, Arc::clone(self)));
            cell
        });
        let (accepted, refused) = self.admit_all(work);
        let refused = refused.map(|(first, rest)| {
            handles.truncate(accepted); // the refused cells are no longer shared
            (std::iter::once(first.work).chain(rest), first.reason)
        });
        let Some((rest, reason)) = refused else {
            return Ok(handles);
        };
        let closure = |cell: Arc<TaskCell<Plain<F>>>| match Arc::into_inner(cell) {
            Some(cell) => cell.into_body().0,
            None => {
                unreachable!("a refused task was never queued, and its handle has been dropped")
            }
        };
        Err(BatchRejected {
            handles,
            accepted,
            rest: rest.map(closure).collect(),
            reason,
        })
    }
}
