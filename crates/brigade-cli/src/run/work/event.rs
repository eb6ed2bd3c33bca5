//! What the main thread hears of.

use std::io;

use crate::run::policy::Halt;

use super::feed::Fed;

/// What the main thread hears of.
#[derive(Debug)]
pub(crate) enum Event {
    /// We got a signal.
    Signal(i32),
    /// There is no more input.
    Fed(Fed),
    /// All jobs have ended.
    Finished,
    /// Nobody reads our standard output any more.
    Unread,
    /// Enough jobs have failed or succeeded.
    Halted(Halt),
    /// A job that has ended could not be logged.
    Unlogged(io::Error),
}
