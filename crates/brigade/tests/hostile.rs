//! Foreign code may panic or call back wherever it is called: no worker, count or wake-up is lost by it.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::future::Future;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::thread;

use brigade::Pool;
use brigade::pool::{TaskError, WhenFull};
use gate::Gate;
use until::until;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("expected: a bomb"));
    }
}

/// A pool of one worker that counts the panics nobody else reports.
fn pool() -> (Pool, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let builder = Pool::builder("hostile").workers(1).on_panic(move |_| {
        hears.fetch_add(1, SeqCst);
    });
    (builder.build().unwrap(), heard)
}

/// Shows that the only worker of the pool lives and that the pool knows what it does.
fn assert_sound(pool: &Pool) {
    assert_eq!(pool.submit(|| 7).unwrap().join().unwrap(), 7);
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!((metrics.workers.live, metrics.workers.peak), (1, 1));
    assert_eq!((metrics.queued, metrics.running), (0, 0));
}

#[test]
fn a_result_nobody_wants_may_panic_when_it_is_dropped() {
    let (pool, heard) = pool();
    let gate = Gate::shut(&pool);
    drop(pool.submit(|| Bomb).unwrap());
    drop(gate);
    assert_sound(&pool);
    assert_eq!((heard.load(SeqCst), pool.metrics().completed), (1, 3));
}

#[test]
fn a_panic_may_carry_a_payload_that_panics_when_it_is_dropped() {
    let (pool, heard) = pool();
    pool.execute(|| resume_unwind(Box::new(Bomb))).unwrap();
    drop(pool.submit(|| resume_unwind(Box::new(Bomb))).unwrap());
    assert_sound(&pool);
    assert_eq!((heard.load(SeqCst), pool.metrics().panicked), (2, 2));
}

#[test]
fn a_closure_may_panic_when_it_is_dropped() {
    let (pool, heard) = pool();
    let bomb = Bomb;
    pool.execute(move || drop(bomb)).unwrap();
    let bomb = Bomb;
    let expired = pool
        .task(move || drop(bomb))
        .deadline(std::time::Instant::now())
        .submit()
        .unwrap();
    assert!(matches!(expired.join(), Err(TaskError::Expired(_))));
    assert_sound(&pool);
    assert_eq!(heard.load(SeqCst), 2);
}

#[test]
fn a_result_that_a_scope_does_not_want_may_panic_when_it_is_dropped() {
    let (pool, heard) = pool();
    pool.scope(|scope| {
        let gate = Gate::shut(&pool);
        drop(scope.submit(|| Bomb));
        drop(gate);
    });
    assert_sound(&pool);
    assert_eq!(heard.load(SeqCst), 1);
}

#[test]
fn a_scope_ends_though_its_tasks_panic_with_payloads_that_panic() {
    let (pool, _) = pool();
    let caught = catch_unwind(std::panic::AssertUnwindSafe(|| {
        pool.scope(|scope| {
            for _ in 0..3 {
                scope.execute(|| resume_unwind(Box::new("expected")));
                scope.execute(|| resume_unwind(Box::new(Bomb)));
            }
        });
    }));
    std::mem::forget(caught.unwrap_err());
    assert_sound(&pool);
}

/// Panics when it wakes.
struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("expected: a waker"));
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn a_waker_of_a_handle_may_panic() {
    let (pool, heard) = pool();
    let gate = Gate::shut(&pool);
    let mut handle = pin!(pool.submit(|| 7).unwrap());
    assert!(!poll_once(
        handle.as_mut(),
        &Waker::from(Arc::new(BadWaker))
    ));
    drop(gate);
    assert_sound(&pool);
    assert!(poll_once(handle, Waker::noop()));
    assert_eq!(heard.load(SeqCst), 1);
}

#[test]
fn a_waker_of_a_producer_may_panic_and_the_others_are_still_woken() {
    let (told, hears) = channel();
    let pool = Pool::builder("producers")
        .workers(1)
        .queue_capacity(1)
        .build()
        .unwrap();
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    let mut bad = Box::pin(pool.execute_async(move || told.send(()).unwrap()));
    assert!(!poll_once(bad.as_mut(), &Waker::from(Arc::new(BadWaker))));
    thread::scope(|scope| {
        let waits = scope.spawn(|| pool.submit(|| 7).unwrap().join().unwrap());
        drop(gate);
        assert_eq!(waits.join().unwrap(), 7);
    });
    hears.recv().unwrap();
    assert!(poll_once(bad.as_mut(), Waker::noop()));
    assert_sound(&pool);
}

/// Looks at the pool when it is dropped, which takes the pool's lock.
struct LooksAtDrop(Arc<Pool>);

impl Wake for LooksAtDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for LooksAtDrop {
    fn drop(&mut self) {
        let _ = self.0.metrics();
    }
}

#[test]
fn wakers_are_dropped_without_the_lock_of_the_pool() {
    let builder = Pool::builder("wakers").workers(1).queue_capacity(1);
    let pool = Arc::new(builder.build().unwrap());
    let looks = || Waker::from(Arc::new(LooksAtDrop(Arc::clone(&pool))));
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    let mut replaced = Box::pin(pool.execute_async(|| ()));
    assert!(!poll_once(replaced.as_mut(), &looks()));
    assert!(!poll_once(replaced.as_mut(), Waker::noop()));
    let mut given_up = Box::pin(pool.execute_async(|| ()));
    assert!(!poll_once(given_up.as_mut(), &looks()));
    drop(given_up);
    drop(gate);
    until(|| poll_once(replaced.as_mut(), Waker::noop()));
    let gate = Gate::shut(&pool);
    let mut handle = Box::pin(pool.submit(|| ()).unwrap());
    assert!(!poll_once(handle.as_mut(), &looks()));
    drop(handle);
    drop(gate);
    pool.wait_idle();
}

#[test]
fn what_gives_way_may_panic_when_it_is_dropped() {
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let pool = Pool::builder("discards")
        .workers(1)
        .queue_capacity(1)
        .when_full(WhenFull::DiscardOldest)
        .on_panic(move |_| {
            hears.fetch_add(1, SeqCst);
        })
        .build()
        .unwrap();
    let gate = Gate::shut(&pool);
    let bomb = Bomb;
    pool.execute(move || std::mem::forget(bomb)).unwrap();
    let newer = pool.submit(|| 7).expect("the newcomer is accepted");
    drop(gate);
    assert_eq!(newer.join().unwrap(), 7);
    assert_eq!((heard.load(SeqCst), pool.metrics().discarded), (1, 1));
}

#[test]
fn handlers_and_hooks_may_panic() {
    let (heard, hears) = channel();
    let heard = parking_lot::Mutex::new(heard);
    let pool = Pool::builder("handlers")
        .workers(1)
        .on_start(|| resume_unwind(Box::new("start")))
        .on_stop(|| resume_unwind(Box::new("stop")))
        .on_panic(move |panic| {
            heard.lock().send(panic.message().to_owned()).unwrap();
            resume_unwind(Box::new("in the handler itself"));
        })
        .build()
        .unwrap();
    pool.execute(|| panic_any("task")).unwrap();
    let done = pool.task(|| 7).on_complete(|_| panic_any("callback"));
    assert_eq!(done.submit().unwrap().join().unwrap(), 7);
    assert_sound(&pool);
    drop(pool);
    let order: Vec<_> = hears.iter().collect();
    assert_eq!(order, ["start", "task", "callback", "stop"]);
}
