//! What the pools are made to do, and how long it takes them.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::thread;
use std::time::{Duration, Instant};

use crate::batch::repeat;
use crate::ledger::Ledger;
use crate::memory;
use crate::quiet;
use crate::spin::Spin;
use crate::together;

use super::systems::TaskPool;

/// A measurement that can be made of any pool.
pub trait Load: Clone + 'static {
    /// Starts a pool, measures it, ends it.
    fn measure<P: TaskPool>(&self) -> Vec<f64>;
}

/// Many tasks without a result, from the first hand-over until the last has run.
#[derive(Clone)]
pub struct Throughput {
    /// Threads that hand tasks over.
    pub producers: u64,
    /// Threads of the pool.
    pub workers: usize,
    /// What a task does beside being counted.
    pub spin: Option<Spin>,
    /// Tasks handed over before waiting for all; the same for all systems, as the unbounded ones
    /// take their memory, and lose their caches, by it.
    pub batch: u64,
    /// Batches go on for so long.
    pub slice: Duration,
}

impl Load for Throughput {
    fn measure<P: TaskPool>(&self) -> Vec<f64> {
        let pool = P::start(self.workers);
        let sample = repeat(self.slice, self.batch, || self.run_batch(&pool));
        drop(pool);
        quiet::wait();
        vec![sample]
    }
}

impl Throughput {
    /// Runs one batch and returns its time.
    fn run_batch<P: TaskPool>(&self, pool: &P) -> Duration {
        match self.spin {
            // The empty task is a closure of its own, so that it captures no more than one word. It
            // does capture one, as tasks do: the box of a closure without captures costs nothing.
            None => self.run_tasks(pool, || {
                let ledger = Ledger::open();
                move || ledger.count()
            }),
            Some(spin) => self.run_tasks(pool, || {
                let ledger = Ledger::open();
                move || {
                    spin.run();
                    ledger.count();
                }
            }),
        }
    }

    fn run_tasks<P: TaskPool, T: FnOnce() + Send + 'static>(
        &self,
        pool: &P,
        task: impl Fn() -> T + Sync,
    ) -> Duration {
        let ledger = Ledger::open();
        let share = self.batch / self.producers;
        let awaited = ledger.total() + share * self.producers;
        let produce = || {
            let began = Instant::now();
            for _ in 0..share {
                pool.execute(task());
            }
            began
        };
        let began = if self.producers == 1 {
            produce()
        } else {
            self.produce_together(produce)
        };
        wait_for(pool, ledger, awaited);
        began.elapsed()
    }

    /// Lets several threads produce at once; returns when the first one began.
    fn produce_together(&self, produce: impl Fn() -> Instant + Sync) -> Instant {
        let began = together::run(self.producers as usize, |_| produce());
        began.into_iter().min().expect("there is a producer")
    }
}

/// Waits until the ledger says that all tasks have run, without taking the pool's cores meanwhile:
/// sleeps until one more task, which comes after all others, has begun, and yields until the few
/// that other workers have in hand are done.
fn wait_for<P: TaskPool>(pool: &P, ledger: &Ledger, awaited: u64) {
    let reached = Arc::new(AtomicBool::new(false));
    let (waiter, last) = (thread::current(), Arc::clone(&reached));
    pool.execute(move || {
        last.store(true, Release);
        waiter.unpark();
    });
    while !reached.load(Acquire) {
        thread::park();
    }
    while ledger.total() < awaited {
        thread::yield_now();
    }
    assert_eq!(ledger.total(), awaited, "every task runs once");
}

/// The bare work of a [`Throughput`]: as many threads, each with its share from the start.
///
/// # Panics
/// If the tasks are empty: nothing is left of them without a pool.
pub fn ideal(load: &Throughput) -> Vec<f64> {
    let spin = load.spin.expect("only work can be done without a pool");
    let ledger = Ledger::open();
    let share = load.batch / load.workers as u64;
    let sample = repeat(load.slice, load.batch, || {
        let times = together::run(load.workers, |_| {
            let began = Instant::now();
            for _ in 0..share {
                black_box(spin).run();
                ledger.count();
            }
            (began, Instant::now())
        });
        together::span(&times)
    });
    vec![sample]
}

/// Tasks with a result, joined in order by the thread that submits them.
#[derive(Clone)]
pub struct SubmitJoin {
    /// Threads of the pool.
    pub workers: usize,
    /// How many handles are kept before the oldest is joined; with one, every submit is followed by
    /// its join.
    pub window: usize,
    /// Tasks in a batch.
    pub batch: u64,
    /// Batches go on for so long.
    pub slice: Duration,
}

impl Load for SubmitJoin {
    fn measure<P: TaskPool>(&self) -> Vec<f64> {
        let pool = P::start(self.workers);
        let mut handles = VecDeque::with_capacity(self.window);
        let sample = repeat(self.slice, self.batch, || {
            let began = Instant::now();
            let mut sum = 0;
            for number in 0..self.batch {
                if handles.len() == self.window {
                    sum += handles.pop_front().map_or(0, |oldest| pool.join(oldest));
                }
                handles.push_back(pool.submit(move || black_box(number)));
                if self.window == 1 {
                    sum += handles.pop_front().map_or(0, |only| pool.join(only));
                }
            }
            sum += handles
                .drain(..)
                .map(|handle| pool.join(handle))
                .sum::<u64>();
            let elapsed = began.elapsed();
            assert_eq!(
                sum,
                (0..self.batch).sum::<u64>(),
                "every result arrives once"
            );
            elapsed
        });
        drop(pool);
        quiet::wait();
        vec![sample]
    }
}

/// The time from handing a task to a pool that sleeps until a worker begins it. A sample each.
#[derive(Clone)]
pub struct IdleLatency {
    /// Threads of the pool.
    pub workers: usize,
    /// How long the pool is left alone before each task: long enough to end all spinning.
    pub pause: Duration,
    /// Tasks.
    pub samples: usize,
}

impl Load for IdleLatency {
    fn measure<P: TaskPool>(&self) -> Vec<f64> {
        let pool = P::start(self.workers);
        let epoch = Instant::now();
        let begun_at = Arc::new(AtomicU64::new(0));
        let sample = |_| {
            thread::sleep(self.pause);
            begun_at.store(0, Relaxed);
            let (begun, waiter) = (Arc::clone(&begun_at), thread::current());
            let handed_over = Instant::now();
            pool.execute(move || {
                let now = epoch.elapsed();
                begun.store(nanoseconds(now), Release);
                waiter.unpark();
            });
            // Asleep, so as not to be in the woken worker's way.
            while begun_at.load(Acquire) == 0 {
                thread::park();
            }
            begun_at
                .load(Acquire)
                .saturating_sub(nanoseconds(handed_over - epoch)) as f64
        };
        // The first ones start threads in systems that start them on demand.
        const UNCOUNTED: usize = 3;
        let samples = (0..self.samples + UNCOUNTED)
            .map(sample)
            .skip(UNCOUNTED)
            .collect();
        drop(pool);
        quiet::wait();
        samples
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// The most memory that a [`Throughput`]'s one batch takes, in bytes.
#[derive(Clone)]
pub struct Memory(pub Throughput);

impl Load for Memory {
    fn measure<P: TaskPool>(&self) -> Vec<f64> {
        let bytes = memory::high_water(|| {
            let pool = P::start(self.0.workers);
            self.0.run_batch(&pool);
        });
        quiet::wait();
        vec![bytes as f64]
    }
}
