//! A wait that would close a cycle fails, with the cycle written out; nobody else's does.

mod detecting;
mod polling;
mod watchdog;

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use brigade::lock::{Condvar, FindingKind, LockError, Mutex, MutexGuard, Report, lock_all};
use detecting::{LONG, deadlock, ignore_predictions};
use polling::{SHORT, until_found};
use watchdog::without_hanging;

/// Each thread takes one of `size` locks and then the next one; returns the reports of those that failed.
fn ring(prefix: &'static str, size: usize) -> Vec<Report> {
    ignore_predictions();
    let name = move |number| format!("{prefix}.{number}");
    let locks: Vec<_> = (0..size)
        .map(|number| Mutex::named(&name(number), ()))
        .collect();
    let (locks, barrier) = (Arc::new(locks), Arc::new(Barrier::new(size)));
    let threads: Vec<_> = (0..size)
        .map(|number| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            let body = move || {
                let _own = locks[number].lock();
                barrier.wait();
                deadlock(locks[(number + 1) % size].lock_checked())
            };
            thread::Builder::new()
                .name(name(number))
                .spawn(body)
                .unwrap()
        })
        .collect();
    threads
        .into_iter()
        .filter_map(|thread| thread.join().unwrap())
        .collect()
}

#[test]
fn one_call_fails_in_a_ring_of_two_of_three_and_of_ten_threads() {
    without_hanging(|| {
        for (prefix, size) in [("ring-2", 2), ("ring-3", 3), ("ring-10", 10)] {
            for _ in 0..20 {
                let found = ring(prefix, size);
                let [report] = &found[..] else {
                    panic!("{} reports", found.len())
                };
                assert_eq!(report.kind(), FindingKind::Deadlock);
                let threads: BTreeSet<_> = report.steps().iter().map(|step| &step.thread).collect();
                assert_eq!(threads.len(), size, "{report}");
                for (step, next) in report
                    .steps()
                    .iter()
                    .zip(report.steps().iter().cycle().skip(1))
                {
                    assert_eq!(step.holds.name, step.thread);
                    assert_eq!(step.wants.name, next.holds.name);
                    for place in [&step.holds.place, &step.wants.place] {
                        assert_eq!(place.as_ref().unwrap().file, file!());
                    }
                }
            }
        }
    });
}

#[test]
fn lock_panics_with_the_report_and_lets_the_others_go_on() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["panics.a", "panics.b"].map(|name| Mutex::named(name, 0)));
        let barrier = Arc::new(Barrier::new(2));
        let threads = [(0, 1), (1, 0)].map(|(own, other)| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            thread::spawn(move || {
                let mut own = locks[own].lock();
                barrier.wait();
                *own += *locks[other].lock() + 1;
            })
        });
        let panics: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| thread.join().err())
            .collect();
        let [panic] = &panics[..] else {
            panic!("{} panics", panics.len())
        };
        let message: &String = panic.downcast_ref().unwrap();
        assert!(
            message.starts_with("deadlock: threads wait for each other\n"),
            "{message}"
        );
        assert!(
            message.contains("`panics.a`") && message.contains("`panics.b`"),
            "{message}"
        );
        assert_eq!(
            *locks[0].lock() + *locks[1].lock(),
            1,
            "the other one has done its work"
        );
    });
}

#[test]
fn a_thread_that_waits_on_a_condition_wants_its_mutex() {
    without_hanging(|| {
        ignore_predictions();
        let shared = Arc::new((
            Mutex::named("cond.m", false),
            Condvar::new(),
            Mutex::named("cond.n", ()),
        ));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("waiter".to_owned())
                .spawn(move || {
                    let (m, changed, n) = &*shared;
                    let _n = n.lock();
                    let mut m = m.lock();
                    *m = true;
                    changed.wait_while(&mut m, |waits| *waits);
                })
                .unwrap()
        };
        let (m, changed, n) = &*shared;
        let mut held = loop {
            let held = m.lock();
            if *held {
                break held;
            }
            drop(held);
            thread::yield_now();
        };
        // The waiter holds n and must have m to go on, notified or not.
        let report = deadlock(n.lock_checked()).expect("it never goes on");
        let steps: Vec<_> = report
            .steps()
            .iter()
            .map(|step| (&*step.thread, &*step.holds.name, &*step.wants.name))
            .collect();
        assert_eq!(steps[1], ("waiter", "cond.n", "cond.m"));
        assert_eq!(
            (steps.len(), steps[0].1, steps[0].2),
            (2, "cond.m", "cond.n")
        );
        *held = false;
        changed.notify_all();
        drop(held);
        waiter.join().unwrap();
        assert!(n.try_lock().is_some());
    });
}

#[test]
fn a_thread_that_lets_others_go_first_wants_its_mutex_back() {
    without_hanging(|| {
        ignore_predictions();
        let shared = Arc::new((Mutex::named("bump.m", false), Mutex::named("bump.n", ())));
        let bumps = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let mut m = shared.0.lock();
                let _n = shared.1.lock();
                while !*m {
                    MutexGuard::bump(&mut m);
                    thread::yield_now();
                }
            })
        };
        while shared.1.try_lock().is_some() {
            thread::yield_now();
        }
        // The first time that this gets the one, the other thread waits for it and holds the other one.
        let mut m = shared.0.lock();
        let report = deadlock(shared.1.lock_checked()).expect("it never gets it back");
        assert_eq!(report.steps().len(), 2);
        assert_eq!(report.steps()[1].wants.name, "bump.m");
        *m = true;
        drop(m);
        bumps.join().unwrap();
    });
}

#[test]
fn locks_taken_at_once_under_another_can_close_a_cycle() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["all.a", "all.b", "all.c"].map(|name| Mutex::named(name, ())));
        let barrier = Arc::new(Barrier::new(2));
        let threads = [[0, 1, 2], [1, 2, 0]].map(|[own, second, third]| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            thread::spawn(move || {
                let _own = locks[own].lock();
                barrier.wait();
                deadlock(lock_all((&locks[second], &locks[third])))
            })
        });
        let found = threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .count();
        assert_eq!(found, 1);
        assert!(locks.iter().all(|lock| lock.try_lock().is_some()));
    });
}

#[test]
fn a_timed_wait_fails_at_once_if_the_others_wait_for_ever() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["forever.a", "forever.b"].map(|name| Mutex::named(name, ())));
        let held = locks[0].lock();
        let (holds, is_held) = std::sync::mpsc::channel();
        let other = {
            let locks = Arc::clone(&locks);
            thread::spawn(move || {
                let _held = locks[1].lock();
                holds.send(()).unwrap();
                deadlock(locks[0].lock_checked())
            })
        };
        is_held.recv().unwrap();
        let report = until_found(|| locks[1].lock_timeout(SHORT));
        assert_eq!(report.steps().len(), 2);
        // Now that it waits, the longest limit is none.
        let report = until_found(|| locks[1].lock_timeout(LONG));
        assert_eq!(report.kind(), FindingKind::Deadlock);
        assert!(
            locks[1].try_lock_for(SHORT).is_none(),
            "this form only says that it has not got it"
        );
        drop(held);
        assert!(
            other.join().unwrap().is_none(),
            "a wait that gives up is nobody's deadlock"
        );
    });
}

#[test]
fn waits_that_all_give_up_are_no_deadlock() {
    without_hanging(|| {
        ignore_predictions();
        let locks = Arc::new(["brief.a", "brief.b"].map(|name| Mutex::named(name, ())));
        let barrier = Arc::new(Barrier::new(2));
        let threads = [(0, 1), (1, 0)].map(|(own, other)| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            thread::spawn(move || {
                let held = locks[own].lock();
                barrier.wait();
                let result = locks[other].lock_timeout(Duration::from_millis(20));
                let timed_out = matches!(result, Err(LockError::TimedOut { .. }));
                assert!(timed_out || result.is_ok(), "{result:?}");
                drop((result, held));
                timed_out
            })
        });
        let timed_out = threads.map(|thread| thread.join().unwrap());
        assert!(timed_out.contains(&true));
    });
}
