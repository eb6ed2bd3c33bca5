//! Everything at once: workers that come, leave and are refused, sizes that change, tasks inside tasks,
//! futures that are dropped. Every task is accounted for, and everybody comes to an end.
#![cfg(not(any(loom, shuttle)))]

use std::future::Future;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use brigade::pool::{Builder, TaskHandle, WhenFull};
use brigade::{Pool, Priority};

/// A small generator of random numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What the tasks that count themselves were, and did.
#[derive(Default)]
struct Ledger {
    accepted: AtomicU64,
    ran: AtomicU64,
}

impl Ledger {
    /// A closure that counts that it ran, once.
    fn task(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
        let ledger = Arc::clone(self);
        move || {
            ledger.ran.fetch_add(1, SeqCst);
        }
    }

    fn note<T, E>(&self, outcome: &Result<T, E>) {
        self.accepted.fetch_add(u64::from(outcome.is_ok()), SeqCst);
    }
}

/// Hands over tasks in every way there is.
fn produce(pool: &Arc<Pool>, ledger: &Arc<Ledger>, seed: u64, count: u32) {
    let mut random = Random(seed);
    for _ in 0..count {
        let priority = Priority(random.below(256) as u8);
        match random.below(10) {
            0 | 1 => ledger.note(&pool.execute(ledger.task())),
            2 => ledger.note(&pool.try_execute(ledger.task())),
            3 => {
                let limit = Duration::from_micros(random.below(200));
                let task = pool.task(ledger.task()).priority(priority);
                ledger.note(&task.execute_timeout(limit));
            }
            4 => {
                let mut waits = Box::pin(pool.task(|| ()).priority(priority).submit_async());
                let mut context = Context::from_waker(Waker::noop());
                let looks = random.below(3);
                let _ = (0..looks).any(|_| waits.as_mut().poll(&mut context).is_ready());
            }
            5 => {
                let deadline = Instant::now() + Duration::from_micros(random.below(100));
                let handle = pool.task(|| ()).deadline(deadline).submit();
                if let Ok(handle) = handle {
                    handle.cancel();
                    let _ = handle.join();
                }
            }
            6 => {
                let (inner, nested) = (Arc::clone(pool), ledger.task());
                let parent = pool.submit(move || inner.submit(nested).map(TaskHandle::join));
                // Neither, if it was refused or had to give way.
                if let Ok(Ok(child)) = parent.map(TaskHandle::join) {
                    ledger.note(&child);
                }
            }
            7 => {
                let sum = AtomicU64::new(0);
                pool.scope(|scope| {
                    for number in 0..4 {
                        let sum = &sum;
                        scope.execute(move || {
                            sum.fetch_add(number, SeqCst);
                        });
                    }
                });
                assert_eq!(sum.into_inner(), 6);
            }
            8 => {
                let inner = Arc::clone(pool);
                let mapped = pool.submit(move || inner.map(&[1, 2, 3], |item| item * 2));
                if let Ok(Ok(mapped)) = mapped.map(TaskHandle::join) {
                    assert_eq!(mapped.unwrap(), [2, 4, 6]);
                }
            }
            _ => {
                let panics = pool.submit(|| -> () { resume_unwind(Box::new("expected")) });
                if random.below(2) == 0
                    && let Ok(panics) = panics
                {
                    assert!(panics.join().is_err());
                }
            }
        }
    }
}

/// Runs four producers on the pool while its size changes.
fn chaos(builder: Builder, count: u32, seed: u64) {
    let refuses = Arc::new(AtomicBool::new(false));
    let refused = Arc::clone(&refuses);
    let pool = builder.on_panic(|_| ()).spawn_handler(move |thread, body| {
        if refused.load(SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        thread.spawn(body)
    });
    let pool = Arc::new(pool.build().unwrap());
    let (ledger, done) = (Arc::new(Ledger::default()), AtomicBool::new(false));
    thread::scope(|scope| {
        let producers = [1, 2, 3, 4].map(|producer| {
            let seed = (seed * 4 + producer).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            scope.spawn({
                let (pool, ledger) = (&pool, &ledger);
                move || produce(pool, ledger, seed, count)
            })
        });
        let resizer = scope.spawn(|| {
            let mut random = Random(seed + 1);
            while !done.load(SeqCst) {
                refuses.store(random.below(4) == 0, SeqCst);
                let most = 1 + random.below(4) as usize;
                let least = random.below(most as u64 + 1) as usize;
                // No thread may be to be had just now.
                let _ = pool.resize(least..=most);
                thread::yield_now();
            }
            refuses.store(false, SeqCst);
        });
        let outcomes = producers.map(thread::ScopedJoinHandle::join);
        done.store(true, SeqCst); // first, lest a failure hang
        resizer.join().unwrap();
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!((metrics.queued, metrics.running), (0, 0), "{metrics}");
    let ended = metrics.completed + metrics.panicked + metrics.cancelled + metrics.expired;
    assert_eq!(metrics.submitted, ended + metrics.discarded, "{metrics}");
    let (accepted, ran) = (ledger.accepted.load(SeqCst), ledger.ran.load(SeqCst));
    assert!(accepted > 0);
    assert!(
        ran <= accepted && accepted - ran <= metrics.discarded,
        "{ran} of {accepted}"
    );
    drop(pool);
    assert_eq!(Arc::strong_count(&ledger), 1, "every closure was dropped");
}

fn builder(policy: WhenFull) -> Builder {
    let builder = Pool::builder("chaos").workers(1..=4).queue_capacity(3);
    builder.when_full(policy).idle_timeout(Duration::ZERO)
}

#[test]
fn producers_that_wait_lose_nothing() {
    chaos(builder(WhenFull::Wait), 3_000, 1);
}

#[test]
fn producers_that_are_refused_lose_nothing() {
    chaos(builder(WhenFull::Refuse), 3_000, 2);
}

#[test]
fn callers_that_run_tasks_lose_nothing() {
    chaos(builder(WhenFull::CallerRuns), 3_000, 3);
}

#[test]
fn newcomers_that_displace_others_lose_only_those() {
    chaos(builder(WhenFull::DiscardOldest), 3_000, 4);
}

#[test]
fn a_roomy_pool_without_histograms_loses_nothing() {
    let builder = Pool::builder("roomy").workers(1..=4).queue_capacity(1_000);
    let idle_timeout = Duration::from_micros(50);
    chaos(
        builder.idle_timeout(idle_timeout).histograms(false),
        3_000,
        5,
    );
}
