//! Waiting until something holds for what is under a lock.

use std::task::Waker;
use std::time::Instant;

use crate::lock::Report;
use crate::primitive::Mutex;
use crate::waiting::{self, Subject};

use super::closing::Closing;

/// Waits until `condition` holds; false if it did not before the deadline. Errs if it never would, as far as the
/// subject is known.
pub(crate) fn wait_until<S: Closing>(
    watched: &Mutex<S>,
    subject: Option<&Subject<'_>>,
    deadline: Option<Instant>,
    condition: impl Fn(&S) -> bool,
) -> Result<bool, Box<Report>> {
    let mut own: Option<Waker> = None;
    let ready = waiting::wait(subject, deadline, |waker| {
        let mut state = watched.lock();
        if condition(&state) {
            return Some(());
        }
        let watchers = state.watchers();
        if !watchers.iter().any(|known| known.will_wake(waker)) {
            watchers.push(waker.clone());
        }
        own = Some(waker.clone());
        None
    });
    let holds = matches!(ready, Ok(Some(())));
    if let Some(own) = own.filter(|_| !holds) {
        let mut state = watched.lock();
        state.watchers().retain(|known| !known.will_wake(&own));
    }
    ready.map(|ready| ready.is_some())
}
