//! Threads that do the same to one thing at once.
//!
//! Threads run for a given time, not for a given number of operations: whoever is left alone at the end would
//! have it without contention. So a sample is the time divided by the operations of all threads together,
//! and who had how many is not asked: something that lets one thread have it again and again does well here.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::quiet;
use crate::together;
use crate::waiting;

/// Operations between two looks at the clock.
pub const BATCH: u64 = 64;
/// Long enough for threads to fall asleep and wake a hundred times, short enough to be left alone.
const WINDOW: Duration = Duration::from_millis(2);

/// Runs batches on so many threads at once; the nanoseconds of an operation, whoever did it, or nothing if the
/// threads hardly ran at once.
///
/// Two threads that have one core between them do not contend, and on a machine that others use this is how they
/// find themselves now and then. So the time is spent in short windows, of which those count in which as many
/// threads ran as there are cores for: chosen by that, not by how many operations they had.
pub fn throughput<K>(
    threads: usize,
    slice: Duration,
    key: impl Fn() -> K + Sync,
    run_batch: impl Fn(&mut K, u64) -> u64 + Sync,
) -> Vec<f64> {
    /// So long a busy machine is given, beyond the slice, to leave us one.
    const PATIENCE: Duration = Duration::from_millis(300);
    let began = Instant::now();
    let (mut spent, mut operations) = (Duration::ZERO, 0);
    while spent < slice && began.elapsed() < slice + PATIENCE {
        let window = Window::run(threads, &key, &run_batch);
        if window.is_contended(threads) {
            spent += window.elapsed;
            operations += window.operations;
        }
    }
    quiet::wait();
    if operations == 0 {
        return Vec::new();
    }
    vec![spent.as_nanos() as f64 / operations as f64]
}

/// Some milliseconds of contention.
struct Window {
    elapsed: Duration,
    operations: u64,
    /// How long the threads could have run and had no core, all together; also before they began.
    waited: Duration,
}

impl Window {
    /// True if no thread waited for a core, but those for which there is none.
    fn is_contended(&self, threads: usize) -> bool {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let without = u32::try_from(threads.saturating_sub(cores)).expect("a few threads");
        self.waited < self.elapsed * without + self.elapsed / 8
    }

    fn run<K>(
        threads: usize,
        key: &(impl Fn() -> K + Sync),
        run_batch: &(impl Fn(&mut K, u64) -> u64 + Sync),
    ) -> Self {
        let over = CachePadded::new(AtomicBool::new(false));
        let threads = together::run(threads, |number| {
            let mut key = key();
            let mut state = run_batch(&mut key, number as u64 + 1);
            let waited_before = waiting::for_a_core();
            let (began, mut operations) = (Instant::now(), 0);
            // Who sees first that time is up tells the others: all end together.
            while !over.load(Relaxed) {
                state = run_batch(&mut key, state);
                operations += BATCH;
                if began.elapsed() >= WINDOW {
                    over.store(true, Relaxed);
                }
            }
            black_box(state);
            let times = (began, Instant::now());
            (
                times,
                operations,
                waiting::for_a_core().saturating_sub(waited_before),
            )
        });
        let times: Vec<_> = threads.iter().map(|(times, ..)| *times).collect();
        let first = times.iter().map(|(began, _)| *began).min();
        let late = |began: Instant| first.map_or(Duration::ZERO, |first| began - first);
        Self {
            elapsed: together::span(&times),
            operations: threads.iter().map(|(_, operations, _)| operations).sum(),
            waited: threads
                .iter()
                .map(|((began, _), _, waited)| late(*began) + *waited)
                .sum(),
        }
    }
}
