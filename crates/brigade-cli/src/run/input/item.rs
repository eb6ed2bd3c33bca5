//! One job as it was given, and where.

use std::fmt;

use super::blocks::Block;
use super::source::FileName;

/// The longest item that is read. It is also what Linux passes to a program as one argument, and what
/// `xargs` takes as a command line.
pub(crate) const LONGEST: usize = 128 * 1024 - 1;

/// One job as it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) text: Text,
    /// The arguments it is made of, if there are several.
    pub(crate) arguments: Vec<Vec<u8>>,
    /// It is a JSON object, as a job log has it.
    pub(crate) object: bool,
    /// What its job reads, if the input is cut into blocks; the text then tells which part of it that is.
    pub(crate) block: Option<Block>,
}

/// What was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// All of it, without its end mark.
    Whole(Vec<u8>),
    /// More than [`LONGEST`] bytes, of which only the first few were kept.
    TooLong(Vec<u8>),
}

/// Where an item was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// In which of several files, or of those that were named.
    pub(crate) file: Option<FileName>,
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

/// How items are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A line each.
    Line,
    /// With a NUL byte after each.
    Item,
    /// Several lines or items each, for a job to read.
    Block,
    /// On the command line.
    Argument,
    /// On the command line, in several lists.
    Combination,
    /// In a job log, under that number.
    Logged,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Line => "line",
            Kind::Item => "item",
            Kind::Block => "block",
            Kind::Argument => "argument",
            Kind::Combination => "combination",
            Kind::Logged => "job",
        };
        if let Some(file) = self.file {
            write!(formatter, "{}, ", file.path.display())?;
        }
        write!(formatter, "{kind} {}", self.number)
    }
}
