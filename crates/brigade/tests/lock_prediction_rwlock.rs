//! Orders of read-write locks: which of them can deadlock, and that those and no others are reported.

mod findings;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use brigade::lock::{
    Access, Class, FindingKind, LockError, Mutex, RwLock, RwLockUpgradableReadGuard, lock_all,
};

/// A read-write lock of each name.
fn rwlocks<const N: usize>(prefix: &str, names: [&str; N]) -> [RwLock<()>; N] {
    findings::collect();
    names.map(|name| RwLock::named(&format!("{prefix}.{name}"), ()))
}

/// Takes the locks in order, each in the mode of its letter, and releases them.
fn take(steps: &[(&RwLock<()>, char)]) {
    let Some(((lock, mode), rest)) = steps.split_first() else {
        return;
    };
    match mode {
        'r' => drop((lock.read(), take(rest)).0),
        'w' => drop((lock.write(), take(rest)).0),
        'u' => drop((lock.upgradable_read(), take(rest)).0),
        _ => unreachable!(),
    }
}

/// Takes a and b as the first four letters say, then b and a; says how what was found was accessed.
fn abba(prefix: &str, modes: &str) -> Option<Vec<(Access, Access)>> {
    let [a, b] = rwlocks(prefix, ["a", "b"]);
    let modes: Vec<char> = modes.chars().collect();
    take(&[(&a, modes[0]), (&b, modes[1])]);
    take(&[(&b, modes[2]), (&a, modes[3])]);
    let found = findings::of(prefix);
    assert!(found.len() < 2);
    let report = found.first()?;
    assert_eq!(report.kind(), FindingKind::Order);
    let orders = [
        format!("{prefix}.b -> {prefix}.a"),
        format!("{prefix}.a -> {prefix}.b"),
    ];
    assert_eq!(findings::orders(report), orders);
    let steps = report.steps().iter();
    Some(
        steps
            .map(|step| (step.holds.access, step.wants.access))
            .collect(),
    )
}

#[test]
fn writers_contradict_each_other() {
    use Access::Exclusive;
    let both = (Exclusive, Exclusive);
    assert_eq!(abba("wwww.", "wwww"), Some(vec![both, both]));
}

#[test]
fn a_writer_contradicts_readers_at_both_ends() {
    use Access::{Exclusive, Shared};
    let found = abba("rwrw.", "rwrw");
    assert_eq!(found, Some(vec![(Shared, Exclusive), (Shared, Exclusive)]));
    let found = abba("wrwr.", "wrwr");
    assert_eq!(found, Some(vec![(Exclusive, Shared), (Exclusive, Shared)]));
}

#[test]
fn readers_that_nobody_writes_between_are_in_nobodys_way() {
    assert_eq!(abba("rrrr.", "rrrr"), None);
}

#[test]
fn readers_are_reported_once_somebody_writes() {
    let [a, b] = rwlocks("rrw", ["a", "b"]);
    take(&[(&a, 'r'), (&b, 'r')]);
    take(&[(&b, 'r'), (&a, 'r')]);
    take(&[(&a, 'w')]);
    // A writer of a makes readers of a wait; those of b still do not.
    assert!(findings::of("rrw.").is_empty());
    take(&[(&b, 'w')]);
    let report = findings::only("rrw.");
    assert_eq!(report.kind(), FindingKind::Order);
    assert_eq!(report.steps().len(), 2);
    for step in report.steps() {
        assert_eq!(
            (step.holds.access, step.wants.access),
            (Access::Shared, Access::Shared)
        );
    }
    take(&[(&a, 'w')]);
    take(&[(&b, 'w')]);
    take(&[(&b, 'r'), (&a, 'r')]);
    assert!(findings::of("rrw.").is_empty(), "reported twice");
}

#[test]
fn a_writer_by_lock_all_is_in_the_way_of_readers_too() {
    let [a, b] = rwlocks("rrall", ["a", "b"]);
    take(&[(&a, 'r'), (&b, 'r')]);
    take(&[(&b, 'r'), (&a, 'r')]);
    drop(lock_all((a.writing(), b.writing())).unwrap());
    assert_eq!(findings::only("rrall.").steps().len(), 2);
}

#[test]
fn writers_that_do_not_wait_are_in_nobodys_way() {
    let [a, b] = rwlocks("rrtry", ["a", "b"]);
    take(&[(&a, 'r'), (&b, 'r')]);
    take(&[(&b, 'r'), (&a, 'r')]);
    for lock in [&a, &b] {
        assert!(lock.try_write().is_some());
        assert!(lock.try_write_for(Duration::from_secs(60)).is_some());
        assert!(lock.write_timeout(Duration::from_secs(60)).is_ok());
    }
    assert!(findings::of("rrtry.").is_empty());
}

#[test]
fn a_writer_on_one_side_is_enough_where_it_excludes_the_reader() {
    use Access::{Exclusive, Shared};
    // One thread reads a and wants to write b; another writes b and wants to read a: a is read twice.
    assert_eq!(abba("rwwr.", "rwwr"), None);
    let [a, b] = rwlocks("rwwr-written", ["a", "b"]);
    take(&[(&a, 'w')]);
    take(&[(&a, 'r'), (&b, 'w')]);
    take(&[(&b, 'w'), (&a, 'r')]);
    let report = findings::only("rwwr-written.");
    let access: Vec<_> = report
        .steps()
        .iter()
        .map(|step| (step.holds.access, step.wants.access))
        .collect();
    assert_eq!(access, [(Exclusive, Shared), (Shared, Exclusive)]);
}

#[test]
fn upgradable_readers_exclude_each_other_and_not_readers() {
    use Access::Upgradable;
    let both = (Upgradable, Upgradable);
    assert_eq!(abba("uuuu.", "uuuu"), Some(vec![both, both]));
    assert_eq!(abba("urur.", "urur"), None);
}

#[test]
fn a_lock_read_between_two_others_does_not_hide_their_order() {
    let [a, c] = rwlocks("between", ["a", "c"]);
    let b = RwLock::named("between.b", ());
    take(&[(&a, 'w'), (&b, 'r'), (&c, 'w')]);
    take(&[(&c, 'w'), (&a, 'w')]);
    let report = findings::only("between.");
    assert_eq!(
        findings::orders(&report),
        ["between.c -> between.a", "between.a -> between.c"]
    );
}

#[test]
fn three_readers_in_a_ring_are_reported_once_all_are_written() {
    let [a, b, c] = rwlocks("ring", ["a", "b", "c"]);
    for (outer, inner) in [(&a, &b), (&b, &c), (&c, &a)] {
        take(&[(outer, 'r'), (inner, 'r')]);
    }
    take(&[(&a, 'w')]);
    take(&[(&b, 'w')]);
    assert!(findings::of("ring.").is_empty());
    take(&[(&c, 'w')]);
    assert_eq!(findings::only("ring.").steps().len(), 3);
}

#[test]
fn a_mutex_and_a_read_write_lock_contradict_each_other() {
    let [rwlock] = rwlocks("mixed", ["rwlock"]);
    let mutex = Mutex::named("mixed.mutex", ());
    drop((mutex.lock(), rwlock.read()));
    drop((rwlock.write(), mutex.lock()));
    let report = findings::only("mixed.");
    let accesses: Vec<_> = report
        .steps()
        .iter()
        .map(|step| (step.holds.access, step.wants.access))
        .collect();
    assert_eq!(
        accesses,
        [
            (Access::Exclusive, Access::Exclusive),
            (Access::Exclusive, Access::Shared)
        ]
    );
}

#[test]
fn a_recursive_read_is_reported_though_it_succeeds() {
    let [a] = rwlocks("recursive-read", ["a"]);
    let outer = a.read();
    drop(a.read());
    let report = findings::only("recursive-read.");
    assert_eq!(report.kind(), FindingKind::RecursiveRead);
    assert!(report.kind().is_predicted(), "nothing hung");
    let [step] = report.steps() else {
        panic!("{report}")
    };
    assert_eq!(
        (step.holds.access, step.wants.access),
        (Access::Shared, Access::Shared)
    );
    drop(a.read());
    drop(outer);
    assert_eq!(
        findings::of("recursive-read.").len(),
        1,
        "another line, and no third time"
    );
}

#[test]
fn a_recursive_read_is_reported_in_a_class_that_nests() {
    static NESTS: Class = Class::new("recursive-nested.a").nested();
    findings::collect();
    let (one, other) = (RwLock::of(&NESTS, ()), RwLock::of(&NESTS, ()));
    for _ in 0..2 {
        drop((one.read(), other.read()));
        drop((one.read(), other.upgradable_read()));
    }
    assert!(findings::of("recursive-nested.").is_empty());
    drop((one.read(), one.read()));
    assert_eq!(
        findings::only("recursive-nested.").kind(),
        FindingKind::RecursiveRead
    );
    drop((one.read(), one.upgradable_read()));
    assert_eq!(
        findings::only("recursive-nested.").kind(),
        FindingKind::RecursiveRead
    );
}

#[test]
fn every_other_recursion_fails() {
    let [a] = rwlocks("recursion", ["a"]);
    let recursive = |error: Option<LockError>| {
        let Some(LockError::Deadlock(report)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(report.kind(), FindingKind::Recursive);
    };
    let guard = a.write();
    recursive(a.read_checked().err());
    recursive(a.write_checked().err());
    recursive(a.upgradable_read_checked().err());
    recursive(a.read_timeout(Duration::from_secs(60)).err());
    recursive(a.write_timeout(Duration::from_secs(60)).err());
    drop(guard);
    let guard = a.read();
    recursive(a.write_checked().err());
    recursive(a.write_timeout(Duration::from_secs(60)).err());
    drop(guard);
    let guard = a.upgradable_read();
    recursive(a.write_checked().err());
    recursive(a.upgradable_read_checked().err());
    drop(guard);
    assert!(a.write_checked().is_ok());
    assert!(findings::of("recursion.").is_empty());
}

#[test]
fn a_write_under_a_read_of_the_same_lock_panics() {
    let [a] = rwlocks("write-read", ["a"]);
    let guard = a.read();
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(a.write())));
    assert!(panicked.is_err());
    assert_eq!(findings::only("write-read.").kind(), FindingKind::Recursive);
    drop(guard);
    drop(a.write());
}

#[test]
fn an_upgrade_is_a_wait_for_readers() {
    let [a, b] = rwlocks("upgrade", ["a", "b"]);
    // Reads b under a ..
    take(&[(&a, 'r'), (&b, 'r')]);
    assert!(findings::of("upgrade.").is_empty());
    // .. and waits for the readers of a under b.
    let a_held = a.upgradable_read();
    let b_held = b.write();
    drop(RwLockUpgradableReadGuard::upgrade(a_held));
    drop(b_held);
    let report = findings::only("upgrade.");
    assert_eq!(
        findings::orders(&report),
        ["upgrade.b -> upgrade.a", "upgrade.a -> upgrade.b"]
    );
    assert_eq!(report.steps()[0].wants.access, Access::Exclusive);
}

#[test]
fn what_is_taken_under_an_upgraded_lock_is_taken_under_a_writer() {
    let [a, b] = rwlocks("upgraded", ["a", "b"]);
    // Nobody waits to write, so that only what excludes each other counts.
    take(&[(&b, 'r'), (&a, 'r')]);
    take(&[(&a, 'u'), (&b, 'r')]);
    let a_held = a.upgradable_read();
    let a_held = RwLockUpgradableReadGuard::try_upgrade(a_held).ok().unwrap();
    let b_held = b.try_write().unwrap();
    drop(b_held);
    assert!(findings::of("upgraded.").is_empty());
    drop((b.try_write().unwrap(), a_held));
    take(&[(&b, 'w')]);
    let a_held = RwLockUpgradableReadGuard::try_upgrade(a.upgradable_read())
        .ok()
        .unwrap();
    drop(b.read());
    drop(a_held);
    let report = findings::only("upgraded.");
    let accesses: Vec<_> = report
        .steps()
        .iter()
        .map(|step| (step.holds.access, step.wants.access))
        .collect();
    assert_eq!(
        accesses,
        [
            (Access::Exclusive, Access::Shared),
            (Access::Shared, Access::Shared)
        ]
    );
}

#[test]
fn a_lock_upgraded_below_others_is_seen_as_it_is_held_now() {
    let [a, b, c] = rwlocks("below", ["a", "b", "c"]);
    take(&[(&c, 'w'), (&a, 'r')]);
    for upgrades in [false, true] {
        let mut a_held = a.upgradable_read();
        let b_held = b.write();
        if upgrades {
            a_held.try_with_upgraded(|()| drop(c.write())).unwrap();
        } else {
            drop(c.write());
            assert!(findings::of("below.").is_empty());
        }
        drop((a_held, b_held));
    }
    let report = findings::only("below.");
    assert_eq!(
        findings::orders(&report),
        ["below.a -> below.c", "below.c -> below.a"]
    );
    assert_eq!(report.steps()[0].holds.access, Access::Exclusive);
}

#[test]
fn what_is_taken_under_a_downgraded_lock_is_taken_under_a_reader() {
    use brigade::lock::RwLockWriteGuard;
    let [a, b] = rwlocks("downgraded", ["a", "b"]);
    take(&[(&b, 'r'), (&a, 'r')]);
    let held = RwLockWriteGuard::downgrade(a.try_write().unwrap());
    take(&[(&b, 'r')]);
    drop(held);
    assert!(findings::of("downgraded.").is_empty());
    let held = a.try_write().unwrap();
    take(&[(&b, 'r')]);
    drop(held);
    assert!(
        findings::of("downgraded.").is_empty(),
        "b is read on both sides"
    );
    take(&[(&b, 'w')]);
    assert_eq!(
        findings::only("downgraded.").steps()[1].holds.access,
        Access::Exclusive
    );
}
