//! Releasing a lock for a while: others may take it, and it is wanted again.

use std::panic::Location;

use super::acquire::{Checked, note_taken};
use super::detection::{self, Entered, Wanted};
use super::mode::Mode;
use super::records;
use super::request::Request;

/// While this lives the thread does not hold the lock, as far as others are told.
///
/// To go on it must take the lock again: after a wait on a condition, notified or not, and after it has let others
/// go first. So as long as it holds anything else it is a thread that waits for the lock, whoever has that, and it
/// stands in the wait graph as one.
pub(crate) struct Retaking<'a, L: Checked> {
    /// Left before the lock is noted as held.
    _entered: Option<Entered<'static>>,
    _retaken: Retaken<'a, L>,
}

impl<'a, L: Checked> Retaking<'a, L> {
    /// To be called while the lock is held in this mode.
    ///
    /// # Panics
    /// If the lock will be retaken in a wrong order and the action says so; then it is held as before.
    #[track_caller]
    pub(crate) fn begin(lock: &'a L, mode: Mode) -> Self {
        let record = records::current();
        let held = record.and_then(|record| record.holds(lock.address()));
        let caller = Location::caller();
        let place = held.map_or(caller, |held| held.place);
        let request = Request::new(lock, mode, place);
        if let Some(record) = record {
            record.pop(request.address);
        }
        let retaken = Retaken { lock, mode, place };
        let mut entered = None;
        if let Some(record) = record {
            request.predict(record);
            if !record.is_free() {
                // Nobody who is in the way can hold the lock yet, so this closes no cycle.
                entered = detection::enter(record, Wanted::lock(request, None)).ok();
            }
        }
        Self {
            _entered: entered,
            _retaken: retaken,
        }
    }
}

/// Notes when dropped that the lock is held.
struct Retaken<'a, L: Checked> {
    lock: &'a L,
    mode: Mode,
    place: &'static Location<'static>,
}

impl<L: Checked> Drop for Retaken<'_, L> {
    fn drop(&mut self) {
        note_taken(self.lock, self.mode, self.place, true);
    }
}
