//! Batches: full ones at once, others when their time has come.
#![cfg(not(any(loom, shuttle)))]

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use brigade::consumers::{Consumers, Failure, Retry};
use brigade::pool::Shutdown;

const NEVER: Duration = Duration::from_secs(86_400);

fn batches(size: usize, buffer: usize, max_wait: Duration) -> (Consumers<u32>, Receiver<Vec<u32>>) {
    let (tells, hears) = channel();
    let consumers = Consumers::builder("batches")
        .workers(1)
        .buffer(buffer)
        .batch(size, max_wait)
        .start(move |items: &[u32]| tells.send(items.to_vec()).unwrap())
        .unwrap();
    (consumers, hears)
}

#[test]
fn a_full_batch_is_handled_at_once() {
    let (consumers, hears) = batches(3, 10, NEVER);
    for item in 1..=6 {
        consumers.produce(item).unwrap();
    }
    assert_eq!(hears.recv().unwrap(), [1, 2, 3]);
    assert_eq!(hears.recv().unwrap(), [4, 5, 6]);
    consumers.wait_idle().unwrap();
    assert_eq!(consumers.metrics().handled, 6);
}

#[test]
fn a_batch_that_is_not_full_waits_for_its_time_and_no_longer() {
    let wait = Duration::from_millis(40);
    let (consumers, hears) = batches(1_000, 1_000, wait);
    let began = Instant::now();
    for item in 1..=5 {
        consumers.produce(item).unwrap();
    }
    // However slow the machine: what is missing in the first batch comes in later ones.
    let first = hears.recv().unwrap();
    assert!(
        began.elapsed() >= wait,
        "it was not full, and so not in a hurry"
    );
    let mut all = first;
    while all.len() < 5 {
        all.extend(hears.recv().unwrap());
    }
    assert_eq!(all, [1, 2, 3, 4, 5]);
}

#[test]
fn a_shutdown_does_not_wait_for_a_batch_to_fill() {
    let (consumers, hears) = batches(10, 10, NEVER);
    consumers.produce(1).unwrap();
    consumers.produce(2).unwrap();
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!(report.handled, 2);
    assert_eq!(hears.recv().unwrap(), [1, 2]);

    let (consumers, hears) = batches(10, 10, NEVER);
    consumers.produce(1).unwrap();
    let report = consumers.shutdown(Shutdown::now());
    assert_eq!(report.unhandled, [1]);
    assert!(hears.try_recv().is_err());
}

#[test]
fn a_batch_that_fails_is_tried_again_item_by_item() {
    let (tells, hears) = channel();
    let (failed, failures) = channel();
    let consumers = Consumers::builder("poison")
        .workers(1)
        .retry(Retry::times(1).after(Duration::from_micros(1)))
        .on_failure(move |failure: Failure<u32, _>| {
            failed.send((failure.item, failure.attempts)).unwrap();
        })
        .batch(4, NEVER)
        .start(move |items: &[u32]| {
            assert!(!items.contains(&3));
            tells.send(items.to_vec()).unwrap();
        })
        .unwrap();
    for item in 1..=4 {
        consumers.produce(item).unwrap();
    }
    consumers.wait_idle().unwrap();
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [[1], [2], [4]]);
    assert_eq!(failures.try_iter().collect::<Vec<_>>(), [(3, 2)]);
    let metrics = consumers.metrics();
    assert_eq!(
        (metrics.handled, metrics.failed, metrics.retried),
        (3, 1, 4)
    );
}

#[test]
fn without_retries_each_item_of_a_failed_batch_is_given_up() {
    let (failed, failures) = channel();
    let consumers = Consumers::builder("together")
        .workers(1)
        .on_failure(move |failure: Failure<u32, &str>| failed.send(failure).unwrap())
        .batch(2, NEVER)
        .start(|_: &[u32]| Err("no"))
        .unwrap();
    consumers.produce(1).unwrap();
    consumers.produce(2).unwrap();
    consumers.wait_idle().unwrap();
    let failures: Vec<_> = failures.try_iter().collect();
    assert_eq!(
        failures
            .iter()
            .map(|failure| failure.item)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(std::sync::Arc::ptr_eq(
        &failures[0].cause,
        &failures[1].cause
    ));
}

#[test]
fn a_full_buffer_is_no_reason_for_a_batch_to_wait() {
    // One item waits for another attempt, so that the buffer never holds a whole batch.
    let (tells, hears) = channel();
    let consumers = Consumers::builder("crowded")
        .workers(1)
        .buffer(2)
        .retry(Retry::times(1).after(NEVER).at_most(NEVER))
        .batch(2, NEVER)
        .start(move |items: &[u32]| {
            tells.send(items.to_vec()).unwrap();
            if items.contains(&0) { Err(()) } else { Ok(()) }
        })
        .unwrap();
    consumers.produce(0).unwrap();
    consumers.produce(0).unwrap();
    assert_eq!(hears.recv().unwrap(), [0, 0]);
    while consumers.metrics().delayed < 2 {
        std::thread::yield_now();
    }
    let refused = consumers.try_produce(1).unwrap_err();
    assert_eq!(refused.item, 1);
    assert_eq!(consumers.shutdown(Shutdown::now()).unhandled, [0, 0]);
}
