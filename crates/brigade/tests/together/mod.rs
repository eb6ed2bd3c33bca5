//! Several threads at once.

use std::panic::resume_unwind;
use std::thread;

/// Runs the body on so many threads, with the number of each; returns when all have ended.
pub(crate) fn on_threads(count: usize, body: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        let body = &body;
        let threads = (0..count).map(|number| scope.spawn(move || body(number)));
        let threads: Vec<_> = threads.collect();
        // One by one: that is an end which the thread sanitizer understands.
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
}
