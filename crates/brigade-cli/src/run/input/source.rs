//! A file, pipe or terminal of the input, which is read only as long as the run goes on.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read};

use crate::run::latch::Latch;

/// The name of an input file, which lives as long as the process. Those that are read first come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName {
    pub(crate) index: usize,
    pub(crate) path: &'static Path,
}

/// A file, pipe or terminal.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    /// If there are several, or it was named.
    pub(crate) name: Option<FileName>,
    /// There is nothing left in it.
    pub(crate) ended: bool,
}

/// What came of reading.
pub(crate) enum Filled {
    More,
    End,
    Stopped,
}

impl Source {
    pub(crate) fn new(file: File, name: Option<FileName>) -> Self {
        Self {
            file,
            name,
            ended: false,
        }
    }

    /// True if someone types it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Adds what comes next to a buffer, no more than it has room for, waiting until there is something or until told
    /// to stop.
    ///
    /// # Errors
    /// As `read(2)`, with the file's name if there are others that it could be of; there is no more to read then.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, stop: &Latch) -> io::Result<Filled> {
        loop {
            let mut waits = [
                PollFd::new(&self.file, PollFlags::IN),
                PollFd::new(stop, PollFlags::IN),
            ];
            match poll(&mut waits, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if stop.is_set() {
                return Ok(Filled::Stopped);
            }
            let length = match read(&self.file, spare_capacity(buffer)) {
                // The descriptor is shared with someone who made it not wait; poll waits in any case.
                Err(Errno::INTR | Errno::AGAIN) => continue,
                result => result,
            };
            self.ended = !matches!(length, Ok(1..));
            return match length.map_err(|error| self.name_file(error.into()))? {
                0 => Ok(Filled::End),
                _ => Ok(Filled::More),
            };
        }
    }

    fn name_file(&self, error: io::Error) -> io::Error {
        match self.name {
            Some(name) => io::Error::new(error.kind(), format!("{}: {error}", name.path.display())),
            None => error,
        }
    }
}
