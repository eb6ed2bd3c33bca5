//! The broken twins: read-write locks as textbooks have them, which let one side starve the other.

use parking_lot::{Condvar, Mutex};

use super::ReadWrite;

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// Readers join readers, whoever waits.
    Readers,
    /// While a writer waits, no reader gets in.
    Writers,
}

/// A read-write lock with a preference.
pub(super) struct Preferring {
    preference: Preference,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    readers: usize,
    writing: bool,
    waiting_writers: usize,
}

impl Preferring {
    pub(super) fn new(preference: Preference) -> Self {
        Self {
            preference,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }
}

impl ReadWrite for Preferring {
    fn read(&self, act: &dyn Fn()) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| {
            state.writing || (self.preference == Preference::Writers && state.waiting_writers > 0)
        });
        state.readers += 1;
        drop(state);
        act();
        self.state.lock().readers -= 1;
        self.changed.notify_all();
    }

    fn write(&self, act: &dyn Fn()) {
        let mut state = self.state.lock();
        state.waiting_writers += 1;
        self.changed
            .wait_while(&mut state, |state| state.writing || state.readers > 0);
        state.waiting_writers -= 1;
        state.writing = true;
        drop(state);
        act();
        self.state.lock().writing = false;
        self.changed.notify_all();
    }
}
