//! Why a message was not taken, and why a wait or a change failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::Report;

/// A refused message: it comes back, with its key and the reason.
pub struct Rejected<K, M> {
    /// The key, as it was handed in.
    pub key: K,
    /// The message, as it was handed in.
    pub message: M,
    /// Why it was not taken.
    pub reason: RejectReason,
}

/// Why a message was not taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RejectReason {
    /// The buffer of the worker that the key belongs to was full, and stayed so for as long as the caller would wait.
    #[non_exhaustive]
    Full {
        /// The name of the workers.
        workers: Arc<str>,
        /// The number of the worker that the key belongs to.
        worker: usize,
        /// How many messages may wait for it.
        capacity: usize,
        /// How long the caller waited.
        waited: Duration,
        /// When there will probably be room, from the measured rate at which messages are handled.
        retry_after: Duration,
    },
    /// The workers are shutting down or have shut down.
    #[non_exhaustive]
    ShutDown {
        /// The name of the workers.
        workers: Arc<str>,
    },
    /// The wait would never end: the worker that the key belongs to waits for the caller, or is the caller.
    #[non_exhaustive]
    Deadlock {
        /// The name of the workers.
        workers: Arc<str>,
        /// The whole cycle.
        report: Box<Report>,
    },
}

impl fmt::Display for RejectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                workers,
                worker,
                capacity,
                waited,
                retry_after,
            } => {
                write!(
                    formatter,
                    "the buffer of worker {worker} of `{workers}` is full ({capacity} messages wait)"
                )?;
                if !waited.is_zero() {
                    write!(formatter, " after waiting {waited:?}")?;
                }
                write!(formatter, "; retry in about {retry_after:?}")
            }
            Self::ShutDown { workers } => {
                write!(
                    formatter,
                    "workers `{workers}` have shut down and take no more messages"
                )
            }
            Self::Deadlock { workers, report } => write!(
                formatter,
                "a worker of `{workers}` would never make room; use try_send in handlers, or a larger buffer\n{report}"
            ),
        }
    }
}

impl<K, M> fmt::Debug for Rejected<K, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<K, M> fmt::Display for Rejected<K, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(formatter)
    }
}

impl<K, M> Error for Rejected<K, M> {}

/// Why workers could not be started, or their number not be changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting that cannot work.
    #[non_exhaustive]
    Invalid {
        /// The name of the workers.
        workers: Arc<str>,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// The system refused a thread.
    #[non_exhaustive]
    NoThread {
        /// The name of the workers.
        workers: Arc<str>,
        /// How many there are now.
        running: usize,
        /// What the system said.
        error: io::Error,
    },
    /// The workers are shutting down or have shut down.
    #[non_exhaustive]
    ShutDown {
        /// The name of the workers.
        workers: Arc<str>,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { workers, problem } => {
                write!(formatter, "workers `{workers}`: {problem}")
            }
            Self::NoThread {
                workers,
                running,
                error,
            } => write!(
                formatter,
                "workers `{workers}` could not start a thread: {error}; there are {running} now"
            ),
            Self::ShutDown { workers } => write!(
                formatter,
                "workers `{workers}` have shut down; their number cannot be changed any more"
            ),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoThread { error, .. } => Some(error),
            Self::Invalid { .. } | Self::ShutDown { .. } => None,
        }
    }
}

/// Why `wait_idle` ended before all messages were handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The time was over.
    #[non_exhaustive]
    TimedOut {
        /// The name of the workers.
        workers: Arc<str>,
        /// The time that was allowed.
        limit: Duration,
    },
    /// A handler waited for its own workers, and so for itself.
    #[non_exhaustive]
    InHandler {
        /// The name of the workers.
        workers: Arc<str>,
    },
    /// A worker that has one of the messages waits for the caller.
    #[non_exhaustive]
    Deadlock {
        /// The name of the workers.
        workers: Arc<str>,
        /// The whole cycle.
        report: Box<Report>,
    },
}

impl fmt::Display for WaitError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { workers, limit } => write!(
                formatter,
                "workers `{workers}` had not handled all messages after {limit:?}; allow more time or add workers"
            ),
            Self::InHandler { workers } => write!(
                formatter,
                "a handler of workers `{workers}` waited for them to be idle, which they are not before it returns; \
                 wait elsewhere"
            ),
            Self::Deadlock { workers, report } => {
                write!(
                    formatter,
                    "workers `{workers}` will never be idle\n{report}"
                )
            }
        }
    }
}

impl Error for WaitError {}
