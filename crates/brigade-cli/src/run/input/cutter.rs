//! Files that are cut into items, one after the other.

use std::collections::VecDeque;
use std::io;

use crate::run::latch::Latch;

use super::item::Item;

/// Cuts a file, pipe or terminal into items.
pub(super) trait Cutter {
    /// The next item; `None` at the end, or if it was told to stop.
    ///
    /// # Errors
    /// As [`Source::read`](super::Source::read), after the last item that could be read.
    fn next(&mut self, stop: &Latch) -> io::Result<Option<Item>>;

    /// True once there is nothing left in it.
    fn is_at_end(&self) -> bool;
}

/// The next item of several files, which are read one after the other.
pub(super) fn next_of(files: &mut VecDeque<impl Cutter>, stop: &Latch) -> io::Result<Option<Item>> {
    while let Some(file) = files.front_mut().filter(|_| !stop.is_set()) {
        if let Some(item) = file.next(stop)? {
            return Ok(Some(item));
        }
        if file.is_at_end() {
            files.pop_front();
        }
    }
    Ok(None)
}
