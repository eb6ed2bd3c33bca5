//! What can go wrong with a task, and with handing one over.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::Report;

use super::panic::Panic;
use super::task::TaskHandle;

/// Why an accepted task has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It panicked; its worker lives on.
    Panicked(Panic),
    /// [`TaskHandle::cancel`] removed it from the queue.
    Cancelled(TaskId),
    /// Its deadline passed while it waited in the queue.
    Expired(TaskId),
    /// A newer task took its place in a full queue ([`WhenFull::DiscardOldest`](super::WhenFull)).
    Discarded(TaskId),
    /// The pool shut down before the task began; the shutdown report has handed it back.
    ShutDown(TaskId),
    /// Waiting for it would never end: it waits for whoever waits for it. The report has the whole cycle.
    Deadlock(Box<Report>),
    /// The result was taken out of this handle before, by `try_join` or `join_timeout`.
    Taken(TaskId),
}

/// Which task, on which pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskId {
    pub(crate) pool: Arc<str>,
    pub(crate) task: Option<Arc<str>>,
}

impl TaskId {
    /// The name of the pool that had accepted the task.
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// The name of the task, if it was given one.
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(name) => write!(formatter, "task `{name}` on pool `{}`", self.pool),
            None => write!(formatter, "a task on pool `{}`", self.pool),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => panic.fmt(formatter),
            Self::Cancelled(id) => write!(formatter, "{id} was cancelled before it began"),
            Self::Expired(id) => write!(
                formatter,
                "{id} did not begin before its deadline; allow more time or add workers"
            ),
            Self::Discarded(id) => write!(
                formatter,
                "{id} was discarded from the full queue to make room for a newer task"
            ),
            Self::ShutDown(id) => write!(
                formatter,
                "{id} did not begin before the pool shut down; the shutdown report hands it back"
            ),
            Self::Deadlock(report) => report.fmt(formatter),
            Self::Taken(id) => write!(formatter, "the result of {id} was taken before; keep it"),
        }
    }
}

impl Error for TaskError {}

/// A refused task: the closure comes back, with the reason.
///
/// ```
/// use brigade::{Pool, pool::{Rejected, RejectReason, Shutdown}};
///
/// let pool = Pool::builder("doc").workers(1).build()?;
/// pool.shutdown(Shutdown::drain());
/// let Err(Rejected { task, reason: RejectReason::ShutDown { .. } }) = pool.submit(|| 7) else {
///     unreachable!()
/// };
/// assert_eq!(task(), 7); // nothing is lost: run it here
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rejected<F> {
    /// The closure, as it was handed in.
    pub task: F,
    /// Why the pool did not take it.
    pub reason: RejectReason,
}

/// Why a pool did not take a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The queue was full, and stayed so for as long as the caller would wait.
    #[non_exhaustive]
    Full {
        /// The name of the pool.
        pool: Arc<str>,
        /// How many tasks may wait.
        capacity: usize,
        /// How long the caller waited.
        waited: Duration,
        /// When there will probably be room, from the measured rate at which the queue drains.
        retry_after: Duration,
    },
    /// The pool is shutting down or has shut down.
    #[non_exhaustive]
    ShutDown {
        /// The name of the pool.
        pool: Arc<str>,
    },
    /// The queue is full, and waiting for room would never end: the workers that could make it wait for a lock that the
    /// caller holds.
    #[non_exhaustive]
    Deadlock {
        /// The name of the pool.
        pool: Arc<str>,
        /// The whole cycle.
        report: Box<Report>,
    },
    /// The pool has no worker, and the system refused to start one.
    #[non_exhaustive]
    NoWorkers {
        /// The name of the pool.
        pool: Arc<str>,
        /// What the system said.
        error: Arc<str>,
    },
}

impl fmt::Display for RejectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                pool,
                capacity,
                waited,
                retry_after,
            } => {
                write!(
                    formatter,
                    "the queue of pool `{pool}` is full ({capacity} tasks wait)"
                )?;
                if !waited.is_zero() {
                    write!(formatter, " after waiting {waited:?}")?;
                }
                write!(formatter, "; retry in about {retry_after:?}")
            }
            Self::ShutDown { pool } => {
                write!(
                    formatter,
                    "pool `{pool}` has shut down and takes no more tasks"
                )
            }
            Self::Deadlock { pool, report } => {
                write!(formatter, "pool `{pool}` is full for ever: {report}")
            }
            Self::NoWorkers { pool, error } => write!(
                formatter,
                "pool `{pool}` has no worker and could not start one ({error}); raise the limit on threads"
            ),
        }
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(formatter)
    }
}

impl<F> Error for Rejected<F> {}

/// A batch that was taken in part: what the pool accepted, and the rest, in order.
pub struct BatchRejected<F, T> {
    /// The handles of the tasks that were accepted (none for `execute_batch`).
    pub handles: Vec<TaskHandle<T>>,
    /// How many tasks were accepted.
    pub accepted: usize,
    /// The closures that were not, in their order.
    pub rest: Vec<F>,
    /// Why the pool did not take them.
    pub reason: RejectReason,
}

impl<F, T> fmt::Debug for BatchRejected<F, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BatchRejected")
            .field("accepted", &self.accepted)
            .field("rest", &self.rest.len())
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F, T> fmt::Display for BatchRejected<F, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, rest) = (self.accepted, self.rest.len());
        write!(
            formatter,
            "{accepted} tasks were accepted and {rest} came back: {}",
            self.reason
        )
    }
}

impl<F, T> Error for BatchRejected<F, T> {}

/// Why a `map` has no result. `E` is the closure's own error.
#[derive(Debug)]
#[non_exhaustive]
pub enum MapError<E = std::convert::Infallible> {
    /// The closure returned an error; the one with the lowest index is reported.
    #[non_exhaustive]
    Failed {
        /// The place in the input.
        index: usize,
        /// What the closure returned.
        error: E,
    },
    /// The closure panicked; the panic with the lowest index is reported.
    #[non_exhaustive]
    Panicked {
        /// The place in the input.
        index: usize,
        /// What it left behind.
        panic: Panic,
    },
    /// The time was over before every item was done.
    #[non_exhaustive]
    TimedOut {
        /// The name of the pool.
        pool: Arc<str>,
        /// The time that was allowed.
        limit: Duration,
        /// The places in the input that had no result yet, as ascending ranges.
        unfinished: Vec<Range<usize>>,
    },
    /// The pool did not take the work, or shut down during it.
    #[non_exhaustive]
    Rejected {
        /// Why.
        reason: RejectReason,
    },
}

impl<E: fmt::Display> fmt::Display for MapError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { index, error } => write!(formatter, "item {index} failed: {error}"),
            Self::Panicked { index, panic } => write!(formatter, "item {index} failed: {panic}"),
            Self::TimedOut {
                pool,
                limit,
                unfinished,
            } => {
                let count: usize = unfinished.iter().map(ExactSizeIterator::len).sum();
                write!(
                    formatter,
                    "{count} items were not done on pool `{pool}` after {limit:?}: "
                )?;
                write_ranges(formatter, unfinished)
            }
            Self::Rejected { reason } => reason.fmt(formatter),
        }
    }
}

/// The first few ranges, so that a message stays a message.
fn write_ranges(formatter: &mut fmt::Formatter<'_>, ranges: &[Range<usize>]) -> fmt::Result {
    const SHOWN: usize = 8;
    for (place, range) in ranges.iter().take(SHOWN).enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        match range.len() {
            1 => write!(formatter, "{comma}{}", range.start)?,
            _ => write!(formatter, "{comma}{}..{}", range.start, range.end)?,
        }
    }
    if ranges.len() > SHOWN {
        formatter.write_str(", ...")?;
    }
    Ok(())
}

impl<E: Error + 'static> Error for MapError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Why a pool could not be built or resized.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting that cannot work.
    #[non_exhaustive]
    Invalid {
        /// The name of the pool.
        pool: Arc<str>,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The system refused to start even one worker.
    #[non_exhaustive]
    NoWorkers {
        /// The name of the pool.
        pool: Arc<str>,
        /// What the system said.
        error: std::io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { pool, problem } => write!(formatter, "pool `{pool}`: {problem}"),
            Self::NoWorkers { pool, error } => {
                write!(formatter, "pool `{pool}` could not start a worker: {error}")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid { .. } => None,
            Self::NoWorkers { error, .. } => Some(error),
        }
    }
}
