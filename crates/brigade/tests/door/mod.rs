//! A door that handlers stand before until the test opens it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::{Condvar, Mutex};

/// Shut at first.
#[derive(Default)]
pub(crate) struct Door {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Door {
    /// A door, and who tells and hears that somebody stands before it.
    pub(crate) fn shut() -> (Arc<Self>, Sender<()>, Receiver<()>) {
        let (tells, hears) = channel();
        (Arc::default(), tells, hears)
    }

    pub(crate) fn open(&self) {
        *self.is_open.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn pass(&self) {
        let mut is_open = self.is_open.lock();
        self.changed.wait_while(&mut is_open, |is_open| !*is_open);
    }
}
