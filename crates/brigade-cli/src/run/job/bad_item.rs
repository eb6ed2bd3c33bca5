//! What makes an item of input no job that can be run.

use std::error::Error;
use std::fmt;
use std::str::Utf8Error;

use crate::quantity::count;
use crate::run::command::Missing;
use crate::run::input::{LONGEST, TooLong};

use super::priority::UnknownPriority;
use super::unmet::Unmet;

/// Why an item cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadItem {
    /// It is longer than [`LONGEST`].
    TooLong,
    /// It has a NUL byte, which no argument can have.
    Nul,
    /// It is a command, but not text.
    NotUtf8(Utf8Error),
    /// What follows `@` is no priority.
    Priority(UnknownPriority),
    /// `@high`, and nothing after it.
    PriorityAlone,
    /// It is no JSON object of a job; why.
    Object(String),
    /// What it waits for will not come about.
    Unmet(Unmet),
    /// The command names an argument that it does not have.
    Missing(Missing),
    /// It would have to read more than is kept.
    Block(TooLong),
}

impl fmt::Display for BadItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                formatter,
                "it is longer than {LONGEST} bytes, the most that is read as one job; \
                 put it into a script and run that"
            ),
            Self::Nul => formatter.write_str(
                "it has a NUL byte, which cannot be passed to a program; \
                 if NUL bytes separate your jobs, use -0",
            ),
            Self::NotUtf8(error) => write!(
                formatter,
                "it is not UTF-8 from byte {} on; convert it, or pass names as they are to a \
                 command given to brigade run",
                error.valid_up_to() + 1
            ),
            Self::Priority(unknown) => {
                write!(
                    formatter,
                    "{unknown}; a command that begins with `@` is written with `@@`"
                )
            }
            Self::Missing(missing) => {
                let Missing {
                    replacement,
                    nth,
                    given,
                } = missing;
                write!(
                    formatter,
                    "it has no column {nth} for {replacement}, only {}",
                    count(*given as u64, "column")
                )
            }
            Self::Object(problem) => {
                write!(formatter, "it is not a job as --jsonl has it: {problem}")
            }
            Self::Unmet(unmet) => unmet.fmt(formatter),
            Self::Block(too_long) => too_long.fmt(formatter),
            Self::PriorityAlone => formatter.write_str("it has a priority but no command"),
        }
    }
}

impl Error for BadItem {}
