//! Producers and consumers that wait for each other, if only by way of locks: one call fails, with the cycle. And nobody
//! fails who waits for what will come.
#![cfg(not(any(loom, shuttle)))]

mod polling;
mod watchdog;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use brigade::consumers::{Consumers, RejectReason, WaitError};
use brigade::lock::{FindingKind, LockError, Mutex, Report};
use brigade::pool::Shutdown;
use polling::{SHORT, until_found};
use watchdog::without_hanging;

const ROUNDS: usize = if cfg!(debug_assertions) { 20 } else { 200 };

/// Consumers whose handlers want a lock and tell of each attempt before and after it: true if it was a deadlock.
struct Wanting {
    consumers: Consumers<()>,
    lock: Arc<Mutex<()>>,
    begins: std::sync::mpsc::Receiver<()>,
    told: Arc<AtomicUsize>,
}

/// Of the consumers, so many want the lock; the others do nothing.
fn wanting(workers: usize, wanting: usize, buffer: usize) -> Wanting {
    let lock = Arc::new(Mutex::named("ledger", ()));
    let (begun, begins) = channel();
    let told = Arc::<AtomicUsize>::default();
    let (wants, counts, seats) = (Arc::clone(&lock), Arc::clone(&told), AtomicUsize::new(0));
    let consumers = Consumers::builder("posts")
        .workers(workers)
        .buffer(buffer)
        .with_state(move || seats.fetch_add(1, SeqCst))
        .start_with(move |seat: &mut usize, (): &()| {
            let _ = begun.send(());
            if *seat < wanting && matches!(wants.lock_checked(), Err(LockError::Deadlock(_))) {
                counts.fetch_add(1, SeqCst);
            }
        })
        .unwrap();
    Wanting {
        consumers,
        lock,
        begins,
        told,
    }
}

/// Produces under the lock until all consumers are at it and the buffer is full, and once more. Says how many of all
/// were told of a deadlock.
fn produce_under_the_lock(workers: usize) -> usize {
    let Wanting {
        consumers,
        lock,
        begins,
        told,
    } = wanting(workers, workers, 1);
    let guard = lock.lock();
    for _ in 0..workers {
        consumers.produce(()).unwrap();
        begins.recv().unwrap();
    }
    let refused = [(), ()].map(|()| consumers.produce(()).err());
    drop(guard);
    let refused: Vec<_> = refused.into_iter().flatten().collect();
    for refused in &refused {
        let RejectReason::Deadlock { report, .. } = &refused.reason else {
            panic!("{refused}")
        };
        assert_eq!(report.kind(), FindingKind::Deadlock);
        assert_eq!(report.steps().len(), 2);
        let text = refused.to_string();
        assert!(text.contains("`ledger`"), "{text}");
        assert!(
            text.contains("was to make room in the buffer of consumers `posts`"),
            "{text}"
        );
    }
    consumers.wait_idle().unwrap();
    assert_eq!(
        consumers.metrics().rejected.deadlock as usize,
        refused.len()
    );
    told.load(SeqCst) + refused.len()
}

#[test]
fn a_producer_that_holds_the_lock_all_consumers_want_does_not_wait_for_room_for_ever() {
    without_hanging(|| {
        for workers in [1, 3] {
            for _ in 0..ROUNDS {
                assert_eq!(produce_under_the_lock(workers), 1);
            }
        }
    });
}

#[test]
fn a_producer_waits_for_room_while_one_consumer_can_make_it() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let Wanting {
                consumers,
                lock,
                told,
                ..
            } = wanting(3, 2, 1);
            let guard = lock.lock();
            // Two get stuck with an item each, sooner or later; the third makes room each time.
            for _ in 0..20 {
                consumers.produce(()).unwrap();
            }
            drop(guard);
            consumers.wait_idle().unwrap();
            assert_eq!(told.load(SeqCst), 0);
        }
    });
}

/// Handlers that bring two items into the other consumers' buffer for each of theirs, until one is told of a deadlock.
fn feeding(
    name: &str,
    other: &Arc<OnceLock<Consumers<()>>>,
    done: &Arc<AtomicBool>,
    tells: &Sender<Box<Report>>,
) -> Consumers<()> {
    let (other, done, tells) = (Arc::clone(other), Arc::clone(done), tells.clone());
    Consumers::builder(name)
        .workers(2)
        .buffer(1)
        .start(move |(): &()| {
            for _ in 0..2 {
                if done.load(SeqCst) {
                    return;
                }
                if let Err(refused) = other.wait().produce(()) {
                    let RejectReason::Deadlock { report, .. } = refused.reason else {
                        panic!("{refused}")
                    };
                    done.store(true, SeqCst);
                    tells.send(report).unwrap();
                }
            }
        })
        .unwrap()
}

#[test]
fn of_consumers_that_feed_each_other_one_gets_an_error_when_all_buffers_are_full() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let (tells, hears) = channel();
            let done = Arc::default();
            let others: [Arc<OnceLock<_>>; 2] = Default::default();
            let names = ["first", "second"];
            let [first, second] =
                [0, 1].map(|at| feeding(names[at], &others[1 - at], &done, &tells));
            others[0].set(first.clone()).unwrap();
            others[1].set(second.clone()).unwrap();
            first.produce(()).unwrap();
            let report = hears.recv().unwrap();
            assert_eq!(report.steps().len(), 2, "{report}");
            let text = report.to_string();
            assert!(
                names.iter().all(|name| text.contains(&format!("`{name}`"))),
                "{text}"
            );
            // The others go on.
            first.wait_idle().unwrap();
            second.wait_idle().unwrap();
            let _ = (
                first.shutdown(Shutdown::now()),
                second.shutdown(Shutdown::now()),
            );
        }
    });
}

#[test]
fn wait_idle_under_a_lock_that_one_of_several_consumers_wants_does_not_hang() {
    without_hanging(|| {
        for workers in [1, 3] {
            for _ in 0..ROUNDS {
                let Wanting {
                    consumers,
                    lock,
                    begins,
                    told,
                } = wanting(workers, workers, 10);
                let guard = lock.lock();
                consumers.produce(()).unwrap();
                begins.recv().unwrap();
                let waited = consumers.wait_idle();
                drop(guard);
                consumers.wait_idle().unwrap();
                assert_eq!(
                    told.load(SeqCst),
                    usize::from(waited.is_ok()),
                    "one of the two"
                );
                if let Err(error) = waited {
                    assert!(matches!(error, WaitError::Deadlock { .. }), "{error}");
                    assert!(error.to_string().contains("`posts`"), "{error}");
                }
            }
        }
    });
}

#[test]
fn wait_idle_is_not_stopped_by_a_consumer_that_has_only_a_later_item() {
    without_hanging(|| {
        let lock = Arc::new(Mutex::named("later", ()));
        let (tells, hears) = channel();
        let (waits, later_waits) = channel();
        let (wants, later_waits) = (Arc::clone(&lock), std::sync::Mutex::new(later_waits));
        let consumers = Consumers::builder("two")
            .workers(2)
            .start(move |is_later: &bool| {
                if *is_later {
                    // Looks for a cycle and finds none; the next attempt has no end.
                    assert!(matches!(
                        wants.lock_timeout(SHORT),
                        Err(LockError::TimedOut { .. })
                    ));
                    waits.send(()).unwrap();
                    drop(wants.lock_checked().unwrap());
                } else {
                    // Found as soon as the other thread waits for this very item.
                    until_found(|| wants.lock_timeout(SHORT));
                    tells.send(()).unwrap();
                    later_waits.lock().unwrap().recv().unwrap();
                }
            })
            .unwrap();
        let (waiter, holds) = (consumers.clone(), Arc::clone(&lock));
        let guard_is_held = Arc::new(AtomicBool::new(false));
        let held = Arc::clone(&guard_is_held);
        let waiter = thread::spawn(move || {
            let _guard = holds.lock();
            held.store(true, SeqCst);
            waiter.produce(false).unwrap();
            waiter.wait_idle()
        });
        hears.recv().unwrap();
        assert!(guard_is_held.load(SeqCst));
        consumers.produce(true).unwrap();
        waiter.join().unwrap().unwrap();
        consumers.wait_idle().unwrap();
        let metrics = consumers.metrics();
        assert_eq!((metrics.handled, metrics.failed), (2, 0), "{metrics}");
    });
}

#[test]
fn a_shutdown_under_a_lock_that_a_consumer_wants_ends() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let Wanting {
                consumers,
                lock,
                begins,
                told,
            } = wanting(2, 2, 10);
            let guard = lock.lock();
            consumers.produce(()).unwrap();
            begins.recv().unwrap();
            let report = consumers.shutdown(Shutdown::drain());
            drop(guard);
            // One of the two gave up: the handler, or the shutdown, which then says that the handler still ran.
            let ended = consumers.shutdown(Shutdown::drain());
            assert_eq!((ended.handled, ended.running), (1, 0));
            assert_eq!(told.load(SeqCst), 1 - report.running);
        }
    });
}

/// A producer that is let in holds its lock until it wakes up, which is later than the consumer can want it.
#[test]
fn who_has_been_let_in_is_told_nothing_and_nobody_is_told_of_it() {
    without_hanging(|| {
        let lock = Arc::new(Mutex::named("brief", ()));
        let wants = Arc::clone(&lock);
        let consumers = Consumers::builder("one")
            .workers(1)
            .buffer(1)
            .start(move |item: &u32| match item {
                // Found as soon as the producer waits for room for its third item.
                1 => {
                    until_found(|| wants.lock_timeout(SHORT));
                    Ok(())
                }
                2 => wants.lock_checked().map(drop),
                _ => Ok(()),
            })
            .unwrap();
        for _ in 0..10 * ROUNDS {
            let guard = lock.lock();
            // The third one is let in when the second one is taken, whose handler wants the lock.
            (1..=3).for_each(|item| consumers.produce(item).unwrap());
            drop(guard);
            consumers.wait_idle().unwrap();
        }
        let metrics = consumers.metrics();
        assert_eq!(metrics.handled, 30 * ROUNDS as u64, "{metrics}");
    });
}

#[test]
fn nobody_is_told_of_a_deadlock_under_load_that_has_none() {
    without_hanging(|| {
        let lock = Arc::new(Mutex::named("load", 0_u64));
        let (wants, seats) = (Arc::clone(&lock), AtomicUsize::new(0));
        let last = Consumers::builder("last")
            .workers(2)
            .buffer(2)
            .with_state(move || seats.fetch_add(1, SeqCst))
            .start_with(move |seat: &mut usize, _: &u64| {
                // One of the two never waits for anything.
                if *seat == 0 {
                    *wants.lock_checked()? += 1;
                }
                Ok::<_, LockError>(())
            })
            .unwrap();
        let next = last.clone();
        let first = Consumers::builder("first")
            .workers(2)
            .buffer(2)
            .start(move |item: &u64| next.produce(*item))
            .unwrap();
        let items = 50 * ROUNDS as u64;
        let producers: Vec<_> = (0..4)
            .map(|number| {
                let (first, last, lock) = (first.clone(), last.clone(), Arc::clone(&lock));
                thread::spawn(move || {
                    for item in 0..items {
                        // Under the lock, in front of full buffers.
                        let _guard = (number == 0).then(|| lock.lock());
                        let consumers = if item % 2 == 0 { &first } else { &last };
                        consumers.produce(item).unwrap();
                    }
                })
            })
            .collect();
        producers
            .into_iter()
            .for_each(|producer| producer.join().unwrap());
        first.wait_idle().unwrap();
        last.wait_idle().unwrap();
        let (before, after) = (first.metrics(), last.metrics());
        assert_eq!((before.handled, before.failed), (2 * items, 0), "{before}");
        assert_eq!((after.handled, after.failed), (4 * items, 0), "{after}");
    });
}
