//! Several locks at once: all of them or none.

mod together;
mod watchdog;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use brigade::lock::{LockError, Mutex, Rank, RwLock, lock_all, lock_all_timeout, try_lock_all};
use together::on_threads;
use watchdog::without_hanging;

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(500);

/// So long as to have waited.
const SHORT: Duration = Duration::from_millis(1);

#[test]
fn tuples_of_one_to_eight_come_back_in_the_order_given() {
    let [a, b, c, d, e, f, g, h] =
        [1, 2, 3, 4, 5, 6, 7, 8].map(|value| Mutex::named("tuple", value));
    {
        let (mut a,) = lock_all((&a,)).unwrap();
        *a += 0;
    }
    {
        let (b, a) = lock_all((&b, &a)).unwrap();
        assert_eq!((*a, *b), (1, 2));
    }
    {
        let (c, a, b) = lock_all((&c, &a, &b)).unwrap();
        assert_eq!((*a, *b, *c), (1, 2, 3));
    }
    {
        let (d, c, a, b) = lock_all((&d, &c, &a, &b)).unwrap();
        assert_eq!((*a, *b, *c, *d), (1, 2, 3, 4));
    }
    {
        let (a, b, c, d, e) = lock_all((&a, &b, &c, &d, &e)).unwrap();
        assert_eq!((*a, *b, *c, *d, *e), (1, 2, 3, 4, 5));
    }
    {
        let (f, a, b, c, d, e) = lock_all((&f, &a, &b, &c, &d, &e)).unwrap();
        assert_eq!((*a, *b, *c, *d, *e, *f), (1, 2, 3, 4, 5, 6));
    }
    {
        let (g, f, a, b, c, d, e) = lock_all((&g, &f, &a, &b, &c, &d, &e)).unwrap();
        assert_eq!((*a, *b, *c, *d, *e, *f, *g), (1, 2, 3, 4, 5, 6, 7));
    }
    let guards = lock_all((&h, &g, &f, &e, &d, &c, &b, &a)).unwrap();
    assert_eq!(*guards.0 + *guards.7, 9);
    for lock in [&a, &b, &c, &d, &e, &f, &g, &h] {
        assert!(lock.try_lock().is_none());
    }
    drop(guards);
    for lock in [&a, &b, &c, &d, &e, &f, &g, &h] {
        assert!(lock.try_lock().is_some());
    }
}

#[test]
fn slices_and_arrays_of_locks_and_of_references_come_back_as_vectors() {
    let locks = [3, 1, 2].map(|value| Mutex::named("slice", value));
    let values = |guards: Vec<brigade::lock::MutexGuard<'_, i32>>| -> Vec<i32> {
        guards.iter().map(|guard| **guard).collect()
    };
    assert_eq!(values(lock_all(&locks[..]).unwrap()), [3, 1, 2]);
    let references: Vec<_> = locks.iter().rev().collect();
    assert_eq!(values(lock_all(&references[..]).unwrap()), [2, 1, 3]);
    assert_eq!(values(lock_all(&[&locks[1], &locks[0]]).unwrap()), [1, 3]);
    assert!(lock_all(&locks[..0]).unwrap().is_empty());
    let rwlocks = [5, 6].map(|value| RwLock::named("slice.rw", value));
    let reading: Vec<_> = rwlocks.iter().map(RwLock::reading).collect();
    let guards = lock_all(&reading[..]).unwrap();
    assert_eq!(*guards[0] + *guards[1], 11);
    assert!(rwlocks[0].try_write().is_none() && rwlocks[0].try_read().is_some());
}

#[test]
fn reads_writes_and_mutexes_can_be_mixed() {
    let (mutex, read, written) = (
        Mutex::named("mix.m", 1),
        RwLock::named("mix.r", 2),
        RwLock::named("mix.w", 0),
    );
    {
        let (mutex, read, mut written) =
            lock_all((&mutex, read.reading(), written.writing())).unwrap();
        *written = *mutex + *read;
    }
    assert_eq!(*written.read(), 3);
    let guards = lock_all((written.writing(), &mutex, read.reading())).unwrap();
    assert!(written.try_read().is_none());
    assert!(mutex.try_lock().is_none());
    assert!(read.try_write().is_none());
    assert!(read.try_read().is_some());
    drop(guards);
}

#[test]
fn a_lock_given_twice_is_an_error_and_nothing_is_held() {
    let (a, b) = (Mutex::named("twice.a", ()), RwLock::named("twice.b", ()));
    let duplicate = |error: Option<LockError>, name: &str| match error {
        Some(LockError::Duplicate { lock, .. }) => assert_eq!(lock, name),
        other => panic!("{other:?}"),
    };
    duplicate(lock_all((&a, b.reading(), &a)).err(), "twice.a");
    duplicate(lock_all((b.reading(), b.reading())).err(), "twice.b");
    duplicate(lock_all((b.reading(), &a, b.writing())).err(), "twice.b");
    duplicate(lock_all_timeout((&a, &a), LONG).err(), "twice.a");
    duplicate(try_lock_all(&[&a, &a]).err(), "twice.a");
    assert!(a.try_lock().is_some() && b.try_write().is_some());
}

#[test]
fn an_attempt_takes_all_or_says_which_is_not_free() {
    let [a, b, c] = ["try.a", "try.b", "try.c"].map(|name| Mutex::named(name, ()));
    let held = b.lock();
    match try_lock_all((&a, &b, &c)) {
        Err(LockError::WouldBlock { lock, .. }) => assert_eq!(lock, "try.b"),
        other => panic!("{:?}", other.err()),
    }
    assert!(a.try_lock().is_some() && c.try_lock().is_some());
    drop(held);
    let all = try_lock_all((&c, &b, &a)).unwrap();
    assert!([&a, &b, &c].iter().all(|lock| lock.try_lock().is_none()));
    drop(all);
}

#[test]
fn what_timed_out_holds_nothing_afterwards() {
    without_hanging(|| {
        let locks = Arc::new(["timed.a", "timed.b", "timed.c"].map(|name| Mutex::named(name, ())));
        for busy in 0..3 {
            let inner = Arc::clone(&locks);
            let (release, released) = channel::<()>();
            let (holds, is_held) = channel();
            let holder = thread::spawn(move || {
                let _held = inner[busy].lock();
                holds.send(()).unwrap();
                let _ = released.recv();
            });
            is_held.recv().unwrap();
            match lock_all_timeout((&locks[0], &locks[1], &locks[2]), SHORT) {
                Err(LockError::TimedOut { lock, waited, .. }) => {
                    assert_eq!(lock, ["timed.a", "timed.b", "timed.c"][busy]);
                    assert!(waited >= SHORT);
                }
                other => panic!("{:?}", other.err()),
            }
            // The textbook's version keeps the first one for ever.
            let inner = Arc::clone(&locks);
            let others = thread::spawn(move || {
                (0..3)
                    .filter(|&number| inner[number].try_lock().is_some())
                    .count()
            });
            assert_eq!(others.join().unwrap(), 2);
            drop(release);
            holder.join().unwrap();
            assert!(lock_all_timeout((&locks[0], &locks[1], &locks[2]), LONG).is_ok());
        }
    });
}

#[test]
fn a_timed_wait_holds_none_while_it_waits() {
    without_hanging(|| {
        let locks = Arc::new(["holds-none.a", "holds-none.b"].map(|name| Mutex::named(name, 0)));
        let held = locks[1].lock();
        let inner = Arc::clone(&locks);
        let waits = thread::spawn(move || {
            let (mut a, mut b) = lock_all_timeout((&inner[0], &inner[1]), LONG).unwrap();
            *a += 1;
            *b += 1;
        });
        // It takes the first one for a moment at most: so this ends, and would not if it waited with it.
        for _ in 0..1_000 {
            *locks[0].lock() += 1;
            thread::yield_now();
        }
        drop(held);
        waits.join().unwrap();
        let (a, b) = lock_all((&locks[0], &locks[1])).unwrap();
        assert_eq!((*a, *b), (1_001, 1));
    });
}

#[test]
fn ranks_come_before_addresses() {
    without_hanging(|| {
        // The higher rank is at the lower address.
        let locks = [
            Mutex::ranked(Rank(2), "ranked.high", ()),
            Mutex::ranked(Rank(1), "ranked.low", ()),
        ];
        let locks = Arc::new(locks);
        let low = locks[1].lock();
        let inner = Arc::clone(&locks);
        let (tried, is_tried) = channel();
        let waits = thread::spawn(move || {
            tried.send(()).unwrap();
            drop(lock_all((&inner[0], &inner[1])).unwrap());
        });
        is_tried.recv().unwrap();
        // It waits for the lower rank first, so the higher one is never taken meanwhile.
        for _ in 0..1_000 {
            assert!(locks[0].try_lock().is_some());
            thread::yield_now();
        }
        drop(low);
        waits.join().unwrap();
    });
}

#[test]
fn philosophers_eat_whichever_hand_they_use_first() {
    without_hanging(|| {
        const EACH: usize = 10_000;
        let forks: Vec<_> = (0..5).map(|_| Mutex::named("fork", 0)).collect();
        on_threads(5, |seat| {
            let (left, right) = (&forks[seat], &forks[(seat + 1) % 5]);
            for round in 0..EACH {
                let (mut one, mut other) = match round % 3 {
                    0 => lock_all((left, right)).unwrap(),
                    1 => lock_all((right, left)).unwrap(),
                    _ => lock_all_timeout((left, right), LONG).unwrap(),
                };
                *one += 1;
                *other += 1;
            }
        });
        assert!(forks.iter().all(|fork| *fork.lock() == 2 * EACH));
    });
}

#[test]
fn a_timed_wait_of_nearly_no_time_takes_what_is_free() {
    let (a, b) = (Mutex::named("zero.a", ()), Mutex::named("zero.b", ()));
    assert!(lock_all_timeout((&a, &b), Duration::ZERO).is_ok());
    assert!(lock_all_timeout((&a, &b), Duration::MAX).is_ok());
}
