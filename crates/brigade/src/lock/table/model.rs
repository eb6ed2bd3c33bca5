//! Every interleaving of making and forgetting entries, for small cases: `--cfg loom`.
//!
//! The shard is the one that ships; the lock of an entry is loom's mutex instead of the raw one.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::shard::{self, Shard};

use Step::{Lock, Try};

type User<'a> = shard::User<'a, usize, Mutex<()>>;

/// The one hash of all keys, so that they share a chain.
const HASH: u64 = 7;
const KEYS: usize = 2;

struct Model {
    shard: Shard<usize, Mutex<()>>,
    /// Counts in separate steps of reading and writing, under the lock of each key: exact only if nobody else is
    /// there, and if each sees what the one before it did, also where the entry is another one.
    counts: [AtomicUsize; KEYS],
    /// The entries of each key that are in use. No part of what is explored.
    in_use: [std::sync::Mutex<Vec<usize>>; KEYS],
}

/// What one thread does, one after the other.
#[derive(Clone, Copy)]
enum Step {
    /// Waits for the lock of a key.
    Lock(usize),
    /// Takes it if it is free, and gives up if not.
    Try(usize),
}

impl Model {
    fn new() -> Self {
        Self {
            shard: Shard::new(),
            counts: std::array::from_fn(|_| AtomicUsize::new(0)),
            in_use: std::array::from_fn(|_| std::sync::Mutex::default()),
        }
    }

    /// Returns how often each key was locked.
    fn run(&self, steps: &[Step]) -> [usize; KEYS] {
        let mut locked = [0; KEYS];
        for step in steps {
            let (Step::Lock(key) | Step::Try(key)) = *step;
            let user = self.shard.enter(HASH, key, || Mutex::new(()));
            let address = ptr::from_ref(user.lock()).addr();
            self.begin(key, address);
            let guard = match step {
                Step::Lock(_) => Some(user.lock().lock().unwrap()),
                Step::Try(_) => user.lock().try_lock().ok(),
            };
            if guard.is_some() {
                let count = self.counts[key].load(Relaxed);
                self.check_is_there(&user);
                self.counts[key].store(count + 1, Relaxed);
                locked[key] += 1;
            }
            drop(guard);
            self.end(key, address);
        }
        locked
    }

    fn begin(&self, key: usize, address: usize) {
        let mut in_use = self.in_use[key].lock().unwrap();
        in_use.push(address);
        let is_same = |other: &usize| *other == address;
        assert!(in_use.iter().all(is_same), "two entries of one key at once");
    }

    fn end(&self, key: usize, address: usize) {
        let mut in_use = self.in_use[key].lock().unwrap();
        let place = in_use.iter().position(|other| *other == address);
        in_use.swap_remove(place.unwrap());
    }

    fn check_is_there(&self, user: &User<'_>) {
        let found = Cell::new(false);
        let look = |lock: &Mutex<()>| found.set(found.get() || ptr::eq(lock, user.lock()));
        self.shard.for_each_lock(look);
        assert!(found.get(), "an entry was removed while it was in use");
    }
}

/// Runs one thread for each of the lists of steps, in every order with so many forced switches.
fn explore<const N: usize>(preemptions: Option<usize>, threads: [&'static [Step]; N]) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 100_000;
    builder.check(move || {
        let model = Arc::new(Model::new());
        let run = |steps: &'static [Step]| {
            let model = Arc::clone(&model);
            move || model.run(steps)
        };
        let others: Vec<_> = threads[1..]
            .iter()
            .map(|steps| thread::spawn(run(steps)))
            .collect();
        let mut locked = model.run(threads[0]);
        for other in others {
            let its = other.join().unwrap();
            (0..KEYS).for_each(|key| locked[key] += its[key]);
        }
        let counted = std::array::from_fn(|key| model.counts[key].load(Relaxed));
        assert_eq!(counted, locked, "exclusive, and seen by the next");
        assert_eq!(model.shard.len(), 0, "none is left");
    });
}

#[test]
fn two_threads_make_and_forget_the_entry_of_one_key() {
    explore(None, [&[Lock(0), Lock(0)], &[Lock(0)]]);
}

#[test]
fn a_thread_that_gives_up_leaves_the_entry_to_others() {
    explore(None, [&[Try(0), Try(0)], &[Lock(0)]]);
}

#[test]
fn three_threads_share_the_entry_of_one_key() {
    explore(Some(3), [&[Lock(0)], &[Lock(0)], &[Try(0)]]);
}

#[test]
fn keys_of_one_hash_come_and_go_beside_each_other() {
    explore(Some(3), [&[Lock(0), Lock(1)], &[Lock(1), Try(0)]]);
}
