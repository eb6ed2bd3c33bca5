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
mod pace;
pub(crate) mod panic;
mod priority;
mod queue;
pub(crate) mod running;
mod scope;
mod shared;
mod shutdown;
mod sizing;
mod staffing;
mod stopwatch;
mod tally;
mod task;
mod task_builder;
mod worker;

use std::fmt;
use std::future::Future;
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

use self::admission::{Patience, Refused};
use self::job::Closure;
use self::member::Source;
use self::shared::Shared;
use self::task_builder::Queueing;

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

impl Pool {
    /// Begins to set up a pool with one worker for each core.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into(), Workload::Cpu)
    }

    /// Begins to set up a pool whose size fits what its tasks do; see [`Workload`].
    pub fn sized(workload: Workload) -> Builder {
        Builder::new("pool".to_owned(), workload)
    }
}

impl<S: 'static> Pool<S> {
    fn new(shared: Arc<Shared>, initialise: Box<dyn Fn() -> S + Send + Sync>) -> Self {
        let source = Arc::new(Source {
            pool: Arc::downgrade(&shared),
            initialise,
        });
        Self { shared, source }
    }

    /// Hands `task` over and returns its handle; waits while the queue is full.
    ///
    /// On a worker of this very pool a full queue is no reason to wait, which might be for ever: the
    /// task then runs here and now. Cost: one allocation and one short lock.
    ///
    /// # Errors
    /// [`Rejected`] if the pool has shut down, has no worker, or its policy refuses; the closure is in it.
    #[inline]
    pub fn submit<F, T>(&self, task: F) -> Result<TaskHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task(task).submit()
    }

    /// Hands `task` over if there is room; never waits, whatever the pool's policy.
    ///
    /// # Errors
    /// As [`submit`](Self::submit); if the queue is full the reason says when to retry.
    ///
    /// ```
    /// use brigade::{Pool, pool::{Rejected, RejectReason}};
    ///
    /// # let pool = Pool::builder("doc").workers(1).build()?;
    /// match pool.try_submit(|| 7) {
    ///     Ok(handle) => assert_eq!(handle.join()?, 7),
    ///     Err(Rejected { task, reason: RejectReason::Full { retry_after, .. } }) => {
    ///         println!("later, in {retry_after:?}");
    ///         drop(task); // or keep it for then
    ///     }
    ///     Err(refused) => return Err(refused.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit<F, T>(&self, task: F) -> Result<TaskHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task(task).try_submit()
    }

    /// Hands `task` over, waiting for room for at most `limit`.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_timeout<F, T>(
        &self,
        task: F,
        limit: Duration,
    ) -> Result<TaskHandle<T>, Rejected<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task(task).submit_timeout(limit)
    }

    /// Hands `task` over, awaiting room. Works with any executor.
    ///
    /// Dropping the future before it is ready drops the task; a task that was accepted runs.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_async<F, T>(
        &self,
        task: F,
    ) -> impl Future<Output = Result<TaskHandle<T>, Rejected<F>>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task(task).submit_async()
    }

    /// Hands `task` over without a handle: the cheapest form. A panic goes to the panic handler.
    ///
    /// A closure of up to 48 bytes is stored in the queue itself, without an allocation. Waits for
    /// room as [`submit`](Self::submit).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    #[inline]
    pub fn execute<F: FnOnce() + Send + 'static>(&self, task: F) -> Result<(), Rejected<F>> {
        self.shared
            .admit(Closure(task), Priority::NORMAL, Patience::Until(None))
            .map_err(reject_closure)
    }

    /// As [`execute`](Self::execute); never waits.
    ///
    /// # Errors
    /// As [`try_submit`](Self::try_submit).
    #[inline]
    pub fn try_execute<F: FnOnce() + Send + 'static>(&self, task: F) -> Result<(), Rejected<F>> {
        self.shared
            .admit(Closure(task), Priority::NORMAL, Patience::None)
            .map_err(reject_closure)
    }

    /// As [`execute`](Self::execute), waiting for room for at most `limit`.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn execute_timeout<F: FnOnce() + Send + 'static>(
        &self,
        task: F,
        limit: Duration,
    ) -> Result<(), Rejected<F>> {
        let patience = Patience::Until(Instant::now().checked_add(limit));
        self.shared
            .admit(Closure(task), Priority::NORMAL, patience)
            .map_err(reject_closure)
    }

    /// As [`execute`](Self::execute), awaiting room.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn execute_async<F: FnOnce() + Send + 'static>(
        &self,
        task: F,
    ) -> Result<(), Rejected<F>> {
        Queueing::new(&self.shared, Closure(task), Priority::NORMAL)
            .await
            .map_err(reject_closure)
    }

    /// As [`submit`](Self::submit), for a task that uses its worker's state.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_with<F, T>(&self, task: F) -> Result<TaskHandle<T>, Rejected<F>>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task_with(task).submit()
    }

    /// As [`try_submit`](Self::try_submit), for a task that uses its worker's state.
    ///
    /// # Errors
    /// As [`try_submit`](Self::try_submit).
    pub fn try_submit_with<F, T>(&self, task: F) -> Result<TaskHandle<T>, Rejected<F>>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.task_with(task).try_submit()
    }

    /// As [`execute`](Self::execute), for a task that uses its worker's state.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn execute_with<F>(&self, task: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce(&mut S) + Send + 'static,
    {
        self.task_with(task).execute()
    }

    /// As [`try_execute`](Self::try_execute), for a task that uses its worker's state.
    ///
    /// # Errors
    /// As [`try_submit`](Self::try_submit).
    pub fn try_execute_with<F>(&self, task: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce(&mut S) + Send + 'static,
    {
        self.task_with(task).try_execute()
    }

    /// Begins a task with a priority, a name, a deadline or a callback; see [`TaskBuilder`].
    #[inline]
    pub fn task<F, T>(&self, task: F) -> TaskBuilder<'_, Plain<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        TaskBuilder::new(&self.shared, Plain(task))
    }

    /// As [`task`](Self::task), for a task that uses its worker's state.
    pub fn task_with<F, T>(&self, task: F) -> TaskBuilder<'_, Stateful<F, S>>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        let source = Arc::clone(&self.source);
        TaskBuilder::new(
            &self.shared,
            Stateful {
                closure: task,
                source,
            },
        )
    }

    /// Hands many tasks over, in order, with one lock for up to 64 of them; waits for room as
    /// [`submit`](Self::submit).
    ///
    /// # Errors
    /// [`BatchRejected`] with the handles of those that were accepted and the closures of the rest.
    ///
    /// ```
    /// # let pool = brigade::Pool::builder("doc").workers(2).build()?;
    /// let handles = pool.submit_batch((1..=3_u64).map(|n| move || n * n))?;
    /// let squares: Result<Vec<_>, _> = handles.into_iter().map(|handle| handle.join()).collect();
    /// assert_eq!(squares?, [1, 4, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_batch<F, T>(
        &self,
        tasks: impl IntoIterator<Item = F>,
    ) -> Result<Vec<TaskHandle<T>>, BatchRejected<F, T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.submit_batch(tasks)
    }

    /// As [`submit_batch`](Self::submit_batch), without handles; returns how many there were.
    ///
    /// # Errors
    /// [`BatchRejected`] with the number of those that were accepted and the closures of the rest.
    pub fn execute_batch<F: FnOnce() + Send + 'static>(
        &self,
        tasks: impl IntoIterator<Item = F>,
    ) -> Result<usize, BatchRejected<F, ()>> {
        self.shared.execute_batch(tasks)
    }

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
    /// several threads; from a task of this pool too, which then does not wait for itself.
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
    /// From inside a task of this pool, that task does not count.
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

#[cold]
fn reject_closure<F>(refused: Refused<Closure<F>>) -> Rejected<F> {
    Rejected {
        task: refused.work.0,
        reason: refused.reason,
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
