//! Whose handlers run on this thread.

use std::cell::Cell;

use crate::primitive::thread_local;

thread_local! {
    /// The address of what this thread serves, or zero.
    static SERVES: Cell<usize> = Cell::new(0);
}

/// Notes that this thread runs the handlers of what has this address.
pub(crate) fn begin(address: usize) {
    SERVES.with(|serves| serves.set(address));
}

/// True on a thread that runs the handlers of what has this address.
pub(crate) fn is_here(address: usize) -> bool {
    SERVES
        .try_with(Cell::get)
        .is_ok_and(|serves| serves == address)
}
