//! Why nothing could be run at all.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use brigade::pool::BuildError;

use crate::resource::ResourceError;
use crate::run::command::{Replacement, TemplateError};
use crate::run::joblog::LogError;

/// Why nothing was run.
#[derive(Debug)]
pub(crate) enum RunError {
    /// The file with the jobs cannot be read.
    Input { path: PathBuf, error: io::Error },
    /// Jobs were given in two ways.
    TwoInputs,
    /// There is a second `:::`, and what is after each is a command itself.
    ListsWithoutCommand,
    /// NUL bytes cannot end arguments of the command line.
    NullWithoutInput,
    /// Arguments of the command line have no columns.
    ColumnsWithoutInput,
    /// Objects say themselves what to run.
    ObjectsWithCommand,
    /// There is nothing to put columns into.
    ColumnsWithoutCommand,
    /// There is nothing to give blocks to.
    PipeWithoutCommand,
    /// The input cannot be both what jobs read and what they are; what says that it is that.
    PipeWith(&'static str),
    /// The command names an argument that no job has.
    NoSuchArgument { place: Replacement, given: usize },
    /// The command cannot be run for arguments.
    Template(TemplateError),
    /// So many jobs at once need more open files than the system allows.
    OpenFiles {
        jobs: usize,
        needed: u64,
        allowed: u64,
    },
    /// Jobs must not be so little nice.
    Niceness { added: i32, error: io::Error },
    /// The resources that jobs need cannot be had.
    Resource(ResourceError),
    /// The job log cannot be used.
    Log(LogError),
    /// The pool could not be built.
    Pool(BuildError),
    /// The system refused something this program cannot do without.
    System {
        what: &'static str,
        error: io::Error,
    },
}

impl RunError {
    /// Makes an error of what the system said when it refused this.
    pub(crate) fn refused(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { path, error } => write!(
                formatter,
                "{} cannot be read: {error}; jobs come from a readable file, or from standard input (-)",
                path.display()
            ),
            Self::TwoInputs => formatter.write_str(
                "arguments after ::: and an argument file are both given; use one of them",
            ),
            Self::ListsWithoutCommand => formatter.write_str(
                "::: is given twice, and there is no command for the combinations; \
                 put all arguments after one :::, or give a command",
            ),
            Self::ColumnsWithoutInput => formatter.write_str(
                "--colsep is about lines of input, and arguments after ::: are none; \
                 leave one of them out, or use several :::",
            ),
            Self::ObjectsWithCommand => formatter.write_str(
                "with --jsonl each line of input says what to run; leave out the command and :::",
            ),
            Self::ColumnsWithoutCommand => formatter.write_str(
                "--colsep needs a command to put the columns into, such as 'mv {1} {2}'",
            ),
            Self::PipeWithoutCommand => formatter.write_str(
                "--pipe needs a command that reads blocks of the input, such as \
                 brigade run --pipe sort",
            ),
            Self::PipeWith(what) => write!(
                formatter,
                "--pipe and {what} are both given; with --pipe the lines of the input are what the \
                 command reads, and neither jobs nor arguments; leave one of them out"
            ),
            Self::NoSuchArgument { place, given: 1 } => write!(
                formatter,
                "the command has {place}, and each job has one argument; \
                 use --colsep for columns of a line, or several :::"
            ),
            Self::NoSuchArgument { place, given } => write!(
                formatter,
                "the command has {place}, and there are only {given} lists after :::"
            ),
            Self::NullWithoutInput => formatter.write_str(
                "-0 is about input, and arguments after ::: are none; leave one of them out",
            ),
            Self::Template(error) => error.fmt(formatter),
            Self::OpenFiles {
                jobs,
                needed,
                allowed,
            } => write!(
                formatter,
                "{jobs} jobs at once need {needed} open files and the system allows {allowed}; \
                 use a smaller -j, or raise the limit (ulimit -Hn)"
            ),
            Self::Niceness { added, error } => write!(
                formatter,
                "jobs cannot have their niceness changed by {added}: {error}; \
                 below 0, that needs a right (CAP_SYS_NICE, or ulimit -e); nothing was run"
            ),
            Self::Resource(error) => error.fmt(formatter),
            Self::Log(error) => error.fmt(formatter),
            Self::Pool(error) => error.fmt(formatter),
            Self::System { what, error } => write!(formatter, "{what}: {error}; nothing was run"),
        }
    }
}

impl Error for RunError {}

impl From<LogError> for RunError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<TemplateError> for RunError {
    fn from(error: TemplateError) -> Self {
        Self::Template(error)
    }
}
