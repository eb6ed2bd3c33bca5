//! Every interleaving of producing, consuming, waiting for rest and ending, for small cases.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use brigade::consumers::Consumers;
use brigade::pool::Shutdown;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use loom::thread;

use super::{block_on_the_second, explore};

/// Consumers that count what they handle, and the count.
fn counting(workers: usize, buffer: usize) -> (Consumers<usize>, Arc<AtomicUsize>) {
    let handled = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&handled);
    let consumers = Consumers::builder("model")
        .workers(workers)
        .buffer(buffer)
        .histograms(false)
        .start(move |_: &usize| {
            counts.fetch_add(1, SeqCst);
        });
    (consumers.unwrap(), handled)
}

#[test]
fn what_was_produced_is_handled_when_wait_idle_returns() {
    explore(3, || {
        let (consumers, handled) = counting(1, 1);
        consumers.produce(1).unwrap();
        consumers.wait_idle().unwrap();
        assert_eq!(handled.load(SeqCst), 1);
        // The consumer may be parking just now.
        consumers.produce(2).unwrap();
        consumers.wait_idle().unwrap();
        assert_eq!(handled.load(SeqCst), 2);
    });
}

#[test]
fn wait_idle_is_exact_for_each_of_two_producers() {
    explore(2, || {
        let (consumers, handled) = counting(1, 1);
        let (other, counted) = (consumers.clone(), Arc::clone(&handled));
        let producer = thread::spawn(move || {
            other.produce(1).unwrap();
            other.wait_idle().unwrap();
            assert!(counted.load(SeqCst) >= 1);
        });
        consumers.produce(2).unwrap();
        consumers.wait_idle().unwrap();
        assert!(handled.load(SeqCst) >= 1);
        producer.join().unwrap();
        assert_eq!(handled.load(SeqCst), 2);
    });
}

#[test]
fn two_consumers_lose_no_wake_up_between_them() {
    explore(2, || {
        let (consumers, handled) = counting(2, 2);
        consumers.produce(1).unwrap();
        consumers.produce(2).unwrap();
        consumers.wait_idle().unwrap();
        assert_eq!(handled.load(SeqCst), 2);
    });
}

#[test]
fn a_producer_that_waits_for_room_is_let_in() {
    explore(3, || {
        let (consumers, handled) = counting(1, 1);
        for item in 0..3 {
            consumers.produce(item).unwrap();
        }
        drop(consumers);
        assert_eq!(handled.load(SeqCst), 3, "the last handle waits for the end");
    });
}

fn produce_races(how: fn() -> Shutdown) {
    explore(2, move || {
        let (consumers, handled) = counting(1, 1);
        let other = consumers.clone();
        let producer = thread::spawn(move || {
            (0..2)
                .filter(|item| match other.produce(*item) {
                    Ok(()) => true,
                    Err(refused) => {
                        assert_eq!(refused.item, *item, "what is refused comes back");
                        false
                    }
                })
                .count()
        });
        let report = consumers.shutdown(how());
        let accepted = producer.join().unwrap();
        assert_eq!(handled.load(SeqCst) + report.unhandled.len(), accepted);
        assert_eq!(report.running, 0);
    });
}

#[test]
fn an_item_that_races_a_drain_is_handled_or_comes_back() {
    produce_races(Shutdown::drain);
}

#[test]
fn an_item_that_races_a_shutdown_is_handled_or_comes_back() {
    produce_races(Shutdown::now);
}

#[test]
fn a_producer_whose_time_is_over_leaves_the_line_or_was_let_in() {
    explore(3, || {
        let (consumers, handled) = counting(1, 1);
        consumers.produce(1).unwrap();
        consumers.produce(2).unwrap();
        let admitted = consumers.produce_timeout(3, Duration::ZERO).is_ok();
        consumers.wait_idle().unwrap();
        assert_eq!(handled.load(SeqCst), 2 + usize::from(admitted));
    });
}

#[test]
fn a_future_dropped_while_room_is_made_leaves_the_line_or_was_let_in() {
    explore(3, || {
        let (consumers, handled) = counting(1, 1);
        consumers.produce(1).unwrap();
        let mut waits = Box::pin(consumers.produce_async(2));
        let polled = waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(waits);
        drop(consumers);
        let handled = handled.load(SeqCst);
        assert!(handled == 2 || handled == 1 && polled.is_pending());
    });
}

#[test]
fn of_two_who_await_room_for_an_item_the_latest_is_woken() {
    explore(3, || {
        let (consumers, handled) = counting(1, 1);
        consumers.produce(1).unwrap();
        block_on_the_second(consumers.produce_async(2)).unwrap();
        drop(consumers);
        assert_eq!(handled.load(SeqCst), 2);
    });
}

/// Looks, when it is dropped, whether the mark is there.
struct Looks {
    mark: Arc<AtomicBool>,
    seen: Arc<AtomicBool>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.seen.store(self.mark.load(Relaxed), Relaxed);
    }
}

#[test]
fn the_end_sees_what_was_done_before_any_handle_was_dropped() {
    explore(3, || {
        let [mark, seen] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let looks = Looks {
            mark: Arc::clone(&mark),
            seen: Arc::clone(&seen),
        };
        let consumers = Consumers::builder("model").workers(1).histograms(false);
        let consumers = consumers.start(move |_: &usize| {
            let _kept = &looks;
        });
        let consumers = consumers.unwrap();
        let other = consumers.clone();
        let owner = thread::spawn(move || {
            mark.store(true, Relaxed);
            drop(other);
        });
        // One of the two is the last, and ends them; then the handler is dropped.
        drop(consumers);
        owner.join().unwrap();
        assert!(seen.load(Relaxed));
    });
}
