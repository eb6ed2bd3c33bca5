//! Producer-consumer: the buffer is bounded, producers feel it, and nothing hangs.
#![cfg(not(any(loom, shuttle)))]

mod door;
mod until;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use brigade::consumers::{Consumers, RejectReason, StartError};
use brigade::lock::Mutex;
use brigade::pool::{Pool, Shutdown};
use door::Door;
use until::until;

/// Consumers that stand before a door, and what tells that one does.
fn held(
    workers: usize,
    buffer: usize,
) -> (Consumers<u64>, Arc<Door>, std::sync::mpsc::Receiver<()>) {
    let (door, tells, hears) = Door::shut();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("held")
        .workers(workers)
        .buffer(buffer)
        .start(move |_: &u64| {
            let _ = tells.send(());
            waits.pass();
        })
        .unwrap();
    (consumers, door, hears)
}

#[test]
fn a_fast_producer_never_overfills_the_buffer() {
    let consumers = Consumers::builder("slow")
        .workers(2)
        .buffer(8)
        .start(|_: &u64| thread::yield_now())
        .unwrap();
    for item in 0..5_000 {
        consumers.produce(item).unwrap();
    }
    consumers.wait_idle().unwrap();
    let metrics = consumers.metrics();
    assert_eq!((metrics.produced, metrics.handled), (5_000, 5_000));
    assert!((1..=8).contains(&metrics.buffer_high_water), "{metrics}");
}

#[test]
fn a_producer_waits_for_room_and_is_let_in() {
    let (consumers, door, stands) = held(1, 1);
    consumers.produce(1).unwrap();
    stands.recv().unwrap();
    consumers.produce(2).unwrap();
    let produces = consumers.clone();
    let producer = thread::spawn(move || produces.produce(3).unwrap());
    until(|| consumers.metrics().waiting_producers == 1);
    assert_eq!(consumers.metrics().produced, 2);
    door.open();
    producer.join().unwrap();
    consumers.wait_idle().unwrap();
    assert_eq!(consumers.metrics().handled, 3);
}

#[test]
fn who_came_first_is_let_in_first() {
    let (door, tells, stands) = Door::shut();
    let (got, order) = channel();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("fair")
        .workers(1)
        .buffer(1)
        .start(move |item: &u64| {
            let _ = tells.send(());
            waits.pass();
            got.send(*item).unwrap();
        })
        .unwrap();
    consumers.produce(0).unwrap();
    stands.recv().unwrap();
    consumers.produce(1).unwrap();
    thread::scope(|scope| {
        for item in 2..6 {
            let produces = consumers.clone();
            scope.spawn(move || produces.produce(item).unwrap());
            until(|| consumers.metrics().waiting_producers as u64 == item - 1);
        }
        door.open();
    });
    consumers.wait_idle().unwrap();
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_refused_item_comes_back_with_the_reason() {
    let (consumers, door, stands) = held(1, 1);
    consumers.produce(1).unwrap();
    stands.recv().unwrap();
    consumers.produce(2).unwrap();

    let refused = consumers.try_produce(3).unwrap_err();
    assert_eq!(refused.item, 3);
    let text = refused.to_string();
    let RejectReason::Full {
        capacity,
        waited,
        retry_after,
        ..
    } = refused.reason
    else {
        panic!("{text}");
    };
    assert_eq!((capacity, waited), (1, Duration::ZERO));
    assert!(retry_after > Duration::ZERO);
    assert!(
        text.contains("`held`") && text.contains("retry in"),
        "{text}"
    );

    let limit = Duration::from_millis(5);
    let refused = consumers.produce_timeout(4, limit).unwrap_err();
    assert_eq!(refused.item, 4);
    assert!(matches!(refused.reason, RejectReason::Full { waited, .. } if waited >= limit));

    let rejected = consumers.metrics().rejected;
    assert_eq!((rejected.full, rejected.timed_out), (1, 1));
    door.open();
    consumers.wait_idle().unwrap();
    assert_eq!(consumers.metrics().handled, 2);
}

#[test]
fn a_producer_that_waits_for_room_gets_its_item_back_at_the_end() {
    let (consumers, door, stands) = held(1, 1);
    consumers.produce(1).unwrap();
    stands.recv().unwrap();
    consumers.produce(2).unwrap();
    let produces = consumers.clone();
    let producer = thread::spawn(move || produces.produce(3).unwrap_err());
    until(|| consumers.metrics().waiting_producers == 1);
    let report = consumers.shutdown(Shutdown::Now {
        timeout: Duration::ZERO,
    });
    let refused = producer.join().unwrap();
    assert_eq!(refused.item, 3);
    assert!(matches!(refused.reason, RejectReason::ShutDown { .. }));
    assert_eq!((report.unhandled, report.running), (vec![2], 1));
    door.open();
}

#[test]
fn a_handler_that_fills_its_own_buffer_gets_an_error_instead_of_hanging() {
    for workers in [1, 3] {
        let own: Arc<OnceLock<Consumers<u64>>> = Arc::default();
        let (tells, hears) = channel();
        let produces = Arc::clone(&own);
        let consumers = Consumers::builder("own")
            .workers(workers)
            .buffer(2)
            .start(move |item: &u64| {
                let Some(own) = produces.get() else { return };
                if *item == 0 {
                    return;
                }
                // Each item brings two more: sooner or later all consumers wait for room.
                for _ in 0..2 {
                    if let Err(refused) = own.produce(*item) {
                        let _ = tells.send((refused.item, refused.reason));
                    }
                }
            })
            .unwrap();
        own.set(consumers.clone()).unwrap();
        consumers.produce(7).unwrap();
        let (item, reason) = hears.recv().unwrap();
        assert_eq!(item, 7);
        assert!(matches!(reason, RejectReason::Deadlock { .. }), "{reason}");
        assert!(reason.to_string().contains("try_produce"), "{reason}");
        let _ = consumers.shutdown(Shutdown::now());
        assert!(consumers.metrics().rejected.deadlock > 0);
    }
}

#[test]
fn a_wait_for_room_that_the_only_consumer_can_never_make_fails_with_the_cycle() {
    let lock = Arc::new(Mutex::named("ledger", ()));
    let (stands, consumer_stands) = channel();
    let wants = Arc::clone(&lock);
    let consumers = Consumers::builder("posts")
        .workers(1)
        .buffer(1)
        .start(move |_: &u64| {
            let _ = stands.send(());
            // Fails if it is this wait that closes the cycle.
            drop(wants.lock_checked());
        })
        .unwrap();
    let held = lock.lock();
    consumers.produce(1).unwrap();
    consumer_stands.recv().unwrap();
    consumers.produce(2).unwrap();
    // The consumer wants the lock that is held here, and so makes no room. One of the two waits fails.
    match consumers.produce(3) {
        Ok(()) => {} // the consumer's wait failed, and it went on
        Err(refused) => {
            assert_eq!(refused.item, 3);
            let RejectReason::Deadlock { report, .. } = &refused.reason else {
                panic!("{refused}");
            };
            assert_eq!(report.steps().len(), 2);
            let text = refused.to_string();
            assert!(
                text.contains("`ledger`") && text.contains("`posts`"),
                "{text}"
            );
        }
    }
    drop(held);
    consumers.wait_idle().unwrap();
}

#[test]
fn a_pool_worker_that_waits_for_room_is_replaced_meanwhile() {
    let (consumers, door, stands) = held(1, 1);
    consumers.produce(1).unwrap();
    stands.recv().unwrap();
    consumers.produce(2).unwrap();
    let pool = Pool::builder("single").workers(1).build().unwrap();
    let produces = consumers.clone();
    let waits = pool.submit(move || produces.produce(3).is_ok()).unwrap();
    until(|| consumers.metrics().waiting_producers == 1);
    // The pool's only worker waits, and yet this runs, and opens the door.
    pool.submit(move || door.open()).unwrap().join().unwrap();
    assert!(waits.join().unwrap());
}

#[test]
fn each_consumer_has_a_state_and_a_name_of_its_own() {
    let made = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&made);
    let (tells, hears) = channel();
    let consumers = Consumers::builder("named")
        .workers(2)
        .with_state(move || counts.fetch_add(1, SeqCst))
        .start_with(move |state: &mut usize, _: &u64| {
            let name = thread::current().name().unwrap().to_owned();
            tells.send((*state, name)).unwrap();
        })
        .unwrap();
    for item in 0..200 {
        consumers.produce(item).unwrap();
    }
    drop(consumers);
    let seen: std::collections::BTreeSet<_> = hears.iter().collect();
    assert_eq!(seen.len(), made.load(SeqCst), "one state a thread");
    assert!((1..=2).contains(&seen.len()));
    assert!(
        seen.iter()
            .all(|(_, name)| name.starts_with("named-consumer-"))
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let builder = || Consumers::<u64>::builder("odd");
    let problems = [
        builder().buffer(0).start(|_| ()),
        builder().workers(0).start(|_| ()),
        builder().batch(0, Duration::ZERO).start(|_| ()),
        builder().buffer(2).batch(3, Duration::ZERO).start(|_| ()),
        Consumers::builder("n\0").start(|_| ()),
    ];
    for problem in problems {
        let Err(StartError::Invalid { problem, .. }) = problem else {
            panic!("{problem:?}");
        };
        assert!(!problem.is_empty());
    }
}

#[test]
fn a_million_items_of_four_producers_are_each_handled_once() {
    const EACH: u64 = if cfg!(debug_assertions) {
        25_000
    } else {
        250_000
    };
    let (sum, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (adds, counts) = (Arc::clone(&sum), Arc::clone(&count));
    let consumers = Consumers::builder("stress")
        .workers(4)
        .buffer(256)
        .start(move |item: &u64| {
            adds.fetch_add(*item, SeqCst);
            counts.fetch_add(1, SeqCst);
        })
        .unwrap();
    thread::scope(|scope| {
        for producer in 0..4 {
            let consumers = consumers.clone();
            scope.spawn(move || {
                for number in 0..EACH {
                    consumers.produce(producer * EACH + number).unwrap();
                }
            });
        }
    });
    let report = consumers.shutdown(Shutdown::drain());
    let all = 4 * EACH;
    assert_eq!(count.load(SeqCst), all);
    assert_eq!(sum.load(SeqCst), all * (all - 1) / 2);
    assert_eq!((report.handled, report.failed, report.running), (all, 0, 0));
    let metrics = consumers.metrics();
    assert_eq!((metrics.produced, metrics.buffered), (all, 0));
    assert!(metrics.buffer_high_water <= 256);
    assert_eq!(metrics.handle.count, all);
    assert!(metrics.to_string().contains("produced"));
}
