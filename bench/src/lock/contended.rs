//! One lock that several threads want.

use std::hint::black_box;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::contention::{BATCH, throughput};
use crate::steps::{below, steps};

use super::systems::{Mutex, RwLock};

/// Steps of work while the lock is held.
const INSIDE: u64 = 8;
/// Steps of work between two operations: so many on average, and a random number of them, so that the
/// threads do not fall into step.
const OUTSIDE: u64 = 16;

/// One operation: taking and releasing the mutex, with a little work inside and outside.
pub(super) fn mutex<M: Mutex>(threads: usize, slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<M: Mutex>(lock: &M, key: &mut M::Key, mut state: u64) -> u64 {
        for _ in 0..BATCH {
            let inside = |number: &mut u64| *number = steps(INSIDE, *number | 1);
            lock.with(key, inside);
            state = outside(state);
        }
        state
    }

    let lock = CachePadded::new(M::named("account"));
    let sample = throughput(threads, slice, M::key, |key, state| run(&*lock, key, state));
    black_box(lock.with(&mut M::key(), |number| *number));
    sample
}

/// One operation: taking and releasing the lock, for writing once in ten times, with a little work inside
/// and outside.
pub(super) fn mostly_read<L: RwLock>(threads: usize, slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<L: RwLock>(lock: &L, key: &mut L::Key, mut state: u64) -> u64 {
        for _ in 0..BATCH {
            if below(10, state) == 0 {
                lock.write(key, |number| *number = steps(INSIDE, *number | 1));
            } else {
                lock.read(key, |number| black_box(steps(INSIDE, *number | 1)));
            }
            state = outside(state);
        }
        state
    }

    let lock = CachePadded::new(L::new());
    let sample = throughput(threads, slice, L::key, |key, state| run(&*lock, key, state));
    black_box(lock.read(&mut L::key(), |number| *number));
    sample
}

#[inline(always)]
fn outside(state: u64) -> u64 {
    let count = OUTSIDE / 2 + below(OUTSIDE, state);
    steps(count, state)
}
