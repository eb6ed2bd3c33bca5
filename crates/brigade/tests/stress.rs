//! Millions of tasks from several producers, with cancels, panics, priorities and deadlines: the counts
//! add up exactly.
//!
//! `BRIGADE_STRESS_TASKS` sets how many tasks; without it ten million with optimisation, a tenth without.
#![cfg(not(any(loom, shuttle)))]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use brigade::pool::{Builder, Cancel, Shutdown, TaskError};
use brigade::{Pool, Priority};

fn tasks() -> u64 {
    let set = std::env::var("BRIGADE_STRESS_TASKS")
        .ok()
        .and_then(|text| text.parse().ok());
    set.unwrap_or(if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    })
}

/// A small generator of random numbers (xorshift64): each producer has its own, with its own seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What producers know of their tasks' ends.
#[derive(Default)]
struct Seen {
    executed: u64,
    ok: u64,
    panicked: u64,
    cancelled: u64,
    expired: u64,
    shut_down: u64,
    refused: u64,
}

impl Seen {
    fn add(&mut self, other: &Seen) {
        self.executed += other.executed;
        self.ok += other.ok;
        self.panicked += other.panicked;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        self.shut_down += other.shut_down;
        self.refused += other.refused;
    }

    fn note<T>(&mut self, outcome: Result<T, TaskError>) {
        match outcome {
            Ok(_) => self.ok += 1,
            Err(TaskError::Panicked(_)) => self.panicked += 1,
            Err(TaskError::Cancelled(_)) => self.cancelled += 1,
            Err(TaskError::Expired(_)) => self.expired += 1,
            Err(TaskError::ShutDown(_)) => self.shut_down += 1,
            Err(other) => panic!("{other}"),
        }
    }
}

/// Hands over `count` tasks of all kinds; `ran` counts each that ran to its end without a handle.
fn produce(pool: &Pool, ran: &Arc<AtomicU64>, count: u64, seed: u64) -> Seen {
    let mut random = Random(seed);
    let mut seen = Seen::default();
    let mut handles = Vec::new();
    for _ in 0..count {
        let kind = random.below(1_000);
        if kind < 600 {
            let ran = Arc::clone(ran);
            let task = move || {
                ran.fetch_add(1, Relaxed);
            };
            match pool.execute(task) {
                Ok(()) => seen.executed += 1,
                Err(_) => seen.refused += 1,
            }
            continue;
        }
        // Not `panic!`: a million messages would be printed.
        let body = move || {
            if kind == 990 {
                resume_unwind(Box::new("expected"))
            } else {
                kind
            }
        };
        let priority = Priority(u8::try_from(random.below(4) * 64).unwrap());
        let mut task = pool.task(body).priority(priority);
        if kind > 990 {
            task = task.deadline(Instant::now() + Duration::from_micros(random.below(200)));
        }
        let Ok(handle) = task.submit() else {
            seen.refused += 1;
            continue;
        };
        if kind < 700 && handle.cancel() == Cancel::Removed {
            assert!(handle.is_finished());
        }
        handles.push(handle);
        if handles.len() == 64 {
            handles
                .drain(..)
                .for_each(|handle| seen.note(handle.join()));
        }
    }
    handles
        .into_iter()
        .for_each(|handle| seen.note(handle.join()));
    seen
}

/// Runs four producers, and `meanwhile` beside them; checks every count.
fn stress(builder: Builder, count: u64, meanwhile: impl FnOnce(&Pool) -> u64) {
    let pool = builder.queue_capacity(1024).build().unwrap();
    let ran = Arc::new(AtomicU64::new(0));
    let (seen, executed_back) = thread::scope(|scope| {
        let producers = [1, 2, 3, 4].map(|seed| {
            let (pool, ran) = (&pool, &ran);
            scope.spawn(move || {
                produce(
                    pool,
                    ran,
                    count / 4,
                    0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed),
                )
            })
        });
        let handed_back = meanwhile(&pool);
        let mut seen = Seen::default();
        for producer in producers {
            seen.add(&producer.join().unwrap());
        }
        // Of what was handed back, those with a handle have been seen through it.
        let executed_back = handed_back.checked_sub(seen.shut_down);
        (seen, executed_back)
    });
    let executed_back = executed_back.expect("each ShutDown was in the report");
    pool.wait_idle();
    let metrics = pool.metrics();
    let all =
        seen.executed + seen.ok + seen.panicked + seen.cancelled + seen.expired + seen.shut_down;
    assert_eq!(all + seen.refused, count / 4 * 4);
    assert_eq!(metrics.submitted, all);
    assert_eq!(ran.load(Relaxed) + executed_back, seen.executed);
    assert_eq!(metrics.completed, ran.load(Relaxed) + seen.ok);
    assert_eq!(
        (metrics.panicked, metrics.cancelled, metrics.expired),
        (seen.panicked, seen.cancelled, seen.expired)
    );
    assert_eq!(metrics.handed_back, seen.shut_down + executed_back);
    assert_eq!(
        (metrics.queued, metrics.running, metrics.discarded),
        (0, 0, 0)
    );
    assert!(
        metrics.queue_high_water <= 1024,
        "{}",
        metrics.queue_high_water
    );
    assert!(
        seen.refused > 0 || seen.ok.min(seen.panicked).min(seen.cancelled) > 0,
        "all kinds happened"
    );
}

fn workers(count: usize) -> Builder {
    Pool::builder("stress").workers(count)
}

#[test]
fn sixteen_workers_account_for_every_task() {
    stress(workers(16), tasks(), |_| 0);
}

#[test]
fn sixteen_workers_that_time_nothing_account_for_every_task() {
    stress(workers(16).histograms(false), tasks() / 10, |_| 0);
}

#[test]
fn workers_that_come_and_go_account_for_every_task() {
    let builder = Pool::builder("stress").workers(..=4);
    let builder = builder.idle_timeout(Duration::from_micros(100));
    stress(builder, tasks() / 10, |_| 0);
}

#[test]
fn one_worker_accounts_for_every_task() {
    stress(workers(1), tasks() / 10, |_| 0);
}

#[test]
fn a_shutdown_in_the_midst_accounts_for_every_task() {
    for after in [0, 1, 10, 1_000, tasks() / 100] {
        stress(workers(4), tasks() / 20, |pool| {
            while pool.metrics().submitted < after {
                thread::yield_now();
            }
            let report = pool.shutdown(Shutdown::now());
            assert_eq!(report.running, 0);
            u64::try_from(report.unstarted.len()).unwrap()
        });
    }
}
