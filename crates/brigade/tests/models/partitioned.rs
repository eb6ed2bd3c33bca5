//! Every interleaving of sending by key, changing the number of workers, and the end, for small cases.

use std::sync::Arc;

use brigade::partitioned::Partitioned;
use brigade::pool::Shutdown;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use loom::thread;

use super::explore;

/// With two workers some of these belong to either: between one and two workers these move, and the others stay.
const KEYS: std::ops::Range<u8> = 0..6;

/// Workers that see to it that the messages 0, 1, 2.. come in order and one at a time; and how many came.
fn ordered(workers: usize, buffer: usize) -> (Partitioned<u8, usize>, Arc<AtomicUsize>) {
    let (busy, next) = (AtomicBool::new(false), Arc::new(AtomicUsize::new(0)));
    let expected = Arc::clone(&next);
    let partitioned = Partitioned::builder("model")
        .workers(workers)
        .buffer(buffer)
        .histograms(false)
        .start(
            || (),
            move |(), _: &u8, message: usize| {
                assert!(!busy.swap(true, SeqCst), "two workers have the key at once");
                assert_eq!(expected.fetch_add(1, SeqCst), message, "out of order");
                busy.store(false, SeqCst);
            },
        );
    (partitioned.unwrap(), next)
}

#[test]
fn a_key_stays_in_order_while_workers_are_added() {
    for key in KEYS {
        explore(3, move || {
            let (workers, handled) = ordered(1, 2);
            workers.send(key, 0).unwrap();
            workers.resize(2).unwrap();
            workers.send(key, 1).unwrap();
            workers.wait_idle().unwrap();
            assert_eq!(handled.load(SeqCst), 2);
        });
    }
}

#[test]
fn a_key_stays_in_order_while_workers_leave() {
    for key in KEYS {
        explore(2, move || {
            let (workers, handled) = ordered(2, 2);
            workers.send(key, 0).unwrap();
            workers.resize(1).unwrap();
            workers.send(key, 1).unwrap();
            drop(workers);
            assert_eq!(handled.load(SeqCst), 2);
        });
    }
}

#[test]
fn a_message_that_races_the_end_is_handled_or_comes_back() {
    explore(2, || {
        let (workers, handled) = ordered(1, 1);
        let workers = Arc::new(workers);
        let sends = Arc::clone(&workers);
        let sender = thread::spawn(move || {
            (0..2)
                .take_while(|message| sends.send(7, *message).is_ok())
                .count()
        });
        let report = workers.shutdown(Shutdown::now());
        let accepted = sender.join().unwrap();
        assert_eq!(handled.load(SeqCst) + report.unhandled.len(), accepted);
    });
}
