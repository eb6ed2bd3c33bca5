//! What a snapshot says is true, at every moment.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use brigade::pool::{Distribution, Metrics, RejectReason, Shutdown, TaskHandle, WhenFull};
use brigade::{Pool, Priority};
use gate::Gate;
use until::until;

/// The sum of all that an accepted task can be or have become.
fn accounted_for(metrics: &Metrics) -> u64 {
    let open = metrics.queued + metrics.running;
    metrics.completed
        + metrics.panicked
        + metrics.cancelled
        + metrics.expired
        + metrics.discarded
        + metrics.handed_back
        + u64::try_from(open).unwrap()
}

#[test]
fn each_kind_of_end_and_refusal_is_counted() {
    let builder = Pool::builder("kinds").workers(1).queue_capacity(2);
    let pool = builder.build().unwrap();
    pool.submit(|| ()).unwrap().join().unwrap();
    let panics = pool.submit(|| resume_unwind(Box::new("expected"))).unwrap();
    let _: Result<(), _> = panics.join();
    let gate = Gate::shut(&pool);
    let cancelled = pool.submit(|| ()).unwrap();
    cancelled.cancel();
    let expires = pool.task(|| ()).deadline(Instant::now()).submit().unwrap();
    pool.execute(|| ()).unwrap();
    assert!(pool.try_execute(|| ()).is_err());
    assert!(
        pool.execute_timeout(|| (), Duration::from_millis(1))
            .is_err()
    );
    let metrics = pool.metrics();
    assert_eq!(
        (metrics.submitted, metrics.queued, metrics.running),
        (6, 2, 1)
    );
    assert_eq!((metrics.queue_high_water, metrics.queue_capacity), (2, 2));
    drop(gate);
    let _ = expires.join();
    pool.wait_idle();
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    thread::scope(|scope| {
        let closes = scope.spawn(|| pool.shutdown(Shutdown::now()));
        until(|| pool.metrics().handed_back == 1);
        assert!(pool.execute(|| ()).is_err());
        drop(gate);
        assert_eq!(closes.join().unwrap().unstarted.len(), 1);
    });
    let metrics = pool.metrics();
    assert_eq!((metrics.submitted, accounted_for(&metrics)), (8, 8));
    let ended = (metrics.completed, metrics.panicked, metrics.cancelled);
    assert_eq!(ended, (4, 1, 1));
    let unrun = (metrics.expired, metrics.discarded, metrics.handed_back);
    assert_eq!(unrun, (1, 0, 1));
    let rejected = metrics.rejected;
    let reasons = (rejected.full, rejected.timed_out, rejected.shut_down);
    assert_eq!((reasons, rejected.no_workers), ((1, 1, 1), 0));
}

#[test]
fn workers_are_counted_by_what_they_do() {
    let pool = Arc::new(Pool::builder("workers").workers(3).build().unwrap());
    until(|| pool.metrics().workers.idle == 3);
    let gate = Gate::shut(&pool);
    let (inner, other) = (Arc::clone(&pool), Gate::shut(&pool));
    let waits = pool
        .submit(move || inner.wait_idle_timeout(Duration::MAX))
        .unwrap();
    until(|| pool.metrics().workers.blocked == 1);
    let workers = pool.metrics().workers;
    assert_eq!((workers.live, workers.active, workers.peak), (3, 3, 3));
    drop((gate, other));
    assert!(waits.join().unwrap());
    until(|| pool.metrics().workers.idle == 3);
    assert_eq!(pool.metrics().workers.active, 0);
}

#[test]
fn a_task_that_runs_on_top_of_another_counts_as_running() {
    let builder = Pool::builder("nested").workers(1).queue_capacity(1);
    let pool = Arc::new(builder.build().unwrap());
    let inner = Arc::clone(&pool);
    let counts = pool.submit(move || {
        let split = |pool: &Pool| (pool.metrics().queued, pool.metrics().running);
        let joined = Arc::clone(&inner);
        let joined = inner.submit(move || split(&joined)).unwrap();
        let joined = joined.join().unwrap();
        inner.execute(|| ()).unwrap();
        let full = Arc::clone(&inner);
        let full = inner.submit(move || split(&full)).unwrap();
        (joined, full.join().unwrap(), split(&inner))
    });
    let (joined, full, alone) = counts.unwrap().join().unwrap();
    assert_eq!(joined, (0, 2), "both of them run");
    assert_eq!((full, alone), ((1, 2), (1, 1)));
}

#[test]
fn refusals_say_when_to_retry_by_the_rate_at_which_the_queue_drains() {
    let builder = Pool::builder("rate").workers(1).queue_capacity(4);
    let pool = builder.when_full(WhenFull::Refuse).build().unwrap();
    let retry_after = || match pool.try_execute(|| ()).unwrap_err().reason {
        RejectReason::Full { retry_after, .. } => retry_after,
        other => panic!("{other}"),
    };
    let task = Duration::from_millis(2);
    // A queue that drains by one task in two milliseconds, and a little time for the rest.
    let works = move || {
        let until = Instant::now() + task;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    };
    for _ in 0..20 {
        until(|| pool.try_execute(works).is_ok());
    }
    until(|| pool.try_execute(works).is_err());
    let estimate = retry_after();
    assert!(estimate >= task, "{estimate:?}: no task ends sooner");
    assert!(estimate <= Duration::from_secs(60));
    pool.wait_idle();
}

#[test]
fn distributions_hold_what_was_measured() {
    let pool = Pool::builder("times").workers(1).build().unwrap();
    let shortest = Duration::from_millis(2);
    // All ten are in the queue before the first begins.
    let gate = Gate::shut(&pool);
    for _ in 0..10 {
        let works = move || {
            let until = Instant::now() + shortest;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        };
        pool.execute(works).unwrap();
    }
    drop(gate);
    pool.wait_idle();
    let Metrics { run, wait, .. } = pool.metrics();
    assert_eq!((run.count, wait.count), (11, 11));
    // Within one per cent.
    assert!(run.p50 >= shortest * 99 / 100, "{run}");
    assert!(
        wait.max >= shortest * 8,
        "the last has waited for nine: {wait}"
    );
    for of in [run, wait] {
        let rising = [of.p50, of.p90, of.p99, of.p999, of.max];
        assert!(rising.is_sorted(), "{of}");
        assert!(of.mean <= of.max && of.mean > Duration::ZERO, "{of}");
    }
    let text = pool.metrics().to_string();
    for part in ["11 submitted", "11 completed", "queue: 0 of 1024", "p999"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn every_task_is_in_the_distribution_of_run_times() {
    let pool = Arc::new(Pool::builder("all").workers(2).build().unwrap());
    for number in 0..10_000_u32 {
        pool.execute(move || assert!(std::hint::black_box(number) < 10_000))
            .unwrap();
    }
    let inner = Arc::clone(&pool);
    let nested = pool.submit(move || {
        let children = (0..10).map(|_| inner.submit(|| ()).unwrap());
        children.for_each(|child| child.join().unwrap());
        inner.map(&[(); 100], |()| ()).unwrap();
    });
    nested.unwrap().join().unwrap();
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!(metrics.run.count, metrics.completed);
    assert!(metrics.wait.count <= metrics.completed);
}

#[test]
fn distributions_can_be_switched_off_and_counts_remain() {
    let pool = Pool::builder("off").workers(2).histograms(false).build();
    let pool = pool.unwrap();
    for _ in 0..1_000 {
        pool.execute(|| ()).unwrap();
    }
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!(metrics.completed, 1_000);
    assert_eq!(
        (metrics.wait, metrics.run),
        (Distribution::default(), Distribution::default())
    );
}

#[test]
fn what_workers_that_have_left_counted_is_kept() {
    let builder = Pool::builder("left").workers(..=1);
    let pool = builder.idle_timeout(Duration::ZERO).build().unwrap();
    for _ in 0..5 {
        pool.submit(|| ()).unwrap().join().unwrap();
        until(|| pool.metrics().workers.live == 0);
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.completed, metrics.run.count), (5, 5));
}

/// Hands over tasks that end in all ways.
fn produce(pool: &Arc<Pool>, count: u32) {
    for number in 0..count {
        let task = pool.task(move || {
            if number % 16 == 0 {
                resume_unwind(Box::new("expected"));
            }
        });
        let task = task.priority(Priority((number % 5 * 50) as u8));
        let outcome = match number % 8 {
            0 | 1 => task.execute().map(|()| None),
            2 => task.deadline(Instant::now()).try_submit().map(Some),
            3 => {
                let inner = Arc::clone(pool);
                let nested = move || drop(inner.submit(|| ()).map(TaskHandle::join));
                pool.submit(nested).map(Some).map_err(drop).ok();
                continue;
            }
            4 => {
                pool.scope(|scope| (0..3).for_each(|_| scope.execute(|| ())));
                continue;
            }
            _ => task.submit().map(Some),
        };
        match outcome {
            Ok(Some(handle)) if number % 3 == 0 => drop(handle.cancel()),
            Ok(Some(handle)) if number % 3 == 1 => drop(handle.join()),
            _ => {}
        }
    }
}

/// Looks at snapshots while tasks of all kinds come and end.
fn snapshots_hold(policy: WhenFull) {
    let builder = Pool::builder("load").workers(1..=4).queue_capacity(8);
    let pool = Arc::new(builder.when_full(policy).build().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = || {
            let mut last = 0;
            while !done.load(SeqCst) {
                let metrics = pool.metrics();
                assert_eq!(metrics.submitted, accounted_for(&metrics), "{metrics}");
                assert!(metrics.submitted >= last, "{metrics}");
                last = metrics.submitted;
                thread::yield_now();
            }
            last
        };
        let watcher = scope.spawn(watch);
        let producers = [(); 3].map(|()| scope.spawn(|| produce(&pool, 4_000)));
        let closer = scope.spawn(|| {
            until(|| pool.metrics().submitted > 9_000);
            pool.shutdown(Shutdown::now()).unstarted.len()
        });
        for producer in producers {
            producer.join().unwrap();
        }
        closer.join().unwrap();
        done.store(true, SeqCst);
        assert!(watcher.join().unwrap() > 9_000);
    });
    let metrics = pool.metrics();
    assert_eq!(metrics.submitted, accounted_for(&metrics));
    assert_eq!((metrics.queued, metrics.running), (0, 0));
}

#[test]
fn the_sum_holds_in_every_snapshot_under_load() {
    snapshots_hold(WhenFull::Wait);
}

#[test]
fn the_sum_holds_in_every_snapshot_under_load_with_discards() {
    snapshots_hold(WhenFull::DiscardOldest);
}

#[test]
fn the_sum_holds_in_every_snapshot_under_load_when_callers_run_tasks() {
    snapshots_hold(WhenFull::CallerRuns);
}
