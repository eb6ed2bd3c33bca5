//! What a wait on a condition variable means for its mutex: released, and wanted again.

use std::panic::Location;

use super::acquire::{Checked, Request, note_taken};
use super::detection::{self, Entered, Wanted};
use super::mode::Mode;
use super::mutex::RawMutex;
use super::records;

/// While this lives the thread does not hold the mutex, as far as others are told.
///
/// To go on, notified or not, it must take the mutex again. So as long as it holds anything else it is a thread
/// that waits for the mutex, whoever has that, and it stands in the wait graph as one.
pub(crate) struct ConditionWait<'a> {
    /// Left before the mutex is noted as held.
    _entered: Option<Entered<'static>>,
    _retaken: Retaken<'a>,
}

impl<'a> ConditionWait<'a> {
    /// To be called while the mutex is held.
    ///
    /// # Panics
    /// If the mutex will be retaken in a wrong order and the action says so; then the mutex is held as before.
    pub(crate) fn begin(mutex: &'a RawMutex) -> Self {
        let record = records::current();
        let held = record.and_then(|record| record.holds(mutex.address()));
        let place = held.map_or_else(|| Location::caller(), |held| held.place);
        let request = Request::new(mutex, Mode::Exclusive, place);
        if let Some(record) = record {
            record.pop(request.address);
        }
        let retaken = Retaken { mutex, place };
        let mut entered = None;
        if let Some(record) = record {
            request.predict(record);
            if !record.is_free() {
                // Nobody else can hold the mutex yet, so this closes no cycle.
                entered = detection::enter(record, Wanted::lock(request, None)).ok();
            }
        }
        Self {
            _entered: entered,
            _retaken: retaken,
        }
    }
}

/// Notes when dropped that the mutex is held.
struct Retaken<'a> {
    mutex: &'a RawMutex,
    place: &'static Location<'static>,
}

impl Drop for Retaken<'_> {
    fn drop(&mut self) {
        note_taken(self.mutex, Mode::Exclusive, self.place, true);
    }
}
