//! Why a lock was not taken.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::report::Report;

/// Why a lock was not taken. Whoever gets it holds nothing more than before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LockError {
    /// Waiting would never end, or the lock was asked for against its rank: the report says why.
    Deadlock(Box<Report>),
    /// It was not free in time.
    #[non_exhaustive]
    TimedOut {
        /// The name of the lock, or the line that made it.
        lock: String,
        /// How long the caller waited.
        waited: Duration,
    },
    /// It was not free, and the caller would not wait.
    #[non_exhaustive]
    WouldBlock {
        /// The name of the lock, or the line that made it.
        lock: String,
    },
    /// Several locks were asked for at once, and one of them twice.
    #[non_exhaustive]
    Duplicate {
        /// The name of the lock, or the line that made it.
        lock: String,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadlock(report) => report.fmt(formatter),
            Self::TimedOut { lock, waited } => write!(
                formatter,
                "lock `{lock}` was not free within {waited:?}; hold it for less long, or wait longer"
            ),
            Self::WouldBlock { lock } => {
                write!(
                    formatter,
                    "lock `{lock}` is not free; try again, or wait for it"
                )
            }
            Self::Duplicate { lock } => write!(
                formatter,
                "lock `{lock}` was asked for twice at once; ask for each lock once"
            ),
        }
    }
}

impl Error for LockError {}
