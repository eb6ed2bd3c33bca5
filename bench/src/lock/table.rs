//! Locks by key, beside an array of mutexes among which a hash of the key chooses.
//!
//! The array is faster and promises less: two keys may be one lock, so that a thread that takes two of them may
//! wait for itself, and one key may wait for another.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::{Duration, Instant};

use brigade::lock::LockTable;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::batch::typical;
use crate::contention;
use crate::steps::{below, steps};

/// How many keys there are.
const KEYS: u64 = 10_000;
/// Operations between two looks at the clock.
const BATCH: u64 = 2_000;
/// Steps of work between two operations of threads that run at once.
const OUTSIDE: u64 = 16;

/// Locks by key.
pub(super) trait Table: Sync {
    const NAME: &'static str;
    fn new() -> Self;
    /// Takes the lock of the key, and releases it.
    fn with(&self, key: u64);
}

impl Table for LockTable<u64> {
    const NAME: &'static str = "brigade";

    fn new() -> Self {
        Self::named("account")
    }

    #[inline]
    fn with(&self, key: u64) {
        black_box(self.lock(key).key());
    }
}

/// The usual substitute.
pub(super) struct Striped {
    hasher: RandomState,
    mutexes: Vec<CachePadded<Mutex<()>>>,
}

impl Table for Striped {
    const NAME: &'static str = "striped-mutexes";

    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            mutexes: (0..64).map(|_| CachePadded::default()).collect(),
        }
    }

    #[inline]
    fn with(&self, key: u64) {
        let stripe = self.hasher.hash_one(key) as usize % self.mutexes.len();
        black_box(&*self.mutexes[stripe].lock());
    }
}

/// One operation: taking and releasing the lock of one of many keys, with a step of choosing it.
pub(super) fn alone<T: Table>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<T: Table>(table: &T, state: &mut u64) -> Duration {
        let began = Instant::now();
        for _ in 0..BATCH {
            *state = steps(1, *state);
            table.with(below(KEYS, *state));
        }
        began.elapsed()
    }

    let (table, mut state) = (T::new(), 1);
    vec![typical(slice, BATCH, || run(&table, &mut state))]
}

/// The same by several threads at once, with a little work between.
pub(super) fn together<T: Table>(threads: usize, slice: Duration) -> Vec<f64> {
    let table = T::new();
    let batch = |_: &mut (), mut state| {
        for _ in 0..contention::BATCH {
            state = steps(OUTSIDE, state);
            table.with(below(KEYS, state));
        }
        state
    };
    contention::throughput(threads, slice, || (), batch)
}
