//! The ways to hand tasks over: with a handle or without, one or many, and how long to wait for room.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use super::admission::{Patience, Refused};
use super::error::{BatchRejected, Rejected};
use super::job::Closure;
use super::priority::Priority;
use super::task::TaskHandle;
use super::task_builder::{Plain, Queueing, Stateful, TaskBuilder};

impl<S: 'static> Pool<S> {
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
}

#[cold]
fn reject_closure<F>(refused: Refused<Closure<F>>) -> Rejected<F> {
    Rejected {
        task: refused.work.0,
        reason: refused.reason,
    }
}
