//! Why a job log cannot be used.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a job log cannot be used.
#[derive(Debug)]
pub(crate) enum LogError {
    Open {
        path: PathBuf,
        error: io::Error,
    },
    /// Another process writes to it.
    InUse(PathBuf),
    /// What is no regular file cannot be read again.
    NoFile(PathBuf),
    /// It has jobs of an earlier run, and nobody has said what to do about them.
    NotEmpty(PathBuf),
    /// A line of it is not what is written to a job log.
    Line {
        path: PathBuf,
        number: u64,
        error: serde_json::Error,
    },
    /// What failed was a block of input, which is not in it.
    Blocks(PathBuf),
    /// The input was cut in another way, so that its blocks cannot be recognised.
    OtherBlocks {
        path: PathBuf,
        logged: String,
        now: String,
    },
    /// What failed was run by different commands.
    SeveralCommands(PathBuf),
}

impl fmt::Display for LogError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, error } => {
                write!(
                    formatter,
                    "the job log {} cannot be used: {error}",
                    path.display()
                )
            }
            Self::InUse(path) => write!(
                formatter,
                "the job log {} is in use by another brigade; wait for its end, or use another file",
                path.display()
            ),
            Self::NoFile(path) => write!(
                formatter,
                "the job log {} is no regular file, so that nothing can be resumed from it",
                path.display()
            ),
            Self::NotEmpty(path) => write!(
                formatter,
                "the job log {} has jobs of an earlier run; go on from there with --resume, \
                 --resume-failed or --retry-failed, or remove it",
                path.display()
            ),
            Self::Line {
                path,
                number,
                error,
            } => write!(
                formatter,
                "line {number} of the job log {} is no job: {error}; remove the line, and its job \
                 is run again",
                path.display()
            ),
            Self::Blocks(path) => write!(
                formatter,
                "what failed in the job log {} were blocks of input, which are not in it; run them with \
                 --pipe --resume-failed, the command and its input",
                path.display()
            ),
            Self::OtherBlocks { path, logged, now } => write!(
                formatter,
                "the job log {} has blocks of --pipe {logged}, and {now} none of them would be \
                 recognised; use the same options as then, or remove it",
                path.display()
            ),
            Self::SeveralCommands(path) => write!(
                formatter,
                "what failed in the job log {} was run by different commands; run it with \
                 --resume-failed, the command and its input",
                path.display()
            ),
        }
    }
}

impl Error for LogError {}
