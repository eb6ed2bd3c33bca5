//! The messages of a key stay in order, and alone, while the number of workers changes.
#![cfg(not(any(loom, shuttle)))]

mod door;
mod held;
mod until;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use brigade::partitioned::{Partitioned, RejectReason};
use brigade::pool::Shutdown;
use door::Door;
use held::held;
use until::until;

/// A handle that its own handlers use.
type Own<M> = Arc<OnceLock<Arc<Partitioned<u32, M>>>>;

#[test]
fn a_key_stays_in_order_and_alone_while_the_number_of_workers_changes() {
    const EACH: u64 = if cfg!(debug_assertions) { 500 } else { 5_000 };
    const KEYS: u64 = 5;
    // Who handles a key now, and the last message of each producer to each key.
    let busy: Arc<Vec<AtomicBool>> = Arc::new((0..KEYS).map(|_| AtomicBool::new(false)).collect());
    let last: Arc<Mutex<HashMap<(u64, u64), u64>>> = Arc::default();
    let wrong = Arc::new(AtomicUsize::new(0));
    let (its_busy, its_last, its_wrong) =
        (Arc::clone(&busy), Arc::clone(&last), Arc::clone(&wrong));
    let workers = Partitioned::builder("moving")
        .workers(1)
        .buffer(16)
        .start(
            || (),
            move |(), key: &u64, (producer, number): (u64, u64)| {
                let alone = !its_busy[*key as usize].swap(true, SeqCst);
                thread::yield_now();
                let before = its_last.lock().unwrap().insert((producer, *key), number);
                let in_order = before.is_none_or(|before| before < number);
                its_busy[*key as usize].store(false, SeqCst);
                its_wrong.fetch_add(usize::from(!alone) + usize::from(!in_order), SeqCst);
            },
        )
        .unwrap();
    let (done, resized, sent) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for producer in 0..8 {
            let (workers, done, resized, sent) = (&workers, &done, &resized, &sent);
            scope.spawn(move || {
                // And so many more as are handled before it has changed often enough.
                let mut number = 0;
                while number < EACH || resized.load(SeqCst) < 10 {
                    workers.send(number % KEYS, (producer, number)).unwrap();
                    number += 1;
                }
                sent.fetch_add(number, SeqCst);
                done.fetch_add(1, SeqCst);
            });
        }
        while done.load(SeqCst) < 8 {
            let times = resized.fetch_add(1, SeqCst);
            workers.resize([4, 2, 7, 1, 3][times % 5]).unwrap();
            let seen = workers.metrics().handled;
            until(|| workers.metrics().handled > seen + 20 || done.load(SeqCst) == 8);
        }
    });
    workers.wait_idle().unwrap();
    assert_eq!(wrong.load(SeqCst), 0);
    assert_eq!(workers.metrics().handled, sent.into_inner());
    let last = last.lock().unwrap();
    assert_eq!(last.len() as u64, 8 * KEYS);
    assert!(last.values().all(|number| *number >= EACH - KEYS));
}

#[test]
fn a_key_that_moves_waits_until_its_old_worker_is_done_with_it() {
    let (workers, door, stands, hears) = held(1, 100);
    for key in 0..20 {
        workers.send(key, 1).unwrap();
    }
    stands.recv().unwrap(); // key 0 is in hand
    workers.resize(8).unwrap();
    for key in 0..20 {
        workers.send(key, 2).unwrap();
    }
    let metrics = workers.metrics();
    let queued: usize = metrics.queued.iter().sum();
    let begun = metrics.running as u64 + metrics.handled;
    assert_eq!((queued as u64 + begun, metrics.sent), (40, 40));
    door.open();
    workers.wait_idle().unwrap();
    let mut seen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    hears
        .try_iter()
        .for_each(|(key, message)| seen.entry(key).or_default().push(message));
    assert_eq!(seen.len(), 20);
    assert!(seen.values().all(|messages| *messages == [1, 2]));
}

#[test]
fn a_worker_has_a_state_of_its_own_and_a_moved_key_meets_that_of_its_new_worker() {
    let (tells, hears) = channel();
    let workers = Partitioned::builder("state")
        .workers(1)
        .start(
            HashMap::new,
            move |counts: &mut HashMap<u32, u32>, key: &u32, ()| {
                let count = counts.entry(*key).or_default();
                *count += 1;
                tells.send((*key, *count)).unwrap();
            },
        )
        .unwrap();
    let send_all = || {
        (0..50).for_each(|key| workers.send(key, ()).unwrap());
        workers.wait_idle().unwrap();
        hears.try_iter().collect::<BTreeMap<_, _>>()
    };
    assert!(send_all().values().all(|count| *count == 1));
    assert!(send_all().values().all(|count| *count == 2));
    workers.resize(2).unwrap();
    let counts = send_all();
    let moved = counts.values().filter(|count| **count == 1).count();
    let stayed = counts.values().filter(|count| **count == 3).count();
    assert_eq!(moved + stayed, 50);
    assert!(
        moved > 0 && stayed > 0,
        "about half of the keys move: {moved}"
    );
}

#[test]
fn a_sender_that_waits_for_room_is_let_in_by_a_new_worker() {
    let (workers, door, stands, hears) = held(1, 1);
    workers.send(0, 0).unwrap();
    stands.recv().unwrap();
    workers.send(0, 1).unwrap();
    thread::scope(|scope| {
        for key in 1..20 {
            let workers = &workers;
            scope.spawn(move || workers.send(key, 0).unwrap());
        }
        until(|| workers.metrics().waiting_senders == 19);
        workers.resize(8).unwrap();
        assert!(
            workers.metrics().waiting_senders < 19,
            "there is room with the new ones"
        );
        door.open();
    });
    workers.wait_idle().unwrap();
    assert_eq!(hears.try_iter().count(), 21);
}

#[test]
fn a_handler_whose_key_moves_away_cannot_wait_for_itself_either() {
    let own: Own<Sender<RejectReason>> = Arc::default();
    let (door, tells, stands) = Door::shut();
    let (sends, waits) = (Arc::clone(&own), Arc::clone(&door));
    let workers = Partitioned::builder("away")
        .workers(1)
        .buffer(2)
        .start(
            || (),
            move |(), key: &u32, reply: Sender<RejectReason>| {
                let _ = tells.send(());
                waits.pass();
                // Held back for the new worker until this handler returns, which it would not.
                for _ in 0..3 {
                    if let Err(refused) = sends.wait().send(*key, reply.clone()) {
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
    stands.recv().unwrap();
    workers.resize(50).unwrap(); // the key moves, but for one time in fifty
    door.open();
    assert!(matches!(
        hears.recv().unwrap(),
        RejectReason::Deadlock { .. }
    ));
    let _ = workers.shutdown(Shutdown::now());
}

#[test]
fn workers_that_are_too_many_leave_and_drop_their_states() {
    struct Lives(Arc<AtomicU64>);
    impl Drop for Lives {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let alive = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&alive);
    let workers = Partitioned::builder("shrinks")
        .workers(6)
        .start(
            move || {
                counts.fetch_add(1, SeqCst);
                Lives(Arc::clone(&counts))
            },
            |_: &mut Lives, _: &u32, ()| (),
        )
        .unwrap();
    (0..200).for_each(|key| workers.send(key, ()).unwrap());
    workers.wait_idle().unwrap();
    assert_eq!(alive.load(SeqCst), 6, "200 keys reach all six");
    workers.resize(2).unwrap();
    until(|| alive.load(SeqCst) == 2);
    workers.resize(4).unwrap();
    (0..200).for_each(|key| workers.send(key, ()).unwrap());
    workers.wait_idle().unwrap();
    assert_eq!(alive.load(SeqCst), 4);
    assert_eq!(workers.metrics().handled, 400);
    drop(workers);
    assert_eq!(alive.load(SeqCst), 0);
}
