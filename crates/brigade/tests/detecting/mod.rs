//! What becomes of a call that may close a cycle.

use std::sync::Once;
use std::time::Duration;

use brigade::lock::{self, Action, LockError, Report};

/// Predictions are not what is tested here.
pub(crate) fn ignore_predictions() {
    static SET: Once = Once::new();
    SET.call_once(|| lock::on_finding(Action::Call(Box::new(|_| {}))).unwrap());
}

/// Longer than any test lasts: a wait that ends by it was not found.
pub(crate) const LONG: Duration = Duration::from_secs(500);

pub(crate) fn deadlock<G>(result: Result<G, LockError>) -> Option<Report> {
    match result {
        Ok(_) => None,
        Err(LockError::Deadlock(report)) => Some(*report),
        Err(other) => panic!("{other}"),
    }
}
