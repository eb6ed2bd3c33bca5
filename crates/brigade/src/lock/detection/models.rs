//! Every interleaving of threads that register in the wait graph, are checked, and leave it: `--cfg loom`.
//!
//! The graph and the records are those that ship; the locks that the threads wait for are loom's. If a cycle went
//! unseen, its threads would wait for ever, which loom reports.

use std::mem;
use std::panic::Location;
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::wishes::{A, B, wanting};
use super::{Target, WaitGraph, Wanted};
use crate::lock::class::Origin;
use crate::lock::held::{Held, Record};
use crate::lock::mode::Mode;

/// A lock. Not simply loom's: while one thread is at an attempt, another one's success would block it there.
struct Lock {
    is_held: Mutex<bool>,
    released: Condvar,
}

impl Lock {
    fn new() -> Self {
        Self {
            is_held: Mutex::new(false),
            released: Condvar::new(),
        }
    }

    fn attempt(&self) -> bool {
        !mem::replace(&mut *self.is_held.lock().unwrap(), true)
    }

    fn wait(&self) {
        let mut is_held = self.is_held.lock().unwrap();
        while *is_held {
            is_held = self.released.wait(is_held).unwrap();
        }
        *is_held = true;
    }

    fn release(&self) {
        *self.is_held.lock().unwrap() = false;
        self.released.notify_all();
    }
}

/// The graph, and the locks, which are known by their numbers; their addresses are one higher.
struct World<const LOCKS: usize> {
    graph: WaitGraph,
    locks: [Lock; LOCKS],
}

/// A thread's record, which lives for one run of a model.
struct Lease(*mut Record);

impl Lease {
    fn new() -> Self {
        Self(Box::into_raw(Box::new(Record::new())))
    }

    /// The record of a thread that has these locks, given by their addresses.
    fn holding(locks: &[(usize, Mode)]) -> Self {
        let lease = Self::new();
        for (depth, &(address, mode)) in locks.iter().enumerate() {
            let (record, place) = (lease.record(), Location::caller());
            let origin = Origin::place(place);
            let held = Held {
                address,
                origin,
                place,
                chain: record.chain_with(depth, origin, mode, true),
            };
            record.push(depth, held);
        }
        lease
    }

    fn record(&self) -> &'static Record {
        // SAFETY: nobody looks into it after it is freed: the graph knows it only while its thread waits.
        unsafe { &*self.0 }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and is freed once.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A lock that a thread has.
struct Taken<'a> {
    record: &'static Record,
    number: usize,
    lock: &'a Lock,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // In this order: what is noted as held is held.
        self.record.pop(self.number + 1);
        self.lock.release();
    }
}

impl<const LOCKS: usize> World<LOCKS> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            graph: WaitGraph::new(),
            locks: std::array::from_fn(|_| Lock::new()),
        })
    }

    /// Takes a lock as `acquire.rs` and `request.rs` do; `None` if that would have closed a cycle.
    fn take(&self, record: &'static Record, number: usize) -> Option<Taken<'_>> {
        let place = Location::caller();
        let origin = Origin::place(place);
        let depth = record.depth();
        let chain = record.chain_with(depth, origin, Mode::Exclusive, true);
        let lock = &self.locks[number];
        if lock.attempt() {
        } else if record.is_free() {
            lock.wait();
        } else {
            let target = Target::Lock {
                address: number + 1,
                origin,
                mode: Mode::Exclusive,
                upgrades: false,
                has_readers: false,
            };
            let wanted = Wanted {
                target,
                until: None,
                place: Some(place),
            };
            let entered = self.graph.enter(record, wanted).ok()?;
            lock.wait();
            drop(entered);
        }
        let held = Held {
            address: number + 1,
            origin,
            place,
            chain,
        };
        record.push(depth, held);
        Some(Taken {
            record,
            number,
            lock,
        })
    }

    /// Takes one lock and then, holding it, another. True if that would have closed a cycle; then it is there.
    fn take_both(&self, outer: usize, inner: usize) -> bool {
        let lease = Lease::new();
        let outer = self.take(lease.record(), outer);
        assert!(outer.is_some(), "nobody waits for who holds nothing");
        if self.take(lease.record(), inner).is_some() {
            return false;
        }
        // Whoever has it waits for this thread, and so has it still.
        assert!(!self.locks[inner].attempt(), "a false alarm");
        true
    }
}

/// Explores with so many forced switches at most; `None`: all.
fn explore(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 100_000;
    builder.check(model);
}

/// Runs one thread for each pair of locks; returns how many were told of a cycle.
fn run<const LOCKS: usize>(pairs: &'static [(usize, usize)]) -> usize {
    let world = World::<LOCKS>::new();
    let threads: Vec<_> = pairs[1..]
        .iter()
        .map(|&(outer, inner)| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.take_both(outer, inner))
        })
        .collect();
    let own = world.take_both(pairs[0].0, pairs[0].1);
    let told = threads.into_iter().map(|thread| thread.join().unwrap());
    usize::from(own) + told.filter(|told| *told).count()
}

#[test]
fn of_two_threads_in_opposite_orders_one_at_most_is_told_and_none_hangs() {
    explore(None, || assert!(run::<2>(&[(0, 1), (1, 0)]) <= 1));
}

#[test]
fn two_threads_in_one_order_are_told_nothing() {
    explore(None, || assert_eq!(run::<2>(&[(0, 1), (0, 1)]), 0));
}

#[test]
fn of_three_threads_in_a_ring_one_at_most_is_told_and_none_hangs() {
    explore(Some(3), || {
        assert!(run::<3>(&[(0, 1), (1, 2), (2, 0)]) <= 1)
    });
}

#[test]
fn three_threads_in_one_order_are_told_nothing() {
    explore(Some(3), || {
        assert_eq!(run::<3>(&[(0, 1), (1, 2), (0, 2)]), 0)
    });
}

#[test]
fn who_has_released_its_lock_is_in_nobodys_way() {
    explore(None, || {
        let world = World::<2>::new();
        let other = Arc::clone(&world);
        let alternates = thread::spawn(move || {
            let lease = Lease::new();
            // One after the other, twice: never both.
            for number in [1, 0, 1] {
                assert!(other.take(lease.record(), number).is_some());
            }
        });
        assert!(!world.take_both(0, 1));
        alternates.join().unwrap();
    });
}

#[test]
fn a_cycle_is_there_in_some_interleavings_and_then_it_is_found() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    explore(None, || {
        RUNS.fetch_add(1, SeqCst);
        FOUND.fetch_add(run::<2>(&[(0, 1), (1, 0)]), SeqCst);
    });
    let (runs, found) = (RUNS.load(SeqCst), FOUND.load(SeqCst));
    assert!(found > 0 && found < runs, "{found} of {runs}");
}

#[test]
fn who_waits_for_one_that_is_refused_is_told_nothing() {
    explore(None, || {
        let graph = Arc::new(WaitGraph::new());
        let other = Arc::clone(&graph);
        // It reads what it wants to write, so it is refused, whatever others do.
        let refused = Lease::holding(&[(A, Mode::Shared), (B, Mode::Exclusive)]);
        let waits = thread::spawn(move || {
            let lease = Lease::holding(&[(A, Mode::Shared)]);
            let entered = other.enter(lease.record(), wanting(B, Mode::Exclusive));
            assert!(entered.is_ok(), "a false alarm");
        });
        let told = graph.enter(refused.record(), wanting(A, Mode::Exclusive));
        assert!(told.is_err());
        waits.join().unwrap();
    });
}

/// Reads one lock and waits to read the other, behind a writer. True if it is told of a cycle.
fn read_behind_a_writer(graph: &WaitGraph, held: usize, wanted: usize) -> bool {
    let lease = Lease::holding(&[(held, Mode::Shared)]);
    let entered = graph.enter(lease.record(), wanting(wanted, Mode::Shared));
    let mut entered = entered.ok().expect("no cycle is certain");
    (0..4).any(|_| entered.confirm().is_err())
}

#[test]
fn of_two_readers_behind_writers_one_at_most_is_told() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    explore(None, || {
        let graph = Arc::new(WaitGraph::new());
        let leases = [(); 2].map(|()| Lease::new());
        let writer = |(lease, lock): (&Lease, usize)| {
            graph.enter(lease.record(), wanting(lock, Mode::Exclusive))
        };
        let writers = leases.each_ref();
        let _writers = [(writers[0], A), (writers[1], B)].map(writer);
        let other = Arc::clone(&graph);
        let reads = thread::spawn(move || read_behind_a_writer(&other, A, B));
        let own = read_behind_a_writer(&graph, B, A);
        let told = usize::from(own) + usize::from(reads.join().unwrap());
        assert!(told <= 1, "the other could go on");
        FOUND.fetch_add(told, SeqCst);
    });
    assert!(FOUND.load(SeqCst) > 0);
}
