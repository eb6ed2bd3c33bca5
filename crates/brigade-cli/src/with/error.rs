//! Why a command was not run, other than that its resources were not to be had.

use std::error::Error;
use std::fmt;
use std::io;

use crate::resource::ResourceError;

/// Why a command was not run, other than that its resources were not to be had.
#[derive(Debug)]
pub(crate) enum WithError {
    /// Its resources cannot be had.
    Resource(ResourceError),
    /// Standard output does not take it; that is what the error says.
    Output(io::Error),
    /// The system refused something this program cannot do without.
    System {
        what: &'static str,
        error: io::Error,
    },
}

impl WithError {
    /// Makes an error of what the system said when it refused this.
    pub(crate) fn refused(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}

impl fmt::Display for WithError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(error) => error.fmt(formatter),
            Self::Output(error) => error.fmt(formatter),
            Self::System { what, error } => write!(formatter, "{what}: {error}"),
        }
    }
}

impl Error for WithError {}

impl From<ResourceError> for WithError {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}
