//! A handler that fails costs its item only, and that is not lost.
#![cfg(not(any(loom, shuttle)))]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use brigade::consumers::{Cause, Consumers, Failure, Retry};
use brigade::pool::Shutdown;

/// Retries without a pause worth mentioning.
fn at_once(times: u32) -> Retry {
    Retry::times(times).after(Duration::from_micros(1))
}

#[test]
fn a_panic_loses_only_its_item_which_reaches_the_failure_handler_with_the_cause() {
    let (tells, hears) = channel();
    let consumers = Consumers::builder("panics")
        .workers(2)
        .on_failure(move |failure: Failure<String, _>| tells.send(failure).unwrap())
        .start(|item: &String| assert!(item != "bad", "cannot stand it"))
        .unwrap();
    for item in ["good", "bad", "fine", "well"] {
        consumers.produce(item.to_owned()).unwrap();
    }
    consumers.wait_idle().unwrap();
    let failure = hears
        .try_recv()
        .expect("it had it before wait_idle returned");
    assert_eq!((failure.item.as_str(), failure.attempts), ("bad", 1));
    let Cause::Panicked(panic) = &*failure.cause else {
        panic!("{failure}");
    };
    assert_eq!(panic.message(), "cannot stand it");
    assert!(panic.location().unwrap().contains("consumers_failure.rs"));
    assert!(failure.to_string().contains("`panics`"), "{failure}");
    let metrics = consumers.metrics();
    assert_eq!(
        (metrics.handled, metrics.failed, metrics.consumers),
        (3, 1, 2)
    );
}

#[test]
fn an_error_reaches_the_failure_handler_with_the_item() {
    let (tells, hears) = channel();
    let consumers = Consumers::builder("errs")
        .on_failure(move |failure: Failure<i32, String>| tells.send(failure).unwrap())
        .start(|item: &i32| {
            if *item < 0 {
                Err(format!("{item} is negative"))
            } else {
                Ok(())
            }
        })
        .unwrap();
    for item in [1, -2, 3] {
        consumers.produce(item).unwrap();
    }
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!((report.handled, report.failed), (2, 1));
    let failure = hears.recv().unwrap();
    assert_eq!(failure.item, -2);
    assert!(matches!(&*failure.cause, Cause::Error(error) if error == "-2 is negative"));
}

#[test]
fn an_item_is_tried_again_as_often_as_told_and_no_more() {
    let (tries, tells_tries) = (Arc::new(AtomicU32::new(0)), channel());
    let counts = Arc::clone(&tries);
    let consumers = Consumers::builder("retries")
        .workers(2)
        .retry(at_once(3))
        .on_failure(move |failure: Failure<u32, u32>| tells_tries.0.send(failure).unwrap())
        .start(move |_: &u32| Err(counts.fetch_add(1, SeqCst) + 1))
        .unwrap();
    consumers.produce(7).unwrap();
    consumers.wait_idle().unwrap();
    let failure = tells_tries.1.try_recv().unwrap();
    assert_eq!(
        (failure.item, failure.attempts, tries.load(SeqCst)),
        (7, 4, 4)
    );
    assert!(matches!(*failure.cause, Cause::Error(4)), "the last cause");
    let metrics = consumers.metrics();
    assert_eq!(
        (metrics.retried, metrics.failed, metrics.handled),
        (3, 1, 0)
    );
}

#[test]
fn an_item_that_succeeds_at_last_is_handled_and_reaches_no_failure_handler() {
    let tries = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&tries);
    let consumers = Consumers::builder("third")
        .retry(at_once(5))
        .on_failure(|_: Failure<u32, ()>| unreachable!("it succeeds at the third attempt"))
        .start(move |_: &u32| {
            if counts.fetch_add(1, SeqCst) < 2 {
                Err(())
            } else {
                Ok(())
            }
        })
        .unwrap();
    consumers.produce(7).unwrap();
    consumers.wait_idle().unwrap();
    let metrics = consumers.metrics();
    assert_eq!(
        (metrics.handled, metrics.failed, metrics.retried),
        (1, 0, 2)
    );
}

/// One consumer that fails with each item, and tells which it was and when it began.
fn failing(pause: Duration) -> (Consumers<u32>, Receiver<(u32, Instant)>) {
    let (tells, hears) = channel();
    let consumers = Consumers::builder("pauses")
        .workers(1)
        .retry(Retry::times(1).after(pause).at_most(pause))
        .start(move |item: &u32| {
            tells.send((*item, Instant::now())).unwrap();
            Err(())
        })
        .unwrap();
    (consumers, hears)
}

#[test]
fn no_consumer_waits_for_the_pause_before_a_retry() {
    let (consumers, hears) = failing(Duration::from_secs(3_600));
    consumers.produce(1).unwrap();
    assert_eq!(hears.recv().unwrap().0, 1);
    consumers.produce(2).unwrap();
    // The only consumer goes on meanwhile.
    assert_eq!(hears.recv().unwrap().0, 2);
    while consumers.metrics().delayed < 2 {
        std::thread::yield_now();
    }
    assert_eq!(consumers.shutdown(Shutdown::now()).unhandled, [1, 2]);
}

#[test]
fn an_item_is_not_tried_again_before_the_pause_is_over() {
    let pause = Duration::from_millis(50);
    let (consumers, hears) = failing(pause);
    consumers.produce(1).unwrap();
    let began = [(); 2].map(|()| hears.recv().unwrap().1);
    assert!(began[1] - began[0] >= pause);
    consumers.wait_idle().unwrap();
    assert_eq!(consumers.metrics().retried, 1);
}

#[test]
fn items_that_wait_for_a_retry_count_against_the_buffer() {
    let consumers = Consumers::builder("bounded")
        .workers(1)
        .buffer(3)
        .retry(
            Retry::times(1)
                .after(Duration::from_secs(3_600))
                .at_most(Duration::from_secs(3_600)),
        )
        .start(|_: &u32| Err(()))
        .unwrap();
    for item in 0..3 {
        consumers.produce(item).unwrap();
    }
    while consumers.metrics().delayed < 3 {
        std::thread::yield_now();
    }
    assert_eq!(consumers.try_produce(3).unwrap_err().item, 3);
    let report = consumers.shutdown(Shutdown::now());
    assert_eq!(
        report.unhandled,
        [0, 1, 2],
        "what was to be tried again is handed back"
    );
    assert_eq!(report.failed, 0);
}

#[test]
fn a_state_whose_handler_panicked_is_made_anew() {
    let made = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&made);
    let (tells, hears) = channel();
    let consumers = Consumers::builder("state")
        .workers(1)
        .with_state(move || {
            counts.fetch_add(1, SeqCst);
            Vec::new()
        })
        .start_with(move |seen: &mut Vec<u32>, item: &u32| {
            seen.push(*item);
            assert!(*item != 2);
            tells.send(seen.clone()).unwrap();
        })
        .unwrap();
    for item in 1..=4 {
        consumers.produce(item).unwrap();
    }
    consumers.wait_idle().unwrap();
    assert_eq!(
        hears.try_iter().collect::<Vec<_>>(),
        [vec![1], vec![3], vec![3, 4]]
    );
    assert_eq!(made.load(SeqCst), 2);
}

#[test]
fn a_state_that_cannot_be_made_costs_the_item_and_not_the_consumer() {
    let (tells, hears) = channel();
    let tries = AtomicUsize::new(0);
    let consumers = Consumers::builder("unmade")
        .workers(1)
        .on_failure(move |failure: Failure<u32, _>| tells.send(failure.item).unwrap())
        .with_state(move || assert!(tries.fetch_add(1, SeqCst) > 0, "not yet"))
        .start_with(|(), _: &u32| ())
        .unwrap();
    consumers.produce(1).unwrap();
    consumers.produce(2).unwrap();
    consumers.wait_idle().unwrap();
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), [1]);
    assert_eq!(consumers.metrics().handled, 1);
}

#[test]
fn a_failure_handler_that_panics_costs_no_more_than_its_item() {
    let consumers = Consumers::builder("both")
        .workers(1)
        .on_failure(|_: Failure<u32, ()>| panic!("this too"))
        .start(|item: &u32| if *item == 1 { Err(()) } else { Ok(()) })
        .unwrap();
    consumers.produce(1).unwrap();
    consumers.produce(2).unwrap();
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!((report.handled, report.failed), (1, 1));
}

struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("a destructor that panics");
    }
}

#[test]
fn an_item_whose_destructor_panics_harms_nobody_else() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let consumers = Consumers::builder("bombs")
        .workers(1)
        .start(|_: &Bomb| ())
        .unwrap();
    for _ in 0..3 {
        consumers.produce(Bomb(Arc::clone(&dropped))).unwrap();
    }
    let report = consumers.shutdown(Shutdown::drain());
    assert_eq!((report.handled, dropped.load(SeqCst)), (3, 3));
}
