//! Where jobs come from: a stream of lines or NUL-terminated items, blocks of one, or the command line.
//!
//! The door is [`Input`], which hands out one [`Item`] after the other, in constant memory, and waits no longer than the
//! run goes on. What an item asks for is not known here.

mod blocks;
mod combinations;
mod cutter;
mod item;
mod source;
mod stream;

use std::collections::VecDeque;
use std::io;

use crate::run::latch::Latch;

use self::cutter::{Cutter, next_of};

pub(crate) use self::blocks::{Block, Blocks, Cut, DEFAULT_SIZE, Identity, TooLong};
pub(crate) use self::combinations::Combinations;
pub(crate) use self::item::{Item, Kind, LONGEST, Place, Text};
pub(crate) use self::source::{FileName, Source};
pub(crate) use self::stream::Stream;

/// The jobs that were given, in order.
pub(crate) enum Input {
    Arguments(Combinations),
    Logged(std::vec::IntoIter<Item>),
    /// One or several, read one after the other.
    Streams(VecDeque<Stream>, Kind),
    /// The same, cut into blocks.
    Blocks(VecDeque<Blocks>),
}

impl Input {
    /// How many items there are, where that can be known.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Arguments(arguments) => arguments.remaining(),
            Self::Logged(items) => Some(items.len() as u64),
            Self::Streams(..) | Self::Blocks(_) => None,
        }
    }

    /// True if someone types them.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Arguments(_) | Self::Logged(_) => false,
            Self::Streams(streams, _) => streams.iter().any(|it| it.source.is_terminal()),
            Self::Blocks(blocks) => blocks.iter().any(|it| it.source.is_terminal()),
        }
    }

    /// How items are given.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Arguments(arguments) => arguments.kind(),
            Self::Logged(_) => Kind::Logged,
            Self::Streams(_, kind) => *kind,
            Self::Blocks(_) => Kind::Block,
        }
    }

    /// How it is cut into blocks, if it is.
    pub(crate) fn cut(&self) -> Option<&Cut> {
        match self {
            Self::Blocks(several) => several.front().map(|blocks| &blocks.cut),
            _ => None,
        }
    }

    /// True once there is nothing left in it.
    pub(crate) fn is_at_end(&self) -> bool {
        match self {
            Self::Arguments(arguments) => arguments.remaining() == Some(0),
            Self::Logged(items) => items.len() == 0,
            Self::Streams(streams, _) => streams.iter().all(Cutter::is_at_end),
            Self::Blocks(blocks) => blocks.iter().all(Cutter::is_at_end),
        }
    }

    /// The next item; `None` at the end. A stream is not read on, nor waited for, when `stop` is set, and nothing is
    /// combined any more.
    ///
    /// # Errors
    /// As `read(2)`; there is no more to read then.
    pub(crate) fn next(&mut self, stop: &Latch) -> io::Result<Option<Item>> {
        match self {
            // There may be more of them than can be listed as not run.
            Self::Arguments(arguments)
                if arguments.kind() == Kind::Combination && stop.is_set() =>
            {
                Ok(None)
            }
            Self::Arguments(arguments) => Ok(arguments.next()),
            Self::Logged(items) => Ok(items.next()),
            Self::Streams(streams, _) => next_of(streams, stop),
            Self::Blocks(blocks) => next_of(blocks, stop),
        }
    }
}
