//! `wait_idle` is exact, and the end loses nothing.
#![cfg(not(any(loom, shuttle)))]

mod door;
mod until;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use brigade::consumers::{Consumers, Failure, Retry, WaitError};
use brigade::pool::Shutdown;
use door::Door;
use until::until;

fn held(workers: usize) -> (Consumers<u64>, Arc<Door>, Receiver<()>) {
    let (door, tells, hears) = Door::shut();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("held")
        .workers(workers)
        .buffer(1_000)
        .start(move |_: &u64| {
            let _ = tells.send(());
            waits.pass();
        })
        .unwrap();
    (consumers, door, hears)
}

#[test]
fn all_that_a_producer_produced_before_wait_idle_is_handled_when_it_returns() {
    const EACH: usize = if cfg!(debug_assertions) { 300 } else { 3_000 };
    let handled: Arc<Vec<AtomicUsize>> = Arc::new((0..4).map(|_| AtomicUsize::new(0)).collect());
    let failed = Arc::clone(&handled);
    let counts = Arc::clone(&handled);
    let consumers = Consumers::builder("exact")
        .workers(3)
        .buffer(16)
        .retry(Retry::times(1).after(Duration::from_micros(1)))
        .on_failure(move |failure: Failure<(usize, usize), ()>| {
            failed[failure.item.0].fetch_add(1, SeqCst);
        })
        .start(move |(producer, number): &(usize, usize)| {
            if number % 7 == 0 {
                return Err(());
            }
            counts[*producer].fetch_add(1, SeqCst);
            Ok(())
        })
        .unwrap();
    thread::scope(|scope| {
        for producer in 0..4 {
            let (consumers, handled) = (consumers.clone(), Arc::clone(&handled));
            scope.spawn(move || {
                for number in 0..EACH {
                    consumers.produce((producer, number)).unwrap();
                    if number % 5 == 0 {
                        consumers.wait_idle().unwrap();
                        assert_eq!(handled[producer].load(SeqCst), number + 1);
                    }
                }
            });
        }
    });
    consumers.wait_idle().unwrap();
    let metrics = consumers.metrics();
    assert_eq!(metrics.handled + metrics.failed, 4 * EACH as u64);
}

#[test]
fn wait_idle_ends_though_others_produce_without_end() {
    let consumers = Consumers::builder("busy")
        .workers(2)
        .buffer(64)
        .start(|_: &u64| thread::yield_now())
        .unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (produces, stopped) = (consumers.clone(), Arc::clone(&stop));
    let producer = thread::spawn(move || {
        while !stopped.load(SeqCst) {
            produces.produce(1).unwrap();
        }
    });
    until(|| consumers.metrics().buffered > 32);
    consumers.wait_idle().unwrap();
    assert!(!producer.is_finished());
    stop.store(true, SeqCst);
    producer.join().unwrap();
}

#[test]
fn wait_idle_says_so_if_the_time_is_over() {
    let (consumers, door, stands) = held(1);
    consumers.produce(1).unwrap();
    stands.recv().unwrap();
    let limit = Duration::from_millis(5);
    let error = consumers.wait_idle_timeout(limit).unwrap_err();
    assert!(matches!(error, WaitError::TimedOut { .. }), "{error}");
    assert_eq!(consumers.metrics().handled, 0);
    door.open();
    consumers
        .wait_idle_timeout(Duration::from_secs(600))
        .unwrap();
    assert_eq!(consumers.metrics().handled, 1);
}

#[test]
fn a_handler_that_waits_for_its_own_consumers_gets_an_error() {
    let own: Arc<OnceLock<Consumers<u64>>> = Arc::default();
    let (tells, hears) = channel();
    let waits = Arc::clone(&own);
    let consumers = Consumers::builder("self")
        .start(move |_: &u64| tells.send(waits.wait().wait_idle()).unwrap())
        .unwrap();
    own.set(consumers.clone()).unwrap();
    consumers.produce(1).unwrap();
    let error = hears.recv().unwrap().unwrap_err();
    assert!(matches!(error, WaitError::InHandler { .. }), "{error}");
    let _ = consumers.shutdown(Shutdown::drain());
}

#[test]
fn a_drain_handles_1000_of_1000() {
    let handled = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&handled);
    let (door, tells, stands) = Door::shut();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("drain")
        .workers(3)
        .buffer(1_000)
        .start(move |_: &u64| {
            let _ = tells.send(());
            waits.pass();
            counts.fetch_add(1, SeqCst);
        })
        .unwrap();
    for item in 0..1_000 {
        consumers.produce(item).unwrap();
    }
    stands.recv().unwrap();
    let ends = consumers.clone();
    let end = thread::spawn(move || ends.shutdown(Shutdown::drain()));
    until(|| {
        consumers
            .try_produce(1_000)
            .is_err_and(|refused| !refused.to_string().contains("full"))
    });
    door.open();
    let report = end.join().unwrap();
    let produced = consumers.metrics().produced;
    assert!(produced >= 1_000);
    assert_eq!(handled.load(SeqCst), produced);
    assert_eq!(
        (report.handled, report.unhandled.len(), report.running),
        (produced, 0, 0)
    );
    consumers.wait_idle().unwrap();
}

#[test]
fn what_a_shutdown_does_not_let_begin_comes_back_in_order() {
    let (consumers, door, stands) = held(2);
    for item in 0..100 {
        consumers.produce(item).unwrap();
    }
    stands.recv().unwrap();
    stands.recv().unwrap();
    let ends = consumers.clone();
    let end = thread::spawn(move || ends.shutdown(Shutdown::now()));
    until(|| consumers.metrics().handed_back > 0);
    door.open();
    let report = end.join().unwrap();
    assert_eq!(report.unhandled, (2..100).collect::<Vec<_>>());
    assert_eq!((report.handled, report.running), (2, 0));
    consumers.wait_idle().unwrap();
    let metrics = consumers.metrics();
    assert_eq!((metrics.consumers, metrics.handed_back), (0, 98));
}

#[test]
fn wait_idle_returns_when_a_shutdown_hands_back_what_it_waits_for() {
    let (consumers, door, stands) = held(1);
    for item in 0..10 {
        consumers.produce(item).unwrap();
    }
    stands.recv().unwrap();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let waits = consumers.clone();
            thread::spawn(move || waits.wait_idle())
        })
        .collect();
    let ends = consumers.clone();
    let end = thread::spawn(move || ends.shutdown(Shutdown::now()));
    until(|| consumers.metrics().handed_back == 9);
    door.open();
    for waiter in waiters {
        waiter.join().unwrap().unwrap();
    }
    assert_eq!(end.join().unwrap().unhandled.len(), 9);
    consumers.wait_idle().unwrap();
}

#[test]
fn a_drain_whose_time_is_over_hands_the_rest_back() {
    let (consumers, door, stands) = held(1);
    for item in 0..10 {
        consumers.produce(item).unwrap();
    }
    stands.recv().unwrap();
    let report = consumers.shutdown(Shutdown::Drain {
        timeout: Duration::from_millis(5),
    });
    assert_eq!(report.unhandled, (1..10).collect::<Vec<_>>());
    assert_eq!((report.handled, report.running), (0, 1));
    door.open();
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!(
        (report.handled, report.unhandled.len(), report.running),
        (1, 0, 0)
    );
}

#[test]
fn the_last_producer_to_drop_its_handle_ends_the_consumers_after_draining() {
    let handled = Arc::new(AtomicU64::new(0));
    let alive = Arc::new(());
    let (counts, kept) = (Arc::clone(&handled), Arc::clone(&alive));
    let consumers = Consumers::builder("last")
        .workers(2)
        .start(move |_: &u64| {
            let _kept = &kept;
            counts.fetch_add(1, SeqCst);
        })
        .unwrap();
    let producers: Vec<_> = (0..3)
        .map(|_| {
            let consumers = consumers.clone();
            thread::spawn(move || (0..100).for_each(|item| consumers.produce(item).unwrap()))
        })
        .collect();
    drop(consumers);
    for producer in producers {
        producer.join().unwrap();
    }
    // Each thread dropped its handle before it was joined, and the last one waited.
    assert_eq!(handled.load(SeqCst), 300);
    assert_eq!(
        Arc::strong_count(&alive),
        1,
        "the threads are gone, and the handler with them"
    );
}

#[test]
fn a_shutdown_from_a_handler_does_not_wait_for_itself() {
    let own: Arc<OnceLock<Consumers<u64>>> = Arc::default();
    let (tells, hears) = channel();
    let ends = Arc::clone(&own);
    let consumers = Consumers::builder("inside")
        .workers(1)
        .start(move |item: &u64| {
            if *item == 1 {
                tells.send(ends.wait().shutdown(Shutdown::now())).unwrap();
            }
        })
        .unwrap();
    let produced = [1, 2, 3].map(|item| consumers.produce(item));
    assert!(produced.iter().all(Result::is_ok));
    own.set(consumers.clone()).unwrap();
    let report = hears.recv().unwrap();
    assert_eq!((report.unhandled, report.running), (vec![2, 3], 1));
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!((report.handled, report.running), (1, 0));
}

#[test]
fn a_retry_that_the_end_does_not_allow_reaches_the_failure_handler() {
    let (door, tells, stands) = Door::shut();
    let (failed, failures) = channel();
    let waits = Arc::clone(&door);
    let consumers = Consumers::builder("late")
        .workers(1)
        .retry(Retry::times(100))
        .on_failure(move |failure: Failure<u64, ()>| failed.send(failure.item).unwrap())
        .start(move |_: &u64| {
            let _ = tells.send(());
            waits.pass();
            Err(())
        })
        .unwrap();
    consumers.produce(7).unwrap();
    stands.recv().unwrap();
    let report = consumers.shutdown(Shutdown::Now {
        timeout: Duration::ZERO,
    });
    assert_eq!((report.unhandled.len(), report.running), (0, 1));
    door.open();
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!((report.failed, failures.try_recv()), (1, Ok(7)));
}
