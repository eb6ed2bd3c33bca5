//! Operations in batches, with a look at the clock before and after each.

use std::time::Duration;

use crate::statistics::median;

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

/// As [`repeat`], of the batch in the middle: for batches so short that most run undisturbed, and of an operation
/// that by itself takes always the same time.
pub fn typical(slice: Duration, batch: u64, mut run: impl FnMut() -> Duration) -> f64 {
    run();
    let mut spent = Duration::ZERO;
    let mut batches = Vec::new();
    while spent < slice {
        let elapsed = run();
        spent += elapsed;
        batches.push(elapsed.as_nanos() as f64);
    }
    median(&batches) / batch as f64
}
