//! Why what was found could not be shown.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why what was found could not be shown.
#[derive(Debug)]
pub(crate) enum LabError {
    /// Standard output does not take it; that is what the error says.
    Output(io::Error),
    /// The drawing cannot be written.
    Drawing { path: PathBuf, error: io::Error },
}

impl fmt::Display for LabError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(error) => error.fmt(formatter),
            Self::Drawing { path, error } => write!(
                formatter,
                "{} cannot be written: {error}; give --svg a file that can be",
                path.display()
            ),
        }
    }
}

impl Error for LabError {}
