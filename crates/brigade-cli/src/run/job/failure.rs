//! Why a job failed, and how that is said.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use signal_hook::low_level::signal_name;

use crate::quantity::Span;
use crate::resource::ResourceError;

use super::bad_item::BadItem;

/// Why a job failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be run as it is.
    Item(String),
    /// Its process could not be started.
    Start { program: String, error: io::Error },
    /// It cannot be run in its directory.
    Directory(PathBuf, io::Error),
    /// It could not be made so nice.
    Niceness(io::Error),
    /// It said so.
    Exit {
        code: i32,
        /// It was a shell that said so.
        shell: bool,
    },
    /// A signal ended it.
    Signal { number: i32, core_dumped: bool },
    /// It took longer than it may.
    TimedOut { limit: Duration, killed: bool },
    /// It was ended because it used the terminal.
    Terminal,
    /// We ended it, because the run was to end, and it says that.
    Stopped(Box<Failure>),
    /// Its end could not be waited for.
    Wait(io::Error),
    /// Not all of its block could be written to it.
    Input(io::Error),
    /// Its output could not be kept, and some is missing.
    Capture(io::Error),
    /// Its output could not be written.
    Output(io::Error),
    /// The resources that it needs could not be had.
    Resource(ResourceError),
    /// Its output could not be saved in a file.
    Results(io::Error),
    /// This program itself failed at it.
    Panic(String),
}

impl Failure {
    /// The exit code, if the job ended with one.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exit { code, .. } => Some(*code),
            // It ended with success, but did not get all of its input, or its output went missing.
            Self::Input(_) | Self::Capture(_) | Self::Output(_) | Self::Results(_) => Some(0),
            _ => None,
        }
    }

    /// The signal that ended the job, if one did.
    pub(crate) fn signal(&self) -> Option<i32> {
        match self {
            Self::Signal { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// True if the job might succeed when it is run again.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::Directory(..)
            | Self::Niceness(_)
            | Self::Exit { .. }
            | Self::Signal { .. }
            | Self::TimedOut { .. }
            | Self::Wait(_)
            | Self::Input(_)
            | Self::Capture(_) => true,
            // It would be the same again, or it has run, or it is not to run any more.
            Self::Item(_)
            | Self::Terminal
            | Self::Output(_)
            | Self::Results(_)
            | Self::Resource(_)
            | Self::Panic(_)
            | Self::Stopped(_) => false,
        }
    }
}

impl From<&BadItem> for Failure {
    fn from(bad: &BadItem) -> Self {
        Self::Item(bad.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(problem) => formatter.write_str(problem),
            Self::Start { program, error } => match error.kind() {
                io::ErrorKind::NotFound if program.contains('/') => write!(
                    formatter,
                    "{program}: no such file, or its interpreter is missing"
                ),
                io::ErrorKind::NotFound if program.contains(' ') => write!(
                    formatter,
                    "{program}: command not found; several words are taken one by one, and options \
                     of brigade go before them"
                ),
                io::ErrorKind::NotFound => write!(formatter, "{program}: command not found"),
                io::ErrorKind::PermissionDenied => {
                    write!(
                        formatter,
                        "{program}: permission denied; is it an executable file?"
                    )
                }
                io::ErrorKind::ArgumentListTooLong => {
                    write!(
                        formatter,
                        "{program}: its arguments are longer than the system allows"
                    )
                }
                _ => write!(formatter, "{program}: could not be started: {error}"),
            },
            Self::Directory(directory, error) => write!(
                formatter,
                "its directory {} cannot be used: {error}",
                directory.display()
            ),
            Self::Niceness(error) => {
                write!(formatter, "its niceness could not be set: {error}")
            }
            Self::Exit {
                code: 126,
                shell: true,
            } => formatter.write_str("exit status 126 (a command could not be executed)"),
            Self::Exit {
                code: 127,
                shell: true,
            } => formatter.write_str("exit status 127 (command not found)"),
            Self::Exit { code, .. } => write!(formatter, "exit status {code}"),
            Self::Signal {
                number,
                core_dumped,
            } => {
                write!(formatter, "killed by signal {number}")?;
                if let Some(name) = signal_name(*number) {
                    write!(formatter, " ({name})")?;
                }
                formatter.write_str(if *core_dumped { ", core dumped" } else { "" })
            }
            Self::TimedOut { limit, killed } => {
                write!(formatter, "timed out after {}", Span(*limit))?;
                formatter.write_str(if *killed {
                    ", and had to be killed"
                } else {
                    ""
                })
            }
            Self::Terminal => formatter.write_str(
                "stopped, as it used the terminal, which jobs do not have; \
                 give it what it asks for in another way",
            ),
            Self::Stopped(end) => end.fmt(formatter),
            Self::Wait(error) => write!(formatter, "its end could not be waited for: {error}"),
            Self::Input(error) => {
                write!(formatter, "it could not be given all of its block: {error}")
            }
            Self::Capture(error) => {
                write!(
                    formatter,
                    "some of its output is lost, it could not be kept: {error}"
                )
            }
            Self::Output(error) => {
                write!(
                    formatter,
                    "its output is lost, it could not be written: {error}"
                )
            }
            Self::Resource(error) => write!(formatter, "its resources cannot be had: {error}"),
            Self::Results(error) => write!(formatter, "its output could not be saved: {error}"),
            Self::Panic(message) => write!(formatter, "brigade panicked: {message}"),
        }
    }
}

impl Error for Failure {}
