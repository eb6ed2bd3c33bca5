//! The handle of a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::waiting::{self, Subject};

use super::cell::{Cancel, Joinable};
use super::error::TaskError;
use super::member;
use super::running::Running;
use super::shared::Shared;

/// The result of a task, now or later.
///
/// It can be joined, awaited, asked, or dropped: dropping detaches the task, which still runs, and
/// whose panic then goes to the pool's panic handler.
///
/// ```
/// use brigade::Pool;
///
/// let pool = Pool::builder("doc").workers(2).build()?;
/// let handle = pool.submit(|| 6 * 7)?;
/// assert_eq!(handle.join()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the handle detaches the task; use `execute` if nobody waits for it"]
pub struct TaskHandle<T> {
    cell: Arc<dyn Joinable<T>>,
    shared: Arc<Shared>,
    /// The result has been taken out.
    taken: bool,
}

impl<T: Send + 'static> TaskHandle<T> {
    pub(crate) fn new(cell: Arc<dyn Joinable<T>>, shared: Arc<Shared>) -> Self {
        Self {
            cell,
            shared,
            taken: false,
        }
    }

    /// Waits for the result.
    ///
    /// A worker of the same pool that waits for a task nobody has begun runs it there and then; if it
    /// is being run elsewhere, another worker may take this one's place for the time. So tasks may
    /// wait for tasks of their own pool, on one worker too.
    ///
    /// # Errors
    /// A [`TaskError`] that says why there is no result; [`TaskError::Deadlock`] if the wait would never end:
    /// the task waits for itself, or for a lock that this thread holds.
    pub fn join(mut self) -> Result<T, TaskError> {
        self.wait(None).unwrap_or_else(|| Err(self.already_taken()))
    }

    /// Waits for the result for at most `limit`; `None` if it is not there by then.
    ///
    /// Unlike [`join`](Self::join) it never runs the task on the waiting worker, which could take
    /// longer than `limit`.
    ///
    /// # Errors
    /// As [`join`](Self::join), inside the option.
    pub fn join_timeout(&mut self, limit: Duration) -> Option<Result<T, TaskError>> {
        match Instant::now().checked_add(limit) {
            Some(deadline) => self.wait(Some(deadline)),
            None => self.wait(None),
        }
    }

    /// The result, if the task has ended; does not wait. After the result was taken: `None`.
    ///
    /// # Errors
    /// As [`join`](Self::join), inside the option.
    pub fn try_join(&mut self) -> Option<Result<T, TaskError>> {
        self.note(self.cell.poll(None))
    }

    /// True if the task has ended, however it did; does not wait.
    pub fn is_finished(&self) -> bool {
        self.cell.is_finished()
    }

    /// Removes the task from the queue, or asks it to stop if it runs already.
    ///
    /// A task that was removed frees its place in the queue at once. Cost: two short locks.
    pub fn cancel(&self) -> Cancel {
        self.cell.cancel(&self.shared)
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Option<Result<T, TaskError>> {
        if self.taken {
            return None;
        }
        if let Some(outcome) = self.cell.poll(None) {
            return self.note(Some(outcome));
        }
        if deadline.is_none() && member::is_member(&self.shared) {
            Arc::clone(&self.cell).run_if_queued(&self.shared);
        }
        let subject = Subject {
            awaited: &|| {
                self.shared
                    .end_of(Arc::clone(&self.cell) as Arc<dyn Running>)
            },
            name: &|| self.shared.id(self.cell.task_name()).to_string(),
        };
        let waited = waiting::wait(Some(&subject), deadline, |waker| {
            self.cell.poll(Some(waker))
        });
        match waited {
            Ok(outcome) => self.note(outcome),
            // The task goes on, and the result can still be had once it has ended.
            Err(report) => Some(Err(TaskError::Deadlock(report))),
        }
    }

    fn note(&mut self, outcome: Option<Result<T, TaskError>>) -> Option<Result<T, TaskError>> {
        self.taken |= outcome.is_some();
        outcome
    }

    /// For a join after `try_join` or a timed one has taken the result: a mistake of the caller's.
    fn already_taken(&self) -> TaskError {
        TaskError::Taken(self.shared.id(self.cell.task_name()))
    }
}

impl<T: Send + 'static> Future for TaskHandle<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.taken {
            return Poll::Ready(Err(self.already_taken()));
        }
        let outcome = self.cell.poll(Some(context.waker()));
        self.note(outcome).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        if !self.taken {
            self.cell.detach(&self.shared);
        }
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TaskHandle")
            .field("pool", &self.shared.name)
            .field("task", &self.cell.task_name())
            .field("finished", &self.cell.is_finished())
            .finish()
    }
}
