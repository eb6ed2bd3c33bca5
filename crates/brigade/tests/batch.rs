//! Many tasks handed over together: in order, all or an exact rest.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;

use brigade::Pool;
use brigade::Priority;
use brigade::pool::{RejectReason, Shutdown, WhenFull};
use gate::Gate;
use until::until;

#[test]
fn handles_come_in_the_order_of_the_tasks() {
    let pool = Pool::builder("order").workers(3).build().unwrap();
    let handles = pool.submit_batch((0..500).map(|number| move || number));
    let results = handles
        .unwrap()
        .into_iter()
        .map(|handle| handle.join().unwrap());
    assert!(results.eq(0..500));
}

#[test]
fn a_batch_runs_in_order_and_waits_for_room() {
    let builder = Pool::builder("room").workers(1).queue_capacity(3);
    let pool = builder.build().unwrap();
    let (told, hears) = channel();
    let tasks = (0..1_000).map(|number| {
        let told = told.clone();
        move || told.send(number).unwrap()
    });
    assert_eq!(pool.execute_batch(tasks).unwrap(), 1_000);
    drop(told);
    assert!(hears.iter().eq(0..1_000));
    assert!(pool.metrics().queue_high_water <= 3);
}

#[test]
fn nothing_can_be_handed_over() {
    let pool = Pool::builder("nothing").workers(1).build().unwrap();
    let none = || std::iter::empty::<fn()>();
    assert_eq!(pool.execute_batch(none()).unwrap(), 0);
    assert_eq!(pool.submit_batch(none()).unwrap().len(), 0);
}

#[test]
fn a_batch_refused_in_part_returns_the_rest_in_order() {
    let builder = Pool::builder("part").workers(1).queue_capacity(4);
    let pool = builder.when_full(WhenFull::Refuse).build().unwrap();
    let gate = Gate::shut(&pool);
    let refused = pool.submit_batch((0..200).map(|number| move || number));
    let refused = refused.unwrap_err();
    assert_eq!((refused.accepted, refused.handles.len()), (4, 4));
    assert!(matches!(
        refused.reason,
        RejectReason::Full { capacity: 4, .. }
    ));
    assert!(refused.rest.into_iter().map(|task| task()).eq(4..200));
    let again = pool.execute_batch((0..3).map(|_| || ())).unwrap_err();
    assert_eq!((again.accepted, again.rest.len()), (0, 3));
    drop(gate);
    let results = refused
        .handles
        .into_iter()
        .map(|handle| handle.join().unwrap());
    assert!(results.eq(0..4));
    assert_eq!(
        (pool.metrics().submitted, pool.metrics().rejected.full),
        (5, 2)
    );
}

#[test]
fn a_batch_that_meets_a_shutdown_is_run_or_returned_to_the_last() {
    for _ in 0..50 {
        let builder = Pool::builder("shut").workers(1).queue_capacity(2);
        let pool = builder.build().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let gate = Gate::shut(&pool);
        let (accepted, returned, back) = thread::scope(|scope| {
            let producer = scope.spawn(|| {
                let tasks = (0..100).map(|_| {
                    let ran = Arc::clone(&ran);
                    move || {
                        ran.fetch_add(1, SeqCst);
                    }
                });
                pool.execute_batch(tasks).unwrap_err()
            });
            until(|| pool.metrics().queued == 2);
            let closer = scope.spawn(|| pool.shutdown(Shutdown::now()));
            let refused = producer.join().unwrap();
            drop(gate);
            let report = closer.join().unwrap();
            (refused.accepted, refused.rest.len(), report.unstarted.len())
        });
        assert_eq!((accepted + returned, back), (100, 2));
        assert_eq!(ran.load(SeqCst) + back, accepted);
    }
}

#[test]
fn tasks_taken_before_their_iterator_panicked_are_run() {
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    let builder = Pool::builder("iterator").workers(1).on_panic(move |_| {
        hears.fetch_add(1, SeqCst);
    });
    let pool = builder.build().unwrap();
    let tasks = (0..1_000).map(|number| {
        if number == 100 {
            resume_unwind(Box::new("expected"));
        }
        || -> () { resume_unwind(Box::new("a task")) }
    });
    let submitted = catch_unwind(AssertUnwindSafe(|| pool.submit_batch(tasks).is_ok()));
    assert!(submitted.is_err());
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!(metrics.submitted, 64, "those of the first block");
    assert_eq!((metrics.panicked, heard.load(SeqCst)), (64, 64));
}

#[test]
fn a_batch_never_makes_an_urgent_task_wait_behind_it() {
    let pool = Arc::new(Pool::builder("urgent").workers(1).build().unwrap());
    let (told, hears) = channel();
    let (inner, urgent) = (Arc::clone(&pool), told.clone());
    let gate = Gate::shut(&pool);
    let first = move || {
        let task = inner.task(move || urgent.send("urgent").unwrap());
        task.priority(Priority::HIGH).execute().unwrap();
    };
    pool.execute(first).unwrap();
    let tasks = (0..500).map(|_| {
        let told = told.clone();
        move || told.send("of the batch").unwrap()
    });
    pool.execute_batch(tasks).unwrap();
    drop((gate, told));
    assert_eq!(hears.recv().unwrap(), "urgent");
    assert_eq!(hears.iter().count(), 500);
}
