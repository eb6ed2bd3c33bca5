//! Several threads that begin at the same moment.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs the body on so many threads, each with its number, and returns the time from the first one's beginning to
/// the last one's end.
pub(super) fn together(threads: usize, body: impl Fn(usize) + Sync) -> Duration {
    let start = Barrier::new(threads);
    let times = thread::scope(|scope| {
        let running = (0..threads).map(|number| {
            let (start, body) = (&start, &body);
            scope.spawn(move || {
                start.wait();
                let begun = Instant::now();
                body(number);
                (begun, Instant::now())
            })
        });
        let running = running.collect::<Vec<_>>();
        let ended = running
            .into_iter()
            .map(|thread| thread.join().expect("experiments do not panic"));
        ended.collect::<Vec<_>>()
    });
    let first = times.iter().map(|(begun, _)| *begun).min();
    let last = times.iter().map(|(_, ended)| *ended).max();
    last.zip(first)
        .map_or(Duration::ZERO, |(last, first)| last - first)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn each_thread_has_a_number_of_its_own() {
        let sum = AtomicUsize::new(0);
        together(5, |number| {
            sum.fetch_add(1 << (4 * number), Relaxed);
        });
        assert_eq!(sum.into_inner(), 0x11111);
    }
}
