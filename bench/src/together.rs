//! Threads that begin at the same moment.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `work`, which is told the thread's number, on so many threads at once; returns what it returned.
///
/// # Panics
/// If the work does.
pub fn run<R: Send>(threads: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let ready = Barrier::new(threads);
    thread::scope(|scope| {
        let (ready, work) = (&ready, &work);
        let begin = |number| {
            move || {
                ready.wait();
                work(number)
            }
        };
        let threads: Vec<_> = (0..threads)
            .map(|number| scope.spawn(begin(number)))
            .collect();
        let results = threads
            .into_iter()
            .map(|thread| thread.join().expect("no work panics"));
        results.collect()
    })
}

/// The time from the first beginning to the last end.
pub fn span(times: &[(Instant, Instant)]) -> Duration {
    let began = times.iter().map(|(began, _)| *began).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    ended
        .zip(began)
        .map_or(Duration::ZERO, |(ended, began)| ended - began)
}
