//! Correct programs are left alone: nothing is predicted and nothing detected, however heavy the use.

mod together;
mod watchdog;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use brigade::lock::{
    self, Action, Condvar, LockError, Mutex, RwLock, RwLockUpgradableReadGuard, lock_all,
    lock_all_timeout,
};
use together::on_threads;
use watchdog::without_hanging;

static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn collect() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let keep = |report: &lock::Report| FOUND.lock().push(report.to_string());
        lock::on_finding(Action::Call(Box::new(keep))).unwrap();
    });
}

fn assert_quiet() {
    let found = FOUND.lock();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

const THREADS: usize = 8;

/// Fewer where each step is checked by the compiler's own means.
fn rounds(optimised: usize) -> usize {
    if cfg!(debug_assertions) {
        optimised / 5
    } else {
        optimised
    }
}

/// Lets others run at times, so that they meet locks that are held.
fn dwell(random: usize) {
    if (random / 1024).is_multiple_of(4) {
        thread::yield_now();
    }
}

/// Runs the body on each of several threads, with a number that differs each time.
fn on_each_thread(rounds: usize, body: impl Fn(usize) + Send + Sync + 'static) {
    without_hanging(move || {
        collect();
        on_threads(THREADS, |number| {
            let mut random = number as u64 + 1;
            for _ in 0..rounds {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                body((random >> 20) as usize);
            }
        });
        assert_quiet();
    });
}

#[test]
fn locks_in_one_order_are_quiet() {
    let locks: Vec<_> = (0..6)
        .map(|rank| Mutex::named(&format!("ordered.{rank}"), 0))
        .collect();
    let locks = Arc::new(locks);
    let inner = Arc::clone(&locks);
    on_each_thread(rounds(20_000), move |random| {
        let (first, second) = (random % 6, random / 6 % 6);
        let mut low = inner[first.min(second)].lock_checked().unwrap();
        *low += 1;
        dwell(random);
        if first != second {
            *inner[first.max(second)].lock_checked().unwrap() += 1;
        }
        // By an attempt the other way round is right too.
        if let Some(mut lowest) = inner[0].try_lock() {
            *lowest += 1;
        }
    });
    assert!(locks.iter().map(|lock| *lock.lock()).sum::<usize>() >= THREADS * rounds(20_000));
}

#[test]
fn readers_and_writers_in_one_order_are_quiet() {
    let locks: Vec<_> = (0..4)
        .map(|rank| RwLock::named(&format!("rw.{rank}"), 0))
        .collect();
    on_each_thread(rounds(10_000), move |random| {
        let (first, second) = (random % 4, random / 4 % 4);
        let (low, high) = (&locks[first.min(second)], &locks[first.max(second)]);
        let inner = |writes: bool| {
            dwell(random);
            if first == second {
            } else if writes {
                *high.write_checked().unwrap() += 1;
            } else {
                let _ = *high.read_checked().unwrap();
            }
        };
        let writes = random % 5 == 0;
        match random / 16 % 8 {
            0 => {
                *low.write_checked().unwrap() += 1;
                inner(writes);
            }
            1 => {
                let held = low.upgradable_read_checked().unwrap();
                inner(writes);
                drop(held);
            }
            2 => {
                let held = low.upgradable_read_checked().unwrap();
                *RwLockUpgradableReadGuard::upgrade(held) += 1;
            }
            _ => {
                let held = low.read_checked().unwrap();
                inner(writes);
                drop(held);
            }
        }
    });
}

#[test]
fn attempts_that_back_off_are_quiet() {
    let locks: Vec<_> = (0..4)
        .map(|number| Mutex::named(&format!("backs-off.{number}"), 0))
        .collect();
    on_each_thread(rounds(1_500), move |random| {
        let (first, second) = (random % 4, random / 4 % 4);
        if first == second {
            return;
        }
        loop {
            let mut held = locks[first].lock_checked().unwrap();
            dwell(random);
            // Any order: what gives up is nobody's deadlock.
            let limit = Duration::from_micros((random % 50) as u64);
            let result = match random % 3 {
                0 => locks[second].try_lock().ok_or(None),
                1 => locks[second].try_lock_for(limit).ok_or(None),
                _ => locks[second].lock_timeout(limit).map_err(Some),
            };
            match result {
                Ok(mut other) => {
                    *held += 1;
                    *other += 1;
                    return;
                }
                Err(None | Some(LockError::TimedOut { .. })) => thread::yield_now(),
                Err(Some(other)) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn all_at_once_in_any_order_is_quiet() {
    let locks: Vec<_> = (0..5).map(|_| RwLock::named("at-once", 0)).collect();
    on_each_thread(rounds(10_000), move |random| {
        let (first, second) = (
            &locks[random % 5],
            &locks[(random % 5 + 1 + random / 5 % 4) % 5],
        );
        if random % 3 == 0 {
            let (mut one, other) = lock_all((first.writing(), second.reading())).unwrap();
            dwell(random);
            *one += *other;
        } else if random % 3 == 1 {
            let (one, mut other) = lock_all((first.reading(), second.writing())).unwrap();
            dwell(random);
            *other += *one;
        } else {
            let limit = Duration::from_secs(500);
            let (one, other) =
                lock_all_timeout((second.reading(), first.reading()), limit).unwrap();
            assert!(*one + *other >= 0);
        }
    });
}

#[test]
fn a_queue_with_conditions_under_a_common_lock_is_quiet() {
    struct Queue {
        items: Mutex<Vec<usize>>,
        filled: Condvar,
        emptied: Condvar,
    }
    let queue = Queue {
        items: Mutex::named("queue.items", Vec::new()),
        filled: Condvar::new(),
        emptied: Condvar::new(),
    };
    let (config, log) = (
        RwLock::named("queue.config", 3),
        Mutex::named("queue.log", 0),
    );
    let produced = AtomicUsize::new(0);
    on_each_thread(rounds(5_000), move |random| {
        // Every thread produces and consumes in turns, so that there are as many of each.
        if produced.fetch_add(1, SeqCst).is_multiple_of(2) {
            let most = *config.read_checked().unwrap() + THREADS;
            let mut items = queue.items.lock_checked().unwrap();
            queue
                .emptied
                .wait_while(&mut items, |items| items.len() >= most);
            items.push(most);
            queue.filled.notify_one();
            *log.lock_checked().unwrap() += 1;
        } else {
            // What is held around a wait comes before the queue's lock everywhere.
            let _config = config.read_checked().unwrap();
            let mut items = queue.items.lock_checked().unwrap();
            queue
                .filled
                .wait_while(&mut items, |items| items.is_empty());
            items.pop();
            queue.emptied.notify_one();
            dwell(random);
            *log.lock_checked().unwrap() += 1;
        }
    });
}

#[test]
fn threads_that_come_and_go_are_quiet() {
    without_hanging(|| {
        collect();
        let shared = Arc::new((
            Mutex::named("short.outer", 0),
            Mutex::named("short.inner", 0),
        ));
        for _ in 0..rounds(100) {
            on_threads(THREADS, |_| {
                let mut outer = shared.0.lock_checked().unwrap();
                *outer += 1;
                let own = Mutex::named("short.own", 0);
                let mut own = own.lock_checked().unwrap();
                *shared.1.lock_checked().unwrap() += 1;
                *own += 1;
            });
        }
        assert_eq!(
            (*shared.0.lock(), *shared.1.lock()),
            (rounds(100) * THREADS, rounds(100) * THREADS)
        );
        assert_quiet();
    });
}
