//! Waiting until other threads wait, which they cannot say.

use std::time::Duration;

use brigade::lock::{LockError, Report};

/// So long that others are waiting after some tries, if they ever are.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// Tries again and again until the cycle is found: the others are not waiting yet.
pub(crate) fn until_found<G>(mut attempt: impl FnMut() -> Result<G, LockError>) -> Report {
    loop {
        match attempt() {
            Ok(_) => panic!("the lock is held"),
            Err(LockError::Deadlock(report)) => return *report,
            Err(LockError::TimedOut { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
