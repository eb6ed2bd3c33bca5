//! Locks that nobody else wants.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::batch::typical;

use super::systems::{Mutex, Nested, RwLock};
use super::work::{LOCKS, padded};

/// Operations between two looks at the clock.
const BATCH: u64 = 20_000;

/// One operation: taking and releasing a mutex.
pub(super) fn mutex<M: Mutex>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<M: Mutex>(locks: &[CachePadded<M>; LOCKS], key: &mut M::Key) -> Duration {
        let began = Instant::now();
        for turn in 0..BATCH as usize {
            locks[turn % LOCKS].with(key, |number| *number = black_box(*number + 1));
        }
        began.elapsed()
    }

    let (locks, mut key) = (padded(|| M::named("account")), M::key());
    let sample = typical(slice, BATCH, || run(&locks, &mut key));
    let sum = |sum, lock: &CachePadded<M>| sum + lock.with(&mut key, |number| *number);
    let sum: u64 = locks.iter().fold(0, sum);
    assert!(
        sum > 0 && sum.is_multiple_of(BATCH),
        "every number was changed"
    );
    vec![sample]
}

/// One operation: taking a mutex, then another, and releasing both.
pub(super) fn nested<M: Nested>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<M: Nested>(
        outer: &[CachePadded<M>; LOCKS],
        inner: &[CachePadded<M>; LOCKS],
    ) -> Duration {
        let began = Instant::now();
        for turn in 0..BATCH as usize {
            outer[turn % LOCKS].with(&mut (), |first| {
                *first = black_box(*first + 1);
                inner[turn % LOCKS].with(&mut (), |second| *second = black_box(*second + 1));
            });
        }
        began.elapsed()
    }

    let (outer, inner) = (padded(|| M::named("outer")), padded(|| M::named("inner")));
    vec![typical(slice, BATCH, || run(&outer, &inner))]
}

/// One operation: taking a read-write lock for reading, and releasing it.
pub(super) fn read<L: RwLock>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<L: RwLock>(locks: &[CachePadded<L>; LOCKS], key: &mut L::Key) -> Duration {
        let began = Instant::now();
        for turn in 0..BATCH as usize {
            locks[turn % LOCKS].read(key, |number| black_box(*number));
        }
        began.elapsed()
    }

    let (locks, mut key) = (padded(L::new), L::key());
    vec![typical(slice, BATCH, || run(&locks, &mut key))]
}
