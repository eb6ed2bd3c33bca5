//! Locks by key: what `LockTable` promises.
#![cfg(not(any(loom, shuttle)))]

mod keys;
mod several;
#[path = "../together/mod.rs"]
mod together;

use std::array::from_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, LazyLock, Mutex};
use std::thread::{self, yield_now};
use std::time::Duration;

use brigade::lock::{
    self, Action, Class, FindingKind, LockError, LockTable, Mutex as Lock, Rank, Report,
    TableGuard, TableGuards,
};

use together::on_threads;

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(500);
/// Long enough to be seen waiting.
const SHORT: Duration = Duration::from_millis(5);

/// All that was found in this process.
static FINDINGS: LazyLock<Arc<Mutex<Vec<Report>>>> = LazyLock::new(|| {
    let findings = Arc::new(Mutex::new(Vec::<Report>::new()));
    let told = Arc::clone(&findings);
    let note = move |report: &Report| told.lock().unwrap().push(report.clone());
    lock::on_finding(Action::Call(Box::new(note))).unwrap();
    findings
});

/// What was found about locks of this name.
fn findings(name: &str) -> Vec<Report> {
    let mut findings = FINDINGS.lock().unwrap().clone();
    findings.retain(|report| report.steps().iter().any(|step| step.wants.name == name));
    findings
}

fn free_elsewhere(table: &LockTable<u32>, key: u32) -> bool {
    thread::scope(|scope| {
        scope
            .spawn(|| table.try_lock(key).is_some())
            .join()
            .unwrap()
    })
}

fn readable_elsewhere(table: &LockTable<u32>, key: u32) -> bool {
    let reads = || table.try_lock_shared(key).is_some();
    thread::scope(|scope| scope.spawn(reads).join().unwrap())
}

#[test]
fn a_key_is_held_by_one_thread_at_a_time() {
    const ROUNDS: u64 = 5_000;
    let table = LockTable::new();
    let counts: [AtomicU64; 3] = from_fn(|_| AtomicU64::new(0));
    let add_one = |key: usize| {
        let _held = table.lock(key);
        let count = counts[key].load(Relaxed);
        if count.is_multiple_of(64) {
            yield_now();
        }
        counts[key].store(count + 1, Relaxed);
    };
    on_threads(4, |_| (0..ROUNDS).for_each(|_| (0..3).for_each(add_one)));
    assert_eq!(counts.map(AtomicU64::into_inner), [4 * ROUNDS; 3]);
    assert!(table.is_empty());
}

#[test]
fn a_held_key_keeps_no_other_waiting() {
    let table = LockTable::new();
    let held = table.lock(0);
    thread::scope(|scope| {
        // So many that some are beside the held one in every respect.
        let others = || (1..1_000).all(|key| table.lock_timeout(key, LONG).is_ok());
        assert!(scope.spawn(others).join().unwrap());
    });
    assert!(!free_elsewhere(&table, *held.key()));
}

#[test]
fn shared_holders_are_in_together() {
    let table = LockTable::new();
    let (one, other) = (Barrier::new(2), Barrier::new(2));
    let read = || {
        let held = table.lock_shared_timeout(7, LONG).unwrap();
        one.wait();
        assert!(held.is_shared() && table.len() == 1);
        other.wait();
    };
    on_threads(2, |_| read());
    assert!(!table.lock(7).is_shared());
}

#[test]
fn keys_are_forgotten_when_nobody_uses_them() {
    const KEYS: usize = 100_000;
    const THREADS: usize = 4;
    let table = LockTable::new();
    let alive = Arc::new(());
    let most = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    let lock_new_keys = || {
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= KEYS {
                break;
            }
            let key = (number, Arc::clone(&alive));
            match number % 4 {
                0 => drop(table.lock(key)),
                1 => drop(table.lock_shared(key)),
                2 => drop(table.try_lock(key).unwrap()),
                _ => drop(table.lock_all([key.clone(), key]).unwrap()),
            }
            if number.is_multiple_of(100) {
                most.fetch_max(table.len(), Relaxed);
            }
        }
    };
    on_threads(THREADS, |_| lock_new_keys());
    assert!(most.into_inner() <= THREADS);
    assert_eq!((table.len(), Arc::strong_count(&alive)), (0, 1));
}

#[test]
fn whoever_gives_up_is_forgotten_too() {
    let table = LockTable::named("given up");
    let held = table.lock(1);
    thread::scope(|scope| {
        let give_up = || {
            assert!(table.try_lock(1).is_none() && table.try_lock_shared(1).is_none());
            for timed_out in [
                table.lock_timeout(1, SHORT).map(drop),
                table.lock_shared_timeout(1, SHORT).map(drop),
                table.lock_all_timeout([2, 1], SHORT).map(drop),
            ] {
                let Err(LockError::TimedOut { lock, waited, .. }) = timed_out else {
                    panic!("{timed_out:?}");
                };
                assert!(lock == "given up" && waited >= SHORT);
            }
        };
        scope.spawn(give_up).join().unwrap();
    });
    assert_eq!(table.len(), 1);
    drop(held);
    assert_eq!(table.len(), 0);
}

#[test]
fn the_try_forms_take_what_is_free_and_wait_for_nothing() {
    let table = LockTable::named("tried");
    let one = table.try_lock(1).unwrap();
    assert!(!free_elsewhere(&table, 1) && !readable_elsewhere(&table, 1));
    let refused = table.try_lock_all([0, 1, 2]);
    assert!(matches!(&refused, Err(LockError::WouldBlock { lock, .. }) if lock == "tried"));
    assert!(free_elsewhere(&table, 0) && free_elsewhere(&table, 2));
    drop(one);
    let all = table.try_lock_all([0, 1, 2]).unwrap();
    assert!((0..3).all(|key| !free_elsewhere(&table, key)));
    drop(all);
    let read = table.try_lock_shared(1).unwrap();
    assert!(!free_elsewhere(&table, 1) && readable_elsewhere(&table, 1));
    drop(read);
    assert!(table.is_empty());
}

// Only Linux tells whether a thread sleeps.
#[cfg(target_os = "linux")]
#[test]
fn who_waits_gets_the_key_before_whoever_comes_later() {
    // Without a hand-over it would be so by chance, most times but not always.
    (0..50).for_each(|_| all_who_wait_are_served_in_order());
}

#[cfg(target_os = "linux")]
fn all_who_wait_are_served_in_order() {
    const WAITERS: usize = 8;
    let table = LockTable::new();
    let served = Mutex::new(Vec::new());
    let (told, tells) = channel();
    let wait = |waiter| {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        told.send(thread).unwrap();
        let _held = table.lock("wanted");
        served.lock().unwrap().push(waiter);
    };
    let (held, wait) = (table.lock("wanted"), &wait);
    thread::scope(|scope| {
        let mut waiters = Vec::new();
        for waiter in 0..WAITERS {
            waiters.push(scope.spawn(move || wait(waiter)));
            let state = std::path::Path::new("/proc")
                .join(tells.recv().unwrap())
                .join("stat");
            // There is nothing else that it could sleep for.
            while !std::fs::read_to_string(&state).unwrap().contains(") S ") {
                yield_now();
            }
        }
        drop(held);
        let later = loop {
            if let Some(later) = table.try_lock("wanted") {
                break later;
            }
        };
        assert!(served.lock().unwrap().iter().copied().eq(0..WAITERS));
        drop(later);
        waiters
            .into_iter()
            .for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn a_writer_that_waits_goes_before_later_readers() {
    let table = LockTable::new();
    let read = table.lock_shared(1);
    let wrote = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let _held = table.lock(1);
            wrote.store(true, Relaxed);
        });
        while readable_elsewhere(&table, 1) {
            yield_now();
        }
        assert!(!wrote.load(Relaxed));
        drop(read);
        let _read = table.lock_shared(1);
        assert!(wrote.load(Relaxed));
        writer.join().unwrap();
    });
}

#[test]
fn two_keys_taken_one_after_the_other_are_predicted_and_detected() {
    LazyLock::force(&FINDINGS);
    let table = LockTable::named("crossed");
    let both_hold = Barrier::new(2);
    let cross = |own: u32, other: u32| {
        let _own = table.lock(own);
        both_hold.wait();
        table.lock_checked(other).map(drop)
    };
    let results = thread::scope(|scope| {
        let threads = [(1, 2), (2, 1)].map(|(own, other)| scope.spawn(move || cross(own, other)));
        threads.map(|thread| thread.join().unwrap())
    });
    let failed: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    let [LockError::Deadlock(report)] = failed[..] else {
        panic!("{results:?}");
    };
    assert_eq!(
        (report.kind(), report.steps().len()),
        (FindingKind::Deadlock, 2)
    );
    assert!(
        report
            .steps()
            .iter()
            .all(|step| step.holds.name == "crossed")
    );
    let kinds: Vec<_> = findings("crossed").iter().map(Report::kind).collect();
    assert!(kinds.contains(&FindingKind::SameClass), "{kinds:?}");
    assert!(table.is_empty());
}

#[test]
fn a_key_wanted_again_by_its_holder_is_an_error() {
    LazyLock::force(&FINDINGS);
    let table = LockTable::ranked(Rank(5), "again");
    let held = table.lock(1);
    let error = table.lock_checked(1).unwrap_err();
    assert!(
        matches!(&error, LockError::Deadlock(report) if report.kind() == FindingKind::Recursive)
    );
    assert!(catch_unwind(AssertUnwindSafe(|| table.lock_shared(1))).is_err());
    assert_eq!(table.len(), 1);
    drop(held);
    let lower = Lock::ranked(Rank(4), "lower", ());
    let held = table.lock(2);
    assert!(matches!(lower.lock_checked(), Err(LockError::Deadlock(_))));
    drop(held);
    assert!(table.is_empty());
}

#[test]
fn a_leaked_guard_is_forgotten_with_its_table() {
    static LEAKED: Class = Class::new("leaked");
    LazyLock::force(&FINDINGS);
    let table = LockTable::of(&LEAKED);
    std::mem::forget(table.lock(1));
    assert!(!free_elsewhere(&table, 1));
    assert_eq!(table.len(), 1);
    drop(table);
    let next = LockTable::of(&LEAKED);
    assert_eq!(*next.lock(1).key(), 1);
    assert!(
        findings("leaked").is_empty(),
        "nothing of the class was held"
    );
}

#[test]
fn guards_stay_in_their_thread_and_say_what_they_hold() {
    trait UnlessSend<Which> {
        fn holds() -> bool {
            true
        }
    }
    struct Sends;
    impl<T> UnlessSend<()> for T {}
    impl<T: Send> UnlessSend<Sends> for T {}
    // Ambiguous, and no program, if they were `Send`.
    assert!(<TableGuard<'_, u32> as UnlessSend<_>>::holds());
    assert!(<TableGuards<'_, u32> as UnlessSend<_>>::holds());

    let table = LockTable::named("shown");
    let both = table.lock_all_mixed(["b"], ["a"]).unwrap();
    let shown =
        r#"{TableGuard { key: "a", shared: true }, TableGuard { key: "b", shared: false }}"#;
    assert_eq!(format!("{both:?}"), shown);
    assert_eq!(
        format!("{table:?}"),
        r#"LockTable { name: "shown", len: 2 }"#
    );
}
