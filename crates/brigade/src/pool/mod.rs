//! A bounded, prioritised, elastic thread pool.
//!
//! A task goes from [`Pool::submit`] into a cell that holds its closure and later its result
//! (`cell.rs`), through the door (`admission.rs`) into the bounded priority queue (`queue.rs`), from
//! where a worker takes and runs it (`worker.rs`); then the handle wakes (`task.rs`).
//!
//! All that is shared is under one lock (`shared.rs`). That is what makes order, bounds and shutdown
//! exact; workers keep it cheap by taking tiny tasks in batches (`hoard.rs`) and by counting and
//! timing for themselves (`tally.rs`, `stopwatch.rs`).

mod admission;
mod awaited;
mod batch;
mod block;
mod blocking;
mod builder;
mod cell;
mod crew;
mod error;
mod hoard;
mod inline;
mod job;
mod line;
mod map;
mod member;
mod metrics;
pub(crate) mod pace;
pub(crate) mod panic;
mod priority;
mod queue;
pub(crate) mod running;
mod scope;
mod shared;
mod shutdown;
mod sizing;
mod staffing;
pub(crate) mod stopwatch;
mod submit;
pub(crate) mod tally;
mod task;
mod task_builder;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::builder::{Builder, Start, WhenFull};
pub use self::cell::{Cancel, TaskBody};
pub use self::error::{
    BatchRejected, BuildError, MapError, RejectReason, Rejected, TaskError, TaskId,
};
pub use self::job::Unstarted;
pub use self::metrics::{Distribution, Metrics, Rejections, WorkerCounts};
pub use self::panic::Panic;
pub use self::priority::Priority;
pub use self::scope::{Scope, ScopedHandle};
pub use self::shutdown::{Shutdown, ShutdownReport};
pub use self::sizing::{WorkerRange, Workload};
pub use self::task::TaskHandle;
pub use self::task_builder::{Plain, Stateful, TaskBuilder};

use self::member::Source;
use self::shared::Shared;

/// A bounded, prioritised, elastic pool of threads.
///
/// `S` is the type of the state each worker keeps ([`Builder::with_state`]). A pool is shared by
/// reference or in an `Arc`. Dropping it drains it: what is queued still runs, and the drop waits for
/// it. Use [`shutdown`](Self::shutdown) to limit that wait or to get unrun tasks back.
///
/// ```
/// use brigade::Pool;
///
/// let pool = Pool::builder("thumbnails").workers(2..=10).queue_capacity(1_000).build()?;
/// let handle = pool.submit(|| 2 + 2)?; // waits while the queue is full: back-pressure
/// assert_eq!(handle.join()?, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<S: 'static = ()> {
    shared: Arc<Shared>,
    source: Arc<Source<S>>,
}

impl<S: 'static> Pool<S> {
    /// Calls `body` on every item, in parallel; the results are in the items' order.
    ///
    /// Both may borrow from the caller. The pool gets pieces of many items that shrink towards the
    /// end, so tiny items cost little and long ones end together. A worker of this pool may call it
    /// too: it takes part.
    ///
    /// # Errors
    /// [`MapError::Panicked`] with the index of the item, or [`MapError::Rejected`] if the pool has shut down
    /// or does so before the end.
    ///
    /// ```
    /// # let pool = brigade::Pool::builder("doc").workers(2).build()?;
    /// let words = ["to", "be", "or"];
    /// assert_eq!(pool.map(&words, |word| word.len())?, [2, 2, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<'a, A: Sync, U: Send>(
        &self,
        items: &'a [A],
        body: impl Fn(&'a A) -> U + Sync,
    ) -> Result<Vec<U>, MapError> {
        self.shared.map(items, None, |item| Ok(body(item)))
    }

    /// As [`map`](Self::map), for a closure that can fail.
    ///
    /// # Errors
    /// [`MapError::Failed`] with the lowest index that failed; items after it may not have been done.
    /// Otherwise as [`map`](Self::map).
    pub fn try_map<'a, A: Sync, U: Send, E: Send>(
        &self,
        items: &'a [A],
        body: impl Fn(&'a A) -> Result<U, E> + Sync,
    ) -> Result<Vec<U>, MapError<E>> {
        self.shared.map(items, None, body)
    }

    /// As [`map`](Self::map), with `chunk` items in each piece (at least one).
    ///
    /// # Errors
    /// As [`map`](Self::map).
    pub fn map_chunked<'a, A: Sync, U: Send>(
        &self,
        items: &'a [A],
        chunk: usize,
        body: impl Fn(&'a A) -> U + Sync,
    ) -> Result<Vec<U>, MapError> {
        self.shared.map(items, Some(chunk), |item| Ok(body(item)))
    }

    /// As [`map`](Self::map), waiting for at most `limit`. It owns the items, for the closure may still
    /// run when this has returned.
    ///
    /// # Errors
    /// [`MapError::TimedOut`] with the indices of the items that had no result; items that had not
    /// begun will not. Otherwise as [`map`](Self::map).
    pub fn map_timeout<A, U>(
        &self,
        items: Vec<A>,
        limit: Duration,
        body: impl Fn(&A) -> U + Send + Sync + 'static,
    ) -> Result<Vec<U>, MapError>
    where
        A: Send + Sync + 'static,
        U: Send + 'static,
    {
        self.shared.map_timeout(items, limit, body)
    }

    /// Runs tasks that borrow from the caller's stack; returns when all have ended.
    ///
    /// A worker of this pool may call it too: it runs the scope's own tasks, never others, while it
    /// waits.
    ///
    /// # Panics
    /// If `body` or a task of [`Scope::execute`] panicked, when all tasks have ended.
    ///
    /// ```
    /// # let pool = brigade::Pool::builder("doc").workers(2).build()?;
    /// let mut numbers = [1, 2, 3, 4];
    /// let (left, right) = numbers.split_at_mut(2);
    /// pool.scope(|scope| {
    ///     scope.execute(|| left.reverse());
    ///     scope.execute(|| right.reverse());
    /// });
    /// assert_eq!(numbers, [2, 1, 4, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope<'env, R>(
        &self,
        body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    ) -> R {
        self.shared.scope(body)
    }

    /// Takes no more tasks, ends those there are as `how` says, and reports what did not run.
    ///
    /// Producers that wait for room get their tasks back. May be called more than once and from
    /// several threads; from a task or a hook of this pool too, which then does not wait for itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use brigade::{Pool, pool::Shutdown};
    ///
    /// let pool = Pool::builder("doc").workers(1).build()?;
    /// pool.execute(|| ())?;
    /// let report = pool.shutdown(Shutdown::Drain { timeout: Duration::from_secs(5) });
    /// assert_eq!(report.completed, 1);
    /// for task in report.unstarted {
    ///     eprintln!("did not run: {}", task.name().unwrap_or("(unnamed)"));
    ///     task.run(); // or keep it for the next start
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport {
        self.shared.shut_down(how)
    }

    /// Waits until no task is queued or running. New tasks may come while it waits.
    ///
    /// From inside a task or a hook of this pool, that does not count.
    pub fn wait_idle(&self) {
        self.shared.wait_for_rest(None);
    }

    /// As [`wait_idle`](Self::wait_idle), for at most `limit`; false if the pool was still busy then.
    pub fn wait_idle_timeout(&self, limit: Duration) -> bool {
        self.shared.wait_for_rest(Instant::now().checked_add(limit))
    }

    /// Changes how many workers there are; see [`Builder::workers`].
    ///
    /// Workers that are too many leave when they have ended their task.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn resize(&self, workers: impl Into<WorkerRange>) -> Result<(), BuildError> {
        self.shared.resize(workers.into())
    }

    /// What the pool has done and is doing. Cost: a few microseconds a worker, under the pool's lock.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// The name of the pool.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How many tasks may wait.
    pub fn queue_capacity(&self) -> usize {
        self.shared.settings.queue_capacity
    }
}

impl<S: 'static> Drop for Pool<S> {
    fn drop(&mut self) {
        // Without a limit a drain leaves nothing unstarted.
        let _ = self.shared.shut_down(Shutdown::drain());
    }
}

impl<S: 'static> fmt::Debug for Pool<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
