//! Why an item was not taken, and why a wait ended without what it was for.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::Report;

/// A refused item: it comes back, with the reason.
///
/// ```
/// use brigade::consumers::{Consumers, Rejected, RejectReason};
/// use brigade::pool::Shutdown;
///
/// let consumers = Consumers::builder("print").start(|page: &String| println!("{page}"))?;
/// consumers.shutdown(Shutdown::drain());
/// let Err(Rejected { item, reason: RejectReason::ShutDown { .. } }) = consumers.produce("one".to_owned()) else {
///     unreachable!()
/// };
/// assert_eq!(item, "one"); // nothing is lost
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rejected<T> {
    /// The item, as it was handed in.
    pub item: T,
    /// Why it was not taken.
    pub reason: RejectReason,
}

/// Why an item was not taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RejectReason {
    /// The buffer was full, and stayed so for as long as the caller would wait.
    #[non_exhaustive]
    Full {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// How many items may wait.
        capacity: usize,
        /// How long the caller waited.
        waited: Duration,
        /// When there will probably be room, from the measured rate at which the buffer drains.
        retry_after: Duration,
    },
    /// The consumers are shutting down or have shut down.
    #[non_exhaustive]
    ShutDown {
        /// The name of the consumers.
        consumers: Arc<str>,
    },
    /// Waiting for room would never end: whoever could make room waits for the caller, or is the caller.
    #[non_exhaustive]
    Deadlock {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// The whole cycle.
        report: Box<Report>,
    },
}

impl fmt::Display for RejectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                consumers,
                capacity,
                waited,
                retry_after,
            } => {
                write!(
                    formatter,
                    "the buffer of consumers `{consumers}` is full ({capacity} items wait)"
                )?;
                if !waited.is_zero() {
                    write!(formatter, " after waiting {waited:?}")?;
                }
                write!(formatter, "; retry in about {retry_after:?}")
            }
            Self::ShutDown { consumers } => write!(
                formatter,
                "consumers `{consumers}` have shut down and take no more items"
            ),
            Self::Deadlock { consumers, report } => write!(
                formatter,
                "the buffer of consumers `{consumers}` is full and would stay so for ever, for all that could make \
                 room wait for this thread; use try_produce or produce_timeout in handlers, or a larger buffer\n{report}"
            ),
        }
    }
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(formatter)
    }
}

impl<T> Error for Rejected<T> {}

/// Why `wait_idle` ended before all items were settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The time was over.
    #[non_exhaustive]
    TimedOut {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// The time that was allowed.
        limit: Duration,
    },
    /// A handler waited for its own consumers, and so for itself.
    #[non_exhaustive]
    InHandler {
        /// The name of the consumers.
        consumers: Arc<str>,
    },
    /// A consumer that has one of the items waits for the caller, or all consumers do.
    #[non_exhaustive]
    Deadlock {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// The whole cycle.
        report: Box<Report>,
    },
}

impl fmt::Display for WaitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { consumers, limit } => write!(
                formatter,
                "consumers `{consumers}` had not handled all items after {limit:?}; allow more time or add workers"
            ),
            Self::InHandler { consumers } => write!(
                formatter,
                "a handler of consumers `{consumers}` waited for them to be idle, which they are not before it \
                 returns; wait elsewhere"
            ),
            Self::Deadlock { consumers, report } => {
                write!(
                    formatter,
                    "consumers `{consumers}` will never be idle\n{report}"
                )
            }
        }
    }
}

impl Error for WaitError {}

/// Why consumers could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting that cannot work.
    #[non_exhaustive]
    Invalid {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The system refused a thread; those that had been started have ended again.
    #[non_exhaustive]
    NoThread {
        /// The name of the consumers.
        consumers: Arc<str>,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { consumers, problem } => {
                write!(formatter, "consumers `{consumers}`: {problem}")
            }
            Self::NoThread { consumers, error } => write!(
                formatter,
                "consumers `{consumers}` could not start a thread: {error}; ask for fewer, or raise the limit"
            ),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invalid { .. } => None,
            Self::NoThread { error, .. } => Some(error),
        }
    }
}
