//! Senders and workers that wait for each other: one call fails, with the cycle. And nobody fails who waits for what
//! will come.
#![cfg(not(any(loom, shuttle)))]

mod polling;
mod watchdog;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;

use brigade::lock::{LockError, Mutex};
use brigade::partitioned::{Partitioned, RejectReason, WaitError};
use polling::{SHORT, until_found};
use watchdog::without_hanging;

const ROUNDS: usize = if cfg!(debug_assertions) { 20 } else { 200 };

enum Message {
    /// Says which thread handles it.
    Who(Sender<String>),
    /// Fills the buffer of another key's worker, together with the others at the barrier.
    Fill(u32, Arc<Barrier>, Sender<RejectReason>),
    Nothing,
}

#[test]
fn of_two_workers_that_send_to_each_other_with_full_buffers_one_gets_an_error() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let own: Arc<OnceLock<Arc<Partitioned<u32, Message>>>> = Arc::default();
            let sends = Arc::clone(&own);
            let handler = move |(): &mut (), _: &u32, message: Message| match message {
                Message::Nothing => {}
                Message::Who(reply) => {
                    let name = thread::current().name().unwrap().to_owned();
                    reply.send(name).unwrap();
                }
                Message::Fill(key, both, reply) => {
                    both.wait();
                    for _ in 0..3 {
                        if let Err(refused) = sends.wait().send(key, Message::Nothing) {
                            reply.send(refused.reason).unwrap();
                            return;
                        }
                    }
                }
            };
            let builder = Partitioned::builder("pair").workers(2).buffer(1);
            let workers = Arc::new(builder.start(|| (), handler).unwrap());
            assert!(own.set(Arc::clone(&workers)).is_ok());
            let key_of = |worker: usize| {
                let (reply, names) = channel();
                (0..)
                    .find(|key| {
                        workers.send(*key, Message::Who(reply.clone())).unwrap();
                        names.recv().unwrap() == format!("pair-worker-{worker}")
                    })
                    .unwrap()
            };
            let (first, second) = (key_of(0), key_of(1));
            let (both, (reply, told)) = (Arc::new(Barrier::new(2)), channel());
            for (at, other) in [(first, second), (second, first)] {
                let fill = Message::Fill(other, Arc::clone(&both), reply.clone());
                workers.send(at, fill).unwrap();
            }
            drop(reply);
            let told: Vec<_> = told.iter().collect(); // ends when both handlers have returned
            let [RejectReason::Deadlock { report, .. }] = &told[..] else {
                panic!("{told:?}")
            };
            assert_eq!(report.steps().len(), 2, "{report}");
            for worker in ["worker 0", "worker 1"] {
                let room = format!("room in the buffer of {worker} of `pair`");
                assert!(report.to_string().contains(&room), "{report}");
            }
            workers.wait_idle().unwrap();
        }
    });
}

/// One worker whose handler wants a lock for the messages that say so. Counts the deadlocks it was told of.
fn wanting(lock: &Arc<Mutex<()>>) -> (Partitioned<u32, Option<Sender<()>>>, Arc<AtomicUsize>) {
    let told = Arc::<AtomicUsize>::default();
    let (wants, counts) = (Arc::clone(lock), Arc::clone(&told));
    let workers = Partitioned::builder("accounts")
        .workers(1)
        .buffer(1)
        .start(
            || (),
            move |(), _: &u32, message: Option<Sender<()>>| {
                let Some(begins) = message else { return };
                let _ = begins.send(());
                if matches!(wants.lock_checked(), Err(LockError::Deadlock(_))) {
                    counts.fetch_add(1, SeqCst);
                }
            },
        )
        .unwrap();
    (workers, told)
}

#[test]
fn a_sender_that_holds_the_lock_its_keys_worker_wants_does_not_wait_for_room_for_ever() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let lock = Arc::new(Mutex::named("balances", ()));
            let (workers, told) = wanting(&lock);
            let (begun, begins) = channel();
            let guard = lock.lock();
            workers.send(1, Some(begun)).unwrap();
            begins.recv().unwrap();
            let refused = [(), ()].map(|()| workers.send(1, None).err());
            drop(guard);
            let refused: Vec<_> = refused.into_iter().flatten().collect();
            for refused in &refused {
                assert!(
                    matches!(refused.reason, RejectReason::Deadlock { .. }),
                    "{refused}"
                );
                assert!(refused.to_string().contains("`balances`"), "{refused}");
            }
            workers.wait_idle().unwrap();
            assert_eq!(told.load(SeqCst) + refused.len(), 1);
        }
    });
}

#[test]
fn wait_idle_under_a_lock_that_a_worker_wants_does_not_hang() {
    without_hanging(|| {
        for _ in 0..ROUNDS {
            let lock = Arc::new(Mutex::named("balances", ()));
            let (workers, told) = wanting(&lock);
            let (begun, begins) = channel();
            let guard = lock.lock();
            workers.send(1, Some(begun)).unwrap();
            begins.recv().unwrap();
            let waited = workers.wait_idle();
            drop(guard);
            workers.wait_idle().unwrap();
            assert_eq!(
                told.load(SeqCst),
                usize::from(waited.is_ok()),
                "one of the two"
            );
            if let Err(error) = waited {
                assert!(matches!(error, WaitError::Deadlock { .. }), "{error}");
                assert!(error.to_string().contains("`balances`"), "{error}");
            }
        }
    });
}

/// A sender that is let in holds its lock until it wakes up, which is later than the worker can want it.
#[test]
fn who_has_been_let_in_is_told_nothing_and_nobody_is_told_of_it() {
    without_hanging(|| {
        let lock = Arc::new(Mutex::named("brief", ()));
        let wants = Arc::clone(&lock);
        let workers = Partitioned::builder("one")
            .workers(1)
            .buffer(1)
            .start(
                || (),
                move |(), _: &u32, message: u32| match message {
                    // Found as soon as the sender waits for room for its third message.
                    1 => drop(until_found(|| wants.lock_timeout(SHORT))),
                    2 => drop(wants.lock_checked().unwrap()),
                    _ => {}
                },
            )
            .unwrap();
        for _ in 0..10 * ROUNDS {
            let guard = lock.lock();
            // The third one is let in when the second one is taken, whose handler wants the lock.
            (1..=3).for_each(|message| workers.send(7, message).unwrap());
            drop(guard);
            workers.wait_idle().unwrap();
        }
        assert_eq!(workers.metrics().handled, 30 * ROUNDS as u64);
    });
}
