//! Why there is no value.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::Report;

/// Why a value was not computed. `E` is the computation's own error.
///
/// ```
/// use brigade::cache::{ComputeError, OnceMap};
///
/// let ports = OnceMap::new();
/// let failed = ports.try_get_or_compute("http", || "eighty".parse::<u16>()).unwrap_err();
/// assert!(matches!(failed, ComputeError::Failed(_)));
/// assert_eq!(ports.get_or_compute("http", || 80)?, 80); // an error is not kept
/// # Ok::<(), ComputeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComputeError<E = Infallible> {
    /// The computation of this very caller failed; or, in a cache that keeps errors, one before it.
    Failed(E),
    /// The value would wait for itself: its computation asks for it, or waits for a thread that does. The report has
    /// the whole cycle. The other computations of the cycle go on.
    Deadlock(Box<Report>),
    /// Somebody else was computing the value, and was not done in time. That computation goes on.
    #[non_exhaustive]
    TimedOut {
        /// The name of the map or cache, or the line that made it.
        name: Arc<str>,
        /// How long the caller would wait.
        limit: Duration,
    },
}

/// Why waiting for somebody else's computation came to nothing.
pub(super) enum WaitError {
    Deadlock(Box<Report>),
    TimedOut { name: Arc<str>, limit: Duration },
}

impl<E> From<WaitError> for ComputeError<E> {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Deadlock(report) => Self::Deadlock(report),
            WaitError::TimedOut { name, limit } => Self::TimedOut { name, limit },
        }
    }
}

impl<E: fmt::Display> fmt::Display for ComputeError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(formatter, "the computation failed: {error}"),
            Self::Deadlock(report) => write!(
                formatter,
                "the value would wait for itself; let no computation ask for what waits for it: {report}"
            ),
            Self::TimedOut { name, limit } => write!(
                formatter,
                "a value of `{name}` that another caller computes was not there within {limit:?}; \
                 wait longer, or make the computation shorter"
            ),
        }
    }
}

impl<E: Error + 'static> Error for ComputeError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Deadlock(_) | Self::TimedOut { .. } => None,
        }
    }
}
