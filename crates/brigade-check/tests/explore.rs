//! Closures under deterministic schedules: what is found, said and repeated.
#![cfg(feature = "explore")]

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use brigade_check::{Failure, Kind, Strategy, explore, point};
use shuttle::sync::atomic::{AtomicBool, AtomicU32};
use shuttle::sync::{Barrier, Condvar, Mutex, mpsc};
use shuttle::thread;

/// Two threads add one each, by a read and a write.
fn add_twice() -> u32 {
    let sum = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let sum = Arc::clone(&sum);
            thread::spawn(move || {
                let read = sum.load(SeqCst);
                point("read");
                sum.store(read + 1, SeqCst);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    sum.load(SeqCst)
}

fn loses_an_update() {
    assert_eq!(add_twice(), 2, "an update was lost");
}

#[test]
fn a_panic_is_found_by_every_strategy_and_replayed_ten_times_of_ten() {
    for strategy in [
        Strategy::Mixed,
        Strategy::Random,
        Strategy::Pct { depth: 2 },
        Strategy::Exhaustive,
    ] {
        let failure = explore()
            .strategy(strategy)
            .seed(3)
            .check(loses_an_update)
            .unwrap_err();
        let finding = failure.finding().unwrap();
        assert_eq!(finding.kind, Kind::Panicked);
        assert!(finding.reason.contains("an update was lost"), "{failure}");
        let token = finding.token.clone().unwrap();
        for _ in 0..10 {
            let again = explore()
                .replay(token.clone())
                .check(loses_an_update)
                .unwrap_err();
            assert_eq!(again.finding().unwrap().reason, finding.reason);
            assert_eq!(again.finding().unwrap().token, finding.token);
        }
    }
}

#[test]
fn the_points_passed_are_drawn_thread_by_thread() {
    let failure = explore().seed(3).check(loses_an_update).unwrap_err();
    let text = failure.to_string();
    println!("{text}");
    assert!(text.contains("thread 1  thread 2"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.trim() == "read").count(),
        2,
        "{text}"
    );
}

#[test]
fn an_error_returned_is_found_too() {
    let body = || match add_twice() {
        2 => Ok(()),
        sum => Err(format!("the sum is {sum}")),
    };
    let failure = explore().check(body).unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Broken);
    assert_eq!(failure.finding().unwrap().reason, "the sum is 1");
}

#[test]
fn a_panic_of_a_thread_nobody_joins_is_found() {
    let failure = explore().check(|| {
        thread::spawn(|| panic!("alone"));
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Panicked);
    assert!(failure.to_string().contains("alone, at "), "{failure}");
}

#[test]
fn correct_code_passes_and_every_schedule_of_little_code_is_run() {
    let body = || {
        let sum = Arc::new(Mutex::new(0));
        let other = Arc::clone(&sum);
        let thread = thread::spawn(move || *other.lock().unwrap() += 1);
        *sum.lock().unwrap() += 1;
        thread.join().unwrap();
        assert_eq!(*sum.lock().unwrap(), 2);
    };
    let report = explore()
        .strategy(Strategy::Exhaustive)
        .check(body)
        .unwrap();
    assert_eq!(report.exhausted, 1);
    assert!(report.to_string().contains("every schedule was run"));
    let report = explore().schedules(500).check(body).unwrap();
    assert_eq!((report.runs, report.exhausted), (500, 0));
}

#[test]
fn a_lost_wake_up_is_a_deadlock_and_is_replayed() {
    let body = || {
        let shared = Arc::new((AtomicBool::new(false), Mutex::new(()), Condvar::new()));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            other.0.store(true, SeqCst);
            // Without the lock: may fall between the look and the wait.
            other.2.notify_one();
        });
        let mut guard = shared.1.lock().unwrap();
        while !shared.0.load(SeqCst) {
            point("about to wait");
            guard = shared.2.wait(guard).unwrap();
        }
        drop(guard);
        thread.join().unwrap();
    };
    let failure = explore().check(body).unwrap_err();
    println!("{failure}");
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Deadlocked);
    assert!(
        finding.reason.contains("main, blocked at ")
            && finding.reason.contains("after the point \"about to wait\""),
        "{failure}"
    );
    let again = explore()
        .replay(finding.token.clone().unwrap())
        .check(body)
        .unwrap_err();
    assert_eq!(again.finding().unwrap().kind, Kind::Deadlocked);
}

#[test]
fn a_deadlock_is_told_with_the_names_of_its_threads_and_where_each_is_blocked() {
    let body = || {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let other = Arc::clone(&locks);
        let ended = thread::spawn(|| point("nothing to wait for"));
        let courier = thread::Builder::new().name("courier".to_owned());
        let courier = courier.spawn(move || {
            let _second = other.1.lock().unwrap();
            point("with the second");
            let _first = other.0.lock().unwrap();
        });
        let courier = courier.unwrap();
        let _first = locks.0.lock().unwrap();
        let _second = locks.1.lock().unwrap();
        drop((_first, _second));
        courier.join().unwrap();
        ended.join().unwrap();
    };
    let failure = explore().check(body).unwrap_err();
    println!("{failure}");
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Deadlocked);
    let blocked: Vec<&str> = finding.reason.lines().skip(1).map(str::trim).collect();
    let [main, courier] = blocked[..] else {
        panic!("{failure}");
    };
    assert!(
        main.starts_with("main, blocked at ") && main.contains("explore.rs:"),
        "{failure}"
    );
    assert!(
        courier.starts_with("thread 2 \"courier\", blocked at ")
            && courier.ends_with(", after the point \"with the second\""),
        "{failure}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_deadlock_is_told_in_the_report_only() {
    // Its own process, whose standard error is looked at.
    let asked = "BRIGADE_CHECK_ASKED_TO_DEADLOCK";
    if std::env::var_os(asked).is_some() {
        let failure = explore().check(|| {
            let (_never_used, received) = mpsc::channel::<()>();
            received.recv().unwrap();
        });
        println!("found {:?}", failure.unwrap_err().finding().unwrap().kind);
        return;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([
        "a_deadlock_is_told_in_the_report_only",
        "--exact",
        "--nocapture",
    ]);
    let output = command.env(asked, "1").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        text(&output.stdout).contains("found Deadlocked"),
        "{output:?}"
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn waiting_in_a_loop_for_another_thread_is_no_livelock() {
    for strategy in [
        Strategy::Mixed,
        Strategy::Random,
        Strategy::Pct { depth: 3 },
    ] {
        let body = || {
            let ready = Arc::new(AtomicBool::new(false));
            let other = Arc::clone(&ready);
            let thread = thread::spawn(move || other.store(true, SeqCst));
            while !ready.load(SeqCst) {}
            thread.join().unwrap();
        };
        explore()
            .strategy(strategy)
            .schedules(300)
            .check(body)
            .unwrap();
    }
}

#[test]
fn waiting_in_loops_for_a_third_thread_is_no_livelock() {
    for strategy in [
        Strategy::Mixed,
        Strategy::Random,
        Strategy::Pct { depth: 3 },
        Strategy::Exhaustive,
    ] {
        for yields in [false, true] {
            let body = move || {
                let held = Arc::new(AtomicBool::new(false));
                let threads = [(); 3].map(|()| {
                    let held = Arc::clone(&held);
                    thread::spawn(move || {
                        while held.swap(true, SeqCst) {
                            if yields {
                                shuttle::hint::spin_loop();
                            }
                        }
                        held.store(false, SeqCst);
                    })
                });
                for thread in threads {
                    thread.join().unwrap();
                }
            };
            let check = explore().strategy(strategy).schedules(200).check(body);
            check.unwrap_or_else(|failure| panic!("{strategy:?}, {yields}: {failure}"));
        }
    }
}

#[test]
fn waiting_for_ever_in_a_loop_is_a_livelock() {
    let body = || {
        let never = AtomicBool::new(false);
        while !never.load(SeqCst) {
            thread::yield_now();
        }
    };
    let failure = explore().steps(1_000).check(body).unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Livelocked);
}

#[test]
fn what_the_code_draws_at_random_is_repeated_too() {
    use shuttle::rand::{Rng, thread_rng};
    let body = || assert_ne!(thread_rng().r#gen::<u64>() % 10, 7);
    let failure = explore().check(body).unwrap_err();
    let token = failure.finding().unwrap().token.clone().unwrap();
    for _ in 0..10 {
        explore().replay(token.clone()).check(body).unwrap_err();
    }
}

#[test]
fn a_budget_of_time_ends_an_exploration() {
    let report = explore()
        .schedules(usize::MAX)
        .time(Duration::from_millis(50))
        .check(|| {
            add_twice();
        });
    assert!(report.unwrap().runs > 0);
}

#[test]
fn tokens_that_do_not_fit_and_empty_budgets_are_refused() {
    assert_eq!(explore().schedules(0).check(|| ()), Err(Failure::NoRuns));
    let failure = explore().check(loses_an_update).unwrap_err();
    let token = failure.finding().unwrap().token.clone().unwrap();
    let other = explore().replay(token).check(|| ());
    assert!(matches!(other, Err(Failure::TokenMismatch(_))), "{other:?}");
}

#[test]
fn waiting_for_something_that_is_not_shuttles_is_a_hang_with_the_points_passed() {
    let body = || {
        let lock = Arc::new(std::sync::Mutex::new(()));
        let other = Arc::clone(&lock);
        let thread = thread::spawn(move || {
            let _held = other.lock().unwrap();
            point("with a lock of std");
        });
        let held = lock.lock().unwrap();
        point("with a lock of std");
        drop(held);
        thread.join().unwrap();
    };
    let check = explore().hang_limit(Duration::from_millis(300));
    let failure = check.check(body).unwrap_err();
    assert_eq!(failure.finding().unwrap().kind, Kind::Hung);
    assert!(
        failure
            .to_string()
            .contains("after the point \"with a lock of std\""),
        "{failure}"
    );
}

#[test]
fn schedules_of_more_threads_than_a_byte_can_number_are_repeated_too() {
    let late = || {
        let first = Arc::new(AtomicU32::new(0));
        // So that at some moment all can go on.
        let start = Arc::new(Barrier::new(300));
        let threads: Vec<_> = (1..=300)
            .map(|number| {
                let (first, start) = (Arc::clone(&first), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let _ = first.compare_exchange(0, number, SeqCst, SeqCst);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        match first.load(SeqCst) {
            first @ 100.. => Err(format!("thread {first} came first")),
            _ => Ok(()),
        }
    };
    for strategy in [Strategy::Random, Strategy::Exhaustive] {
        let failure = explore().strategy(strategy).seed(1).check(late);
        let failure = failure.unwrap_err();
        let finding = failure.finding().unwrap();
        let token = finding.token.clone().unwrap();
        let again = explore().replay(token).check(late).unwrap_err();
        assert_eq!(again.finding().unwrap().reason, finding.reason);
    }
}

#[test]
fn a_time_that_no_clock_can_hold_is_never_over() {
    let exploration = explore().time(Duration::MAX).schedules(3);
    assert_eq!(exploration.check(|| ()).unwrap().runs, 3);
}
