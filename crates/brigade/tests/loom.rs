//! Every interleaving of the pool's hand-offs, for small cases: `--cfg loom`.
//!
//! The models run the pool as it ships, through its public interface; only its mutexes, atomics, threads
//! and parking are loom's. Three or four forced switches at any point are enough to show the known kinds
//! of lost wake-up, and keep the exploration finite.
#![cfg(loom)]

#[path = "models/consumers.rs"]
mod consumers;
#[path = "models/partitioned.rs"]
mod partitioned;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use brigade::pool::{Cancel, Pool, Shutdown, Start, TaskError, WhenFull};
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

fn pool(workers: usize, capacity: usize) -> Pool {
    let builder = Pool::builder("model")
        .workers(..=workers)
        .queue_capacity(capacity);
    builder
        .start(Start::Lazy)
        .histograms(false)
        .build()
        .unwrap()
}

#[test]
fn a_submitted_task_runs_and_its_result_arrives() {
    explore(4, || {
        let pool = pool(1, 2);
        assert_eq!(pool.submit(|| 7).unwrap().join().unwrap(), 7);
    });
}

#[test]
fn a_worker_that_parks_misses_no_task() {
    explore(3, || {
        let pool = pool(1, 2);
        let first = pool.submit(|| 1).unwrap();
        let second = pool.submit(|| 2).unwrap();
        assert_eq!(first.join().unwrap() + second.join().unwrap(), 3);
        // The worker may be parking just now.
        assert_eq!(pool.submit(|| 3).unwrap().join().unwrap(), 3);
    });
}

#[test]
fn two_producers_lose_no_wake_up_between_them() {
    explore(3, || {
        let pool = Arc::new(pool(1, 2));
        let other = Arc::clone(&pool);
        let producer = thread::spawn(move || other.submit(|| 1).unwrap().join().unwrap());
        let own = pool.submit(|| 2).unwrap().join().unwrap();
        assert_eq!(producer.join().unwrap() + own, 3);
    });
}

#[test]
fn a_producer_that_waits_for_room_is_let_in() {
    explore(3, || {
        let pool = Arc::new(pool(1, 1));
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let ran = Arc::clone(&ran);
            pool.execute(move || assert!(ran.fetch_add(1, SeqCst) < 3))
                .unwrap();
        }
        pool.wait_idle();
        assert_eq!(ran.load(SeqCst), 3);
    });
}

#[test]
fn a_task_either_runs_or_is_cancelled() {
    explore(4, || {
        let pool = pool(1, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let handle = pool.submit(move || counted.fetch_add(1, SeqCst)).unwrap();
        let cancelled = handle.cancel();
        match handle.join() {
            Ok(0) => assert_ne!(cancelled, Cancel::Removed),
            Err(TaskError::Cancelled(_)) => assert_eq!(cancelled, Cancel::Removed),
            other => panic!("{other:?}"),
        }
        drop(pool);
        assert_eq!(ran.load(SeqCst), usize::from(cancelled != Cancel::Removed));
        assert_eq!(Arc::strong_count(&ran), 1, "the closure was dropped, once");
    });
}

#[test]
fn a_task_that_is_finished_has_been_counted() {
    explore(3, || {
        let pool = pool(1, 2);
        let handle = Arc::new(pool.submit(|| ()).unwrap());
        let other = Arc::clone(&handle);
        let cancels = thread::spawn(move || other.cancel());
        if handle.is_finished() {
            let metrics = pool.metrics();
            assert_eq!(metrics.completed + metrics.cancelled, 1);
            assert_eq!(metrics.queued, 0);
        }
        cancels.join().unwrap();
    });
}

#[test]
fn a_detached_task_still_runs_and_is_dropped_once() {
    explore(4, || {
        let pool = pool(1, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        drop(pool.submit(move || counted.fetch_add(1, SeqCst)).unwrap());
        drop(pool);
        assert_eq!((ran.load(SeqCst), Arc::strong_count(&ran)), (1, 1));
    });
}

fn submit_races(how: fn() -> Shutdown) {
    explore(3, move || {
        let pool = Arc::new(pool(1, 1));
        let ran = Arc::new(AtomicUsize::new(0));
        let (other, counted) = (Arc::clone(&pool), Arc::clone(&ran));
        let producer = thread::spawn(move || {
            let task = move || assert_eq!(counted.fetch_add(1, SeqCst), 0);
            other.execute(task).is_ok()
        });
        let report = pool.shutdown(how());
        let accepted = producer.join().unwrap();
        let accounted = ran.load(SeqCst) + report.unstarted.len();
        assert_eq!(accounted, usize::from(accepted));
    });
}

#[test]
fn a_task_that_races_a_drain_runs_or_comes_back() {
    submit_races(Shutdown::drain);
}

#[test]
fn a_task_that_races_a_shutdown_runs_or_comes_back() {
    submit_races(Shutdown::now);
}

#[test]
fn a_task_joins_its_child_on_one_worker() {
    explore(3, || {
        let pool = Arc::new(pool(1, 2));
        let inner = Arc::clone(&pool);
        let parent = pool.submit(move || inner.submit(|| 1).unwrap().join().unwrap() + 1);
        assert_eq!(parent.unwrap().join().unwrap(), 2);
    });
}

/// Ends a wait; what an executor is to a future.
struct Notifies(loom::sync::Notify);

impl Wake for Notifies {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls until it is ready, but never before it is woken.
fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let notifies = Arc::new(Notifies(loom::sync::Notify::new()));
    let waker = Waker::from(Arc::clone(&notifies));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => notifies.0.wait(),
        }
    }
}

/// As an executor that polls the future once, and then leaves it to another one.
fn block_on_the_second<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut first = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut first) {
        Poll::Ready(output) => output,
        Poll::Pending => block_on(future),
    }
}

#[test]
fn a_handle_polled_while_its_task_ends_is_woken() {
    explore(3, || {
        let pool = pool(1, 2);
        let handle = pin!(pool.submit(|| 7).unwrap());
        assert_eq!(block_on(handle).unwrap(), 7);
    });
}

#[test]
fn of_two_who_poll_a_handle_the_latest_is_woken() {
    explore(3, || {
        let pool = pool(1, 2);
        let handle = pool.submit(|| 7).unwrap();
        assert_eq!(block_on_the_second(handle).unwrap(), 7);
    });
}

#[test]
fn of_two_who_await_room_for_a_task_the_latest_is_woken() {
    explore(3, || {
        let pool = pool(1, 1);
        pool.execute(|| ()).unwrap();
        block_on_the_second(pool.execute_async(|| ())).unwrap();
    });
}

#[test]
fn a_handle_dropped_while_another_thread_cancels_leaves_one_end() {
    explore(3, || {
        let pool = pool(1, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let handle = pool.submit(move || counted.fetch_add(1, SeqCst)).unwrap();
        let cancels = thread::spawn(move || handle.cancel() == Cancel::Removed);
        let removed = cancels.join().unwrap();
        drop(pool);
        assert_eq!(ran.load(SeqCst), usize::from(!removed));
        assert_eq!(Arc::strong_count(&ran), 1);
    });
}

#[test]
fn a_producer_whose_time_is_over_leaves_the_line_or_was_let_in() {
    explore(3, || {
        let pool = Arc::new(pool(1, 1));
        let ran = Arc::new(AtomicUsize::new(0));
        let task = |ran: &Arc<AtomicUsize>| {
            let ran = Arc::clone(ran);
            move || assert!(ran.fetch_add(1, SeqCst) < 3)
        };
        pool.execute(task(&ran)).unwrap();
        pool.execute(task(&ran)).unwrap();
        let limit = std::time::Duration::ZERO;
        let admitted = pool.execute_timeout(task(&ran), limit).is_ok();
        pool.wait_idle();
        assert_eq!(ran.load(SeqCst), 2 + usize::from(admitted));
    });
}

#[test]
fn a_future_dropped_while_room_is_made_leaves_the_line_or_was_let_in() {
    explore(3, || {
        let pool = Arc::new(pool(1, 1));
        let ran = Arc::new(AtomicUsize::new(0));
        let task = |ran: &Arc<AtomicUsize>| {
            let ran = Arc::clone(ran);
            move || assert!(ran.fetch_add(1, SeqCst) < 2)
        };
        pool.execute(task(&ran)).unwrap();
        let mut waits = Box::pin(pool.execute_async(task(&ran)));
        let polled = waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(waits);
        drop(pool);
        let ran_all = ran.load(SeqCst);
        assert!(ran_all == 2 || ran_all == 1 && polled.is_pending());
        assert_eq!(
            Arc::strong_count(&ran),
            1,
            "every closure was dropped, once"
        );
    });
}

#[test]
fn a_cancel_lets_a_waiting_producer_in() {
    explore(3, || {
        let pool = Arc::new(pool(1, 1));
        let gate = Arc::new(loom::sync::Mutex::new(()));
        let (inside, shut) = (Arc::clone(&gate), gate.lock().unwrap());
        // The worker is held from its first task on, so it makes no room after that.
        pool.execute(move || drop(inside.lock().unwrap())).unwrap();
        let queued = pool.submit(|| ()).unwrap();
        let other = Arc::clone(&pool);
        let producer = thread::spawn(move || other.execute(|| ()).unwrap());
        assert_eq!(queued.cancel(), Cancel::Removed);
        producer.join().unwrap();
        drop(shut);
    });
}

#[test]
fn a_cancel_lets_those_go_who_wait_for_rest() {
    explore(3, || {
        let pool = pool(1, 2);
        let handle = pool.submit(|| ()).unwrap();
        let cancels = thread::spawn(move || handle.cancel());
        // The worker may find the husk, and park, before whoever made it has said so.
        pool.wait_idle();
        cancels.join().unwrap();
    });
}

#[test]
fn a_task_that_is_given_up_and_cancelled_leaves_room_for_one() {
    explore(3, || {
        let builder = Pool::builder("model").workers(..=1).queue_capacity(1);
        let builder = builder.start(Start::Lazy).histograms(false);
        let pool = builder.when_full(WhenFull::DiscardOldest).build().unwrap();
        let pool = Arc::new(pool);
        let old = pool.submit(|| ()).unwrap();
        let other = Arc::clone(&pool);
        // The old task gives way to the new one, unless the worker has come.
        let producer = thread::spawn(move || other.execute(|| ()).unwrap());
        old.cancel();
        let _ = pool.try_execute(|| ());
        producer.join().unwrap();
        assert!(pool.metrics().queued <= 1);
    });
}

#[test]
fn a_task_accepted_while_the_last_worker_leaves_is_run() {
    // Each forced switch can cost a thread here, and loom has five.
    explore(1, || {
        let builder = Pool::builder("leaves").workers(..=1).histograms(false);
        let pool = builder
            .idle_timeout(std::time::Duration::ZERO)
            .start(Start::Lazy)
            .build()
            .unwrap();
        assert_eq!(pool.submit(|| 1).unwrap().join().unwrap(), 1);
        // Its worker is about to leave, or has left.
        assert_eq!(pool.submit(|| 2).unwrap().join().unwrap(), 2);
    });
}

#[test]
fn a_blocked_worker_helps_when_nobody_else_can() {
    explore(2, || {
        let pool = Arc::new(pool(1, 3));
        let rested = Arc::new(AtomicUsize::new(0));
        // Twice the largest number of workers may exist, and two of these wait for the third.
        for _ in 0..3 {
            let (inner, rested) = (Arc::clone(&pool), Arc::clone(&rested));
            let task = move || {
                inner.wait_idle();
                rested.fetch_add(1, SeqCst);
            };
            pool.execute(task).unwrap();
        }
        pool.wait_idle();
        assert_eq!(rested.load(SeqCst), 3);
    });
}
