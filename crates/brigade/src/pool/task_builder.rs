//! A task with more to it than its closure, and the ways of handing it over.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::primitive::Mutex;

use super::admission::{Patience, Refused};
use super::cell::{Extras, TaskBody, TaskCell};
use super::error::{Rejected, TaskError};
use super::job::Work;
use super::line::Ticket;
use super::member::{self, Source};
use super::priority::Priority;
use super::shared::Shared;
use super::task::TaskHandle;

/// A plain closure.
pub struct Plain<F>(pub(crate) F);

impl<F, T> TaskBody for Plain<F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;
    type Closure = F;

    #[inline]
    fn call(self) -> T {
        self.0()
    }

    fn into_closure(self) -> F {
        self.0
    }
}

/// A closure that uses its worker's state.
pub struct Stateful<F, S> {
    pub(crate) closure: F,
    pub(crate) source: Arc<Source<S>>,
}

impl<F, T, S> TaskBody for Stateful<F, S>
where
    F: FnOnce(&mut S) -> T + Send + 'static,
    T: Send + 'static,
    S: 'static,
{
    type Output = T;
    type Closure = F;

    fn call(self) -> T {
        member::with_local(&self.source, self.closure)
    }

    fn into_closure(self) -> F {
        self.closure
    }
}

/// A task in the making: [`Pool::task`](super::Pool::task) begins one, one of the methods of the
/// same names as the pool's hands it over.
///
/// ```
/// use std::time::{Duration, Instant};
/// use brigade::{Pool, Priority};
///
/// let pool = Pool::builder("doc").workers(1).build()?;
/// let handle = pool
///     .task(|| 6 * 7)
///     .priority(Priority::HIGH)
///     .name("answer")
///     .deadline(Instant::now() + Duration::from_secs(5))
///     .on_complete(|outcome| println!("{outcome:?}"))
///     .submit()?;
/// assert_eq!(handle.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a task does nothing until it is submitted or executed"]
pub struct TaskBuilder<'pool, B: TaskBody> {
    shared: &'pool Arc<Shared>,
    body: B,
    priority: Priority,
    name: Option<Arc<str>>,
    deadline: Option<Instant>,
    on_complete: Option<super::cell::OnComplete<B::Output>>,
}

impl<'pool, B: TaskBody> TaskBuilder<'pool, B> {
    pub(crate) fn new(shared: &'pool Arc<Shared>, body: B) -> Self {
        Self {
            shared,
            body,
            priority: Priority::NORMAL,
            name: None,
            deadline: None,
            on_complete: None,
        }
    }

    /// How urgent it is ([`Priority::NORMAL`]).
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// What errors and reports call it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// If it has not begun by then, it will not: its handle says [`TaskError::Expired`].
    ///
    /// The closure is dropped when a worker comes to it, so that the wait for the handle can end later
    /// than the deadline.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Called with the outcome before anyone who waits for it, on the thread where the task ended.
    ///
    /// Exactly once for an accepted task, whatever its end; never for a refused one. A panic in it
    /// goes to the pool's panic handler.
    pub fn on_complete(
        mut self,
        callback: impl FnOnce(&Result<B::Output, TaskError>) + Send + 'static,
    ) -> Self {
        self.on_complete = Some(Box::new(callback));
        self
    }

    /// As [`Pool::submit`](super::Pool::submit).
    ///
    /// # Errors
    /// [`Rejected`], with the closure and the reason; what else was set is dropped.
    pub fn submit(self) -> Result<TaskHandle<B::Output>, Rejected<B::Closure>> {
        self.submit_within(Patience::Until(None))
    }

    /// As [`Pool::try_submit`](super::Pool::try_submit).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn try_submit(self) -> Result<TaskHandle<B::Output>, Rejected<B::Closure>> {
        self.submit_within(Patience::None)
    }

    /// As [`Pool::submit_timeout`](super::Pool::submit_timeout).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_timeout(
        self,
        limit: Duration,
    ) -> Result<TaskHandle<B::Output>, Rejected<B::Closure>> {
        self.submit_within(Patience::Until(Instant::now().checked_add(limit)))
    }

    /// As [`Pool::submit_async`](super::Pool::submit_async).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn submit_async(self) -> Result<TaskHandle<B::Output>, Rejected<B::Closure>> {
        let (shared, priority) = (self.shared, self.priority);
        let cell = self.into_cell(false);
        let handle = Arc::clone(&cell);
        match Queueing::new(shared, cell, priority).await {
            Ok(()) => Ok(TaskHandle::new(handle, Arc::clone(shared))),
            Err(refused) => {
                drop(handle);
                Err(reject_cell(refused))
            }
        }
    }

    /// As [`Pool::execute`](super::Pool::execute).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn execute(self) -> Result<(), Rejected<B::Closure>> {
        self.execute_within(Patience::Until(None))
    }

    /// As [`Pool::try_execute`](super::Pool::try_execute).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn try_execute(self) -> Result<(), Rejected<B::Closure>> {
        self.execute_within(Patience::None)
    }

    /// As [`Pool::execute_timeout`](super::Pool::execute_timeout).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn execute_timeout(self, limit: Duration) -> Result<(), Rejected<B::Closure>> {
        self.execute_within(Patience::Until(Instant::now().checked_add(limit)))
    }

    /// As [`Pool::execute_async`](super::Pool::execute_async).
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub async fn execute_async(self) -> Result<(), Rejected<B::Closure>> {
        let (shared, priority) = (self.shared, self.priority);
        let cell = self.into_cell(true);
        Queueing::new(shared, cell, priority)
            .await
            .map_err(reject_cell)
    }

    #[inline]
    fn submit_within(
        self,
        patience: Patience,
    ) -> Result<TaskHandle<B::Output>, Rejected<B::Closure>> {
        let (shared, priority) = (self.shared, self.priority);
        let cell = self.into_cell(false);
        let handle = Arc::clone(&cell);
        match shared.admit(cell, priority, patience) {
            Ok(()) => Ok(TaskHandle::new(handle, Arc::clone(shared))),
            Err(refused) => {
                drop(handle);
                Err(reject_cell(refused))
            }
        }
    }

    fn execute_within(self, patience: Patience) -> Result<(), Rejected<B::Closure>> {
        let (shared, priority) = (self.shared, self.priority);
        shared
            .admit(self.into_cell(true), priority, patience)
            .map_err(reject_cell)
    }

    #[inline]
    fn into_cell(self, detached: bool) -> Arc<TaskCell<B>> {
        let Self {
            body,
            name,
            deadline,
            on_complete,
            ..
        } = self;
        let plain = name.is_none() && deadline.is_none() && on_complete.is_none();
        let extras = (!plain).then(|| {
            Box::new(Extras {
                name,
                deadline,
                on_complete: Mutex::new(on_complete),
            })
        });
        Arc::new(TaskCell::new(body, extras, detached))
    }
}

/// Takes the closure out of a refused task.
#[cold]
fn reject_cell<B: TaskBody>(refused: Refused<Arc<TaskCell<B>>>) -> Rejected<B::Closure> {
    let Some(cell) = Arc::into_inner(refused.work) else {
        unreachable!("a refused task was never queued, and its handle has been dropped");
    };
    Rejected {
        task: cell.into_body().into_closure(),
        reason: refused.reason,
    }
}

/// Awaits room in the queue. Dropped while it waits, it leaves the line and drops the work.
pub(crate) struct Queueing<'pool, W: Work> {
    shared: &'pool Arc<Shared>,
    priority: Priority,
    work: Option<W>,
    ticket: Option<Ticket>,
    work_type: PhantomData<fn(W)>,
}

impl<'pool, W: Work> Queueing<'pool, W> {
    pub(crate) fn new(shared: &'pool Arc<Shared>, work: W, priority: Priority) -> Self {
        Self {
            shared,
            priority,
            work: Some(work),
            ticket: None,
            work_type: PhantomData,
        }
    }
}

// Nothing in it is pinned: the work is moved into the queue.
impl<W: Work> Unpin for Queueing<'_, W> {}

impl<W: Work> Future for Queueing<'_, W> {
    type Output = Result<(), Refused<W>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = self.shared;
        if let Some(work) = self.work.take() {
            match shared.admit_later(work, self.priority, context.waker()) {
                Ok(None) => return Poll::Ready(Ok(())),
                Ok(ticket) => self.ticket = ticket,
                Err(refused) => return Poll::Ready(Err(refused)),
            }
        }
        let Some(ticket) = self.ticket else {
            return Poll::Ready(Ok(())); // polled after it was ready: there is nothing more to say
        };
        match shared.progress::<W>(ticket, context.waker()) {
            Ok(false) => Poll::Pending,
            Ok(true) => {
                self.ticket = None;
                Poll::Ready(Ok(()))
            }
            Err(refused) => {
                self.ticket = None;
                Poll::Ready(Err(refused))
            }
        }
    }
}

impl<W: Work> Drop for Queueing<'_, W> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.give_up(ticket);
        }
    }
}
