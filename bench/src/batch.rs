//! Operations in batches, with a look at the clock before and after each.

use std::time::Duration;

/// Runs batches for `slice`, after one that warms caches, threads and averages up; the nanoseconds of
/// an operation.
pub fn repeat(slice: Duration, batch: u64, mut run: impl FnMut() -> Duration) -> f64 {
    run();
    let (mut spent, mut batches) = (Duration::ZERO, 0);
    while spent < slice {
        spent += run();
        batches += 1;
    }
    spent.as_nanos() as f64 / (batches * batch) as f64
}
