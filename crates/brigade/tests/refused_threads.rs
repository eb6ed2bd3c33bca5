//! The system may refuse a thread at any time. What was accepted is run by those there are.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;

use brigade::Pool;
use brigade::pool::{BuildError, Builder, RejectReason, Start};
use gate::Gate;
use until::until;

/// A system that has so many threads left to give.
fn with_threads(builder: Builder, left: usize) -> (Builder, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(left));
    let gives = Arc::clone(&left);
    let builder = builder.spawn_handler(move |thread, body| {
        let one_less = |left: usize| left.checked_sub(1);
        if gives.fetch_update(SeqCst, SeqCst, one_less).is_err() {
            return Err(io::Error::from(io::ErrorKind::WouldBlock));
        }
        thread.spawn(body)
    });
    (builder, left)
}

#[test]
fn a_pool_without_a_single_thread_is_not_built() {
    let (builder, _) = with_threads(Pool::builder("none").workers(2), 0);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, BuildError::NoWorkers { .. }), "{error}");
}

#[test]
fn a_pool_is_built_on_the_threads_there_are() {
    let (builder, _) = with_threads(Pool::builder("two").workers(4), 2);
    let pool = builder.build().unwrap();
    let workers = pool.metrics().workers;
    assert_eq!((workers.live, workers.started, workers.refused), (2, 2, 1));
    assert_eq!(pool.submit(|| 7).unwrap().join().unwrap(), 7);
}

#[test]
fn without_any_thread_the_task_comes_back_and_is_taken_when_there_is_one() {
    let (builder, left) = with_threads(Pool::builder("late").workers(2), 0);
    let pool = builder.start(Start::Lazy).build().unwrap();
    for _ in 0..3 {
        let refused = pool.submit(|| 7).unwrap_err();
        assert!(matches!(refused.reason, RejectReason::NoWorkers { .. }));
        assert_eq!((refused.task)(), 7);
    }
    assert!(pool.try_execute(|| ()).is_err());
    let batch = pool.submit_batch((0..3).map(|number| move || number));
    let refused = batch.unwrap_err();
    assert_eq!((refused.accepted, refused.rest.len()), (0, 3));
    assert_eq!(pool.map(&[1, 2], |number| number + 1).unwrap(), [2, 3]);
    let metrics = pool.metrics();
    assert_eq!((metrics.submitted, metrics.queued), (0, 0));
    assert!(metrics.rejected.no_workers >= 5);
    left.store(1, SeqCst);
    assert_eq!(pool.submit(|| 8).unwrap().join().unwrap(), 8);
}

#[test]
fn tasks_accepted_on_one_worker_run_there_when_no_other_is_to_be_had() {
    let (builder, left) = with_threads(Pool::builder("one").workers(1..=4), 1);
    let pool = builder.build().unwrap();
    let gate = Gate::shut(&pool);
    let tasks = (0..100).map(|number| move || number);
    let handles = pool.submit_batch(tasks).unwrap();
    assert_eq!(pool.metrics().workers.peak, 1);
    drop(gate);
    for (number, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join().unwrap(), number);
    }
    // When there are threads again, the pool grows again.
    left.store(8, SeqCst);
    let gate = Gate::shut(&pool);
    until(|| {
        let _ = pool.execute(|| ());
        pool.metrics().workers.peak == 4
    });
    drop(gate);
}

#[test]
fn a_task_that_counted_on_a_refused_thread_is_given_to_an_idle_worker() {
    let (asked, asks) = channel();
    let (answer, answers) = channel::<()>();
    let answers = parking_lot::Mutex::new(answers);
    let first = AtomicUsize::new(0);
    let builder = Pool::builder("slow no").workers(1..=2);
    let pool = builder.spawn_handler(move |thread, body| {
        if first.fetch_add(1, SeqCst) == 0 {
            return thread.spawn(body);
        }
        asked.send(()).unwrap();
        let _ = answers.lock().recv();
        Err(io::Error::from(io::ErrorKind::WouldBlock))
    });
    let pool = pool.build().unwrap();
    let gate = Gate::shut(&pool);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| pool.submit(|| 1).unwrap());
        asks.recv().unwrap(); // a thread has been asked for
        drop(gate);
        until(|| pool.metrics().workers.idle == 1); // the first worker has done all there was
        let counts_on_it = pool.submit(|| 2).unwrap();
        drop(answer);
        assert_eq!(counts_on_it.join().unwrap(), 2);
        assert_eq!(producer.join().unwrap().join().unwrap(), 1);
    });
}

#[test]
fn a_task_that_waits_for_rest_runs_the_others_if_nobody_else_can() {
    let (builder, _) = with_threads(Pool::builder("rest").workers(1), 1);
    let pool = Arc::new(builder.build().unwrap());
    let gate = Gate::shut(&pool);
    let inner = Arc::clone(&pool);
    let waits = pool.submit(move || {
        inner.wait_idle();
        inner.metrics().completed
    });
    let waits = waits.unwrap();
    for _ in 0..5 {
        pool.execute(|| ()).unwrap();
    }
    drop(gate);
    assert_eq!(waits.join().unwrap(), 6, "the gate's task and the five");
}

#[test]
fn a_spawn_handler_that_panics_counts_as_a_refusal() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (counts, allowed) = (Arc::clone(&panics), AtomicUsize::new(1));
    let pool = Pool::builder("panics")
        .workers(1..=3)
        .on_panic(move |_| {
            counts.fetch_add(1, SeqCst);
        })
        .spawn_handler(move |thread, body| {
            let one_less = |left: usize| left.checked_sub(1);
            match allowed.fetch_update(SeqCst, SeqCst, one_less) {
                Ok(_) => thread.spawn(body),
                Err(_) => std::panic::resume_unwind(Box::new("expected")),
            }
        })
        .build()
        .unwrap();
    let gate = Gate::shut(&pool);
    let waits = pool.submit(|| 7).unwrap();
    assert_eq!(panics.load(SeqCst), 1);
    drop(gate);
    assert_eq!(waits.join().unwrap(), 7);
    drop(pool); // ends: nobody is waited for who never came
}
