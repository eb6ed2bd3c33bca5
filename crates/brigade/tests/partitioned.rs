//! Share nothing: a value lives in one worker, the messages of a key stay in order, and nothing is lost.
#![cfg(not(any(loom, shuttle)))]

mod door;
mod held;
mod until;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use brigade::partitioned::{Partitioned, RejectReason, StartError, WaitError};
use brigade::pool::Shutdown;
use held::held;
use until::until;

/// A handle that its own handlers use.
type Own<M> = Arc<OnceLock<Arc<Partitioned<u32, M>>>>;

#[test]
fn each_key_has_one_worker_and_its_messages_stay_in_order() {
    let (tells, hears) = channel();
    let workers = Partitioned::builder("order")
        .workers(4)
        .buffer(32)
        .start(
            || (),
            move |(), key: &u32, message: u32| {
                tells
                    .send((*key, message, thread::current().name().unwrap().to_owned()))
                    .unwrap();
            },
        )
        .unwrap();
    for message in 0..200 {
        for key in 0..20 {
            workers.send(key, message).unwrap();
        }
    }
    drop(workers);
    let mut seen: BTreeMap<u32, (Vec<u32>, BTreeSet<String>)> = BTreeMap::new();
    for (key, message, worker) in hears {
        let (messages, names) = seen.entry(key).or_default();
        messages.push(message);
        names.insert(worker);
    }
    assert_eq!(seen.len(), 20);
    assert!(
        seen.values()
            .all(|(messages, _)| *messages == (0..200).collect::<Vec<_>>())
    );
    assert!(seen.values().all(|(_, names)| names.len() == 1));
    let all: BTreeSet<_> = seen.values().flat_map(|(_, names)| names).collect();
    assert!(all.len() > 1, "20 keys on one of four workers");
    assert!(all.iter().all(|name| name.starts_with("order-worker-")));
}

#[test]
fn a_full_buffer_gives_key_and_message_back_and_waits_for_room_if_told() {
    let (workers, door, stands, _hears) = held(1, 1);
    workers.send(1, 10).unwrap();
    stands.recv().unwrap();
    workers.send(1, 11).unwrap();
    let refused = workers.try_send(1, 12).unwrap_err();
    assert_eq!((refused.key, refused.message), (1, 12));
    assert!(refused.to_string().contains("`held`"), "{refused}");
    assert!(matches!(
        refused.reason,
        RejectReason::Full { capacity: 1, .. }
    ));
    let limit = Duration::from_millis(5);
    let refused = workers.send_timeout(2, 13, limit).unwrap_err();
    assert!(matches!(refused.reason, RejectReason::Full { waited, .. } if waited >= limit));
    let sends = Arc::clone(&workers);
    let sender = thread::spawn(move || sends.send(3, 14).unwrap());
    until(|| workers.metrics().waiting_senders == 1);
    assert_eq!(workers.metrics().sent, 2);
    door.open();
    sender.join().unwrap();
    workers.wait_idle().unwrap();
    let metrics = workers.metrics();
    assert_eq!(
        (
            metrics.handled,
            metrics.rejected_full,
            metrics.rejected_timed_out
        ),
        (3, 1, 1)
    );
    assert!(metrics.to_string().contains("3 sent"), "{metrics}");
}

#[test]
fn a_panic_costs_its_message_and_the_state_unless_that_is_to_be_kept() {
    for keeps in [false, true] {
        let (told, hears) = channel();
        let (panicked, panics) = channel();
        let builder =
            Partitioned::builder("panics")
                .workers(1)
                .on_panic(move |key: &u32, panic| {
                    panicked.send((*key, panic.message().to_owned())).unwrap();
                });
        let builder = if keeps {
            builder.keep_state_after_panic()
        } else {
            builder
        };
        let workers = builder
            .start(
                || 0,
                move |sum: &mut u32, _: &u32, message: u32| {
                    assert!(message != 2, "not two");
                    *sum += message;
                    told.send(*sum).unwrap();
                },
            )
            .unwrap();
        for message in 1..=3 {
            workers.send(7, message).unwrap();
        }
        workers.wait_idle().unwrap();
        let sums: Vec<_> = hears.try_iter().collect();
        assert_eq!(sums, if keeps { [1, 4] } else { [1, 3] });
        assert_eq!(
            panics.try_iter().collect::<Vec<_>>(),
            [(7, "not two".to_owned())]
        );
        let metrics = workers.metrics();
        assert_eq!((metrics.handled, metrics.panicked), (2, 1));
    }
}

#[test]
fn a_handler_that_fills_its_own_workers_buffer_gets_an_error_instead_of_hanging() {
    let own: Own<Sender<RejectReason>> = Arc::default();
    let sends = Arc::clone(&own);
    let workers = Partitioned::builder("own")
        .workers(1)
        .buffer(2)
        .start(
            || (),
            move |(), _: &u32, reply: Sender<RejectReason>| {
                for _ in 0..3 {
                    if let Err(refused) = sends.wait().send(1, reply.clone()) {
                        let _ = reply.send(refused.reason);
                    }
                }
            },
        )
        .unwrap();
    let workers = Arc::new(workers);
    assert!(own.set(Arc::clone(&workers)).is_ok());
    let (reply, hears) = channel();
    workers.send(1, reply).unwrap();
    let reason = hears.recv().unwrap();
    assert!(matches!(reason, RejectReason::Deadlock { .. }), "{reason}");
    assert!(reason.to_string().contains("worker 0 of `own`"), "{reason}");
    let _ = workers.shutdown(Shutdown::now());
}

#[test]
fn a_drain_handles_all_and_a_shutdown_hands_back_in_order() {
    let (workers, door, stands, hears) = held(2, 1_000);
    for message in 0..1_000 {
        workers.send(message % 10, message).unwrap();
    }
    stands.recv().unwrap();
    let ends = Arc::clone(&workers);
    let end = thread::spawn(move || ends.shutdown(Shutdown::drain()));
    door.open();
    let report = end.join().unwrap();
    assert_eq!(
        (
            report.handled,
            report.unhandled.len(),
            hears.try_iter().count()
        ),
        (1_000, 0, 1_000)
    );
    let refused = workers.send(1, 1).unwrap_err();
    assert!(matches!(refused.reason, RejectReason::ShutDown { .. }));
    assert!(matches!(
        workers.resize(3),
        Err(StartError::ShutDown { .. })
    ));

    let (workers, door, stands, _hears) = held(1, 1_000);
    for message in 0..100 {
        workers.send(message % 10, message).unwrap();
    }
    stands.recv().unwrap();
    let report = workers.shutdown(Shutdown::Now {
        timeout: Duration::ZERO,
    });
    assert_eq!(
        report.unhandled,
        (1..100).map(|n| (n % 10, n)).collect::<Vec<_>>()
    );
    assert_eq!(report.running, 1);
    door.open();
    workers.wait_idle().unwrap();
    let report = workers.shutdown(Shutdown::drain());
    assert_eq!((report.handled, report.running), (1, 0));
}

#[test]
fn wait_idle_waits_for_what_was_sent_and_says_so_if_it_cannot() {
    let (workers, door, stands, hears) = held(2, 10);
    workers.send(1, 1).unwrap();
    stands.recv().unwrap();
    let error = workers
        .wait_idle_timeout(Duration::from_millis(5))
        .unwrap_err();
    assert!(matches!(error, WaitError::TimedOut { .. }), "{error}");
    door.open();
    workers.wait_idle().unwrap();
    assert_eq!(hears.try_recv(), Ok((1, 1)));

    let own: Arc<OnceLock<Partitioned<u32, Sender<WaitError>>>> = Arc::default();
    let waits = Arc::clone(&own);
    let inside = Partitioned::builder("inside")
        .start(
            || (),
            move |(), _: &u32, reply: Sender<WaitError>| {
                reply.send(waits.wait().wait_idle().unwrap_err()).unwrap();
            },
        )
        .unwrap();
    assert!(own.set(inside).is_ok());
    let (reply, hears) = channel();
    own.wait().send(1, reply).unwrap();
    assert!(matches!(hears.recv().unwrap(), WaitError::InHandler { .. }));
    let _ = own.wait().shutdown(Shutdown::drain());
}

#[test]
fn no_workers_and_no_room_are_refused() {
    let builder = || Partitioned::<u32, u32>::builder("odd");
    let none = builder().workers(0).start(|| (), |(), _, _| ());
    assert!(matches!(none, Err(StartError::Invalid { .. })));
    let none = builder().buffer(0).start(|| (), |(), _, _| ());
    assert!(matches!(none, Err(StartError::Invalid { .. })));
    let some = builder().workers(1).start(|| (), |(), _, _| ()).unwrap();
    assert!(matches!(some.resize(0), Err(StartError::Invalid { .. })));
    assert_eq!(some.workers(), 1);
}
