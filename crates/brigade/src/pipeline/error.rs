//! Why a pipeline has no result.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::pool::Panic;

/// Why a pipeline did not come to its end. `E` is the closures' own error.
///
/// ```
/// use brigade::pipeline::{self, PipelineError};
///
/// let failed = pipeline::source(["1", "two"])
///     .try_map(1, |word| word.parse::<u32>())
///     .named("parse")
///     .for_each(|_| ());
/// let Err(PipelineError::Failed { stage, .. }) = &failed else { unreachable!() };
/// assert_eq!(&**stage, "parse");
/// assert_eq!(
///     failed.unwrap_err().to_string(),
///     "stage `parse` failed and stopped the pipeline: invalid digit found in string"
/// );
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineError<E = Infallible> {
    /// A stage's closure returned an error, before any other stage failed.
    #[non_exhaustive]
    Failed {
        /// The name of the stage.
        stage: Arc<str>,
        /// What the closure returned.
        error: E,
    },
    /// A stage's closure, the source's iterator or a destructor panicked, before any other stage failed.
    #[non_exhaustive]
    Panicked {
        /// The name of the stage.
        stage: Arc<str>,
        /// What it left behind. Its [`task`](Panic::task) is the stage, its [`pool`](Panic::pool) is `pipeline`.
        panic: Panic,
    },
    /// A stage was set up in a way that cannot work. Nothing was started.
    #[non_exhaustive]
    Invalid {
        /// The name of the stage.
        stage: Arc<str>,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The system refused to start a thread. No item was processed.
    #[non_exhaustive]
    NoThread {
        /// The name of the stage.
        stage: Arc<str>,
        /// What the system said.
        error: io::Error,
    },
}

impl<E> PipelineError<E> {
    /// The name of the stage it happened in.
    pub fn stage(&self) -> &str {
        match self {
            Self::Failed { stage, .. }
            | Self::Panicked { stage, .. }
            | Self::Invalid { stage, .. }
            | Self::NoThread { stage, .. } => stage,
        }
    }
}

impl<E: fmt::Display> fmt::Display for PipelineError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { stage, error } => {
                write!(
                    formatter,
                    "stage `{stage}` failed and stopped the pipeline: {error}"
                )
            }
            Self::Panicked { stage, panic } => {
                write!(formatter, "stage `{stage}` panicked")?;
                if let Some(place) = panic.location() {
                    write!(formatter, " at {place}")?;
                }
                write!(formatter, " and stopped the pipeline: {}", panic.message())
            }
            Self::Invalid { stage, problem } => {
                write!(
                    formatter,
                    "the pipeline was not started: stage `{stage}` {problem}"
                )
            }
            Self::NoThread { stage, error } => write!(
                formatter,
                "the pipeline was not started: no thread for stage `{stage}` ({error}); \
                 use fewer workers or raise the limit on threads"
            ),
        }
    }
}

impl<E: Error + 'static> Error for PipelineError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { error, .. } => Some(error),
            Self::NoThread { error, .. } => Some(error),
            Self::Panicked { .. } | Self::Invalid { .. } => None,
        }
    }
}
