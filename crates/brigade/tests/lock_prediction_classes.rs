//! What locks count as one, what stands in an order by itself, and what of that a thread holds.

mod findings;

use std::sync::Arc;

use brigade::lock::{
    Class, FindingKind, LockError, Mutex, MutexGuard, Rank, Report, RwLock, lock_all,
    lock_all_timeout, try_lock_all,
};

/// A mutex of each name.
fn mutexes<const N: usize>(prefix: &str, names: [&str; N]) -> [Mutex<()>; N] {
    findings::collect();
    names.map(|name| Mutex::named(&format!("{prefix}.{name}"), ()))
}

/// Takes all, in order, and releases them.
fn take(locks: &[&Mutex<()>]) {
    let _guards: Vec<MutexGuard<'_, ()>> = locks.iter().map(|lock| lock.lock()).collect();
}

#[test]
fn two_locks_of_one_class_are_reported_when_nested() {
    let [one, other] = mutexes("same", ["a", "a"]);
    take(&[&one, &other]);
    let report = findings::only("same.");
    assert_eq!(report.kind(), FindingKind::SameClass);
    assert_eq!(findings::orders(&report), ["same.a -> same.a"]);
    take(&[&one, &other]);
    take(&[&other, &one]);
    assert!(findings::of("same.").is_empty(), "reported once");
}

#[test]
fn two_locks_of_one_class_are_reported_with_others_between() {
    let [one, between, other] = mutexes("apart", ["a", "b", "a"]);
    take(&[&one, &between, &other]);
    let kinds: Vec<_> = findings::of("apart.").iter().map(Report::kind).collect();
    assert_eq!(kinds, [FindingKind::SameClass, FindingKind::Order]);
}

#[test]
fn a_class_that_nests_is_not_reported() {
    static NESTS: Class = Class::new("nests.a").nested();
    findings::collect();
    let (one, other) = (Mutex::of(&NESTS, ()), Mutex::of(&NESTS, ()));
    take(&[&one, &other]);
    take(&[&other, &one]);
    assert!(findings::of("nests.").is_empty());
    let guard = one.lock();
    assert!(
        matches!(one.lock_checked(), Err(LockError::Deadlock(_))),
        "but each only once"
    );
    drop(guard);
}

#[test]
fn locks_of_one_class_may_be_taken_at_once() {
    let [one, other, third] = mutexes("at-once", ["a", "a", "a"]);
    drop(lock_all((&one, &other)).unwrap());
    drop(lock_all((&other, &one)).unwrap());
    drop(lock_all_timeout((&one, &other), std::time::Duration::from_secs(60)).unwrap());
    drop(try_lock_all((&other, &one)).unwrap());
    assert!(findings::of("at-once.").is_empty());
    let both = lock_all((&one, &other)).unwrap();
    drop(third.lock());
    drop(both);
    assert_eq!(findings::only("at-once.").kind(), FindingKind::SameClass);
}

#[test]
fn what_is_taken_at_once_has_an_order_with_what_is_held() {
    let [a, b, c] = mutexes("beside", ["a", "b", "c"]);
    take(&[&b, &a]);
    take(&[&c, &a]);
    let held = a.lock();
    drop(lock_all((&b, &c)).unwrap());
    drop(held);
    let mut found: Vec<_> = findings::of("beside.")
        .iter()
        .map(findings::orders)
        .collect();
    found.sort();
    let expected = ["b", "c"].map(|name| {
        [
            format!("beside.a -> beside.{name}"),
            format!("beside.{name} -> beside.a"),
        ]
    });
    assert_eq!(found, expected);
    // And what is taken under them has one with each of them.
    let [d] = mutexes("beside", ["d"]);
    drop((lock_all((&b, &c)).unwrap(), d.lock()));
    take(&[&d, &b]);
    take(&[&d, &c]);
    assert_eq!(findings::of("beside.").len(), 2);
}

#[test]
fn ranks_go_upwards() {
    findings::collect();
    let low = Mutex::ranked(Rank(10), "rank.low", ());
    let high = Mutex::ranked(Rank(20), "rank.high", ());
    take(&[&low, &high]);
    assert!(findings::of("rank.").is_empty());
    take(&[&high, &low]);
    let report = findings::only("rank.");
    assert_eq!(report.kind(), FindingKind::Rank);
    let [step] = report.steps() else {
        panic!("{report}")
    };
    assert_eq!((step.holds.rank, step.wants.rank), (Some(20), Some(10)));
    let _high = high.lock();
    for _ in 0..2 {
        let Err(LockError::Deadlock(report)) = low.lock_checked() else {
            panic!("wrong rank")
        };
        assert_eq!(report.kind(), FindingKind::Rank);
    }
    assert!(low.try_lock().is_some(), "an attempt does not wait");
}

#[test]
fn equal_ranks_are_no_order() {
    findings::collect();
    let one = Mutex::ranked(Rank(10), "equal.one", ());
    let other = Mutex::ranked(Rank(10), "equal.other", ());
    take(&[&one, &other]);
    assert_eq!(findings::only("equal.").kind(), FindingKind::Rank);
}

#[test]
fn ranks_count_below_locks_without_rank() {
    findings::collect();
    let high = Mutex::ranked(Rank(20), "below.high", ());
    let plain = Mutex::named("below.plain", ());
    let low = RwLock::ranked(Rank(10), "below.low", ());
    let _high = high.lock();
    let _plain = plain.lock();
    drop(low.read());
    let report = findings::only("below.");
    assert_eq!(
        (report.kind(), findings::orders(&report)),
        (
            FindingKind::Rank,
            vec!["below.high -> below.low".to_owned()]
        )
    );
}

#[test]
fn ranks_count_for_what_is_taken_at_once() {
    findings::collect();
    let high = Mutex::ranked(Rank(20), "all-ranks.high", ());
    let low = Mutex::ranked(Rank(10), "all-ranks.low", ());
    drop(lock_all((&high, &low)).unwrap());
    assert!(findings::of("all-ranks.").is_empty());
    let guard = high.lock();
    let plain = Mutex::named("all-ranks.plain", ());
    let refused = lock_all((&plain, &low));
    assert!(
        matches!(refused, Err(LockError::Deadlock(report)) if report.kind() == FindingKind::Rank)
    );
    assert!(plain.try_lock().is_some() && low.try_lock().is_some());
    drop(guard);
}

#[test]
fn what_is_held_already_cannot_be_taken_at_once_with_others() {
    let [a, b] = mutexes("held-all", ["a", "b"]);
    let guard = a.lock();
    for _ in 0..2 {
        let refused = lock_all((&b, &a)).err();
        let Some(LockError::Deadlock(report)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(report.kind(), FindingKind::Recursive);
        assert!(b.try_lock().is_some(), "nothing is held");
    }
    drop(guard);
    assert!(
        findings::of("held-all.").is_empty(),
        "what is returned is not acted on"
    );
    assert!(lock_all((&b, &a)).is_ok());
}

#[test]
fn two_locks_made_on_one_line_are_two_classes() {
    findings::collect();
    #[rustfmt::skip]
    let (a, b) = (Mutex::new(()), Mutex::new(()));
    let prefix = format!("{}:{}:", file!(), line!() - 1);
    take(&[&a, &b]);
    assert!(findings::of(&prefix).is_empty());
    take(&[&b, &a]);
    let report = findings::only(&prefix);
    assert_eq!(report.kind(), FindingKind::Order);
    let [first, second] = report.steps() else {
        panic!("{report}")
    };
    assert_ne!(first.holds.name, second.holds.name);
}

#[test]
fn locks_made_by_one_call_in_a_loop_are_one_class() {
    findings::collect();
    let line = line!() + 1;
    let locks: Vec<_> = (0..2).map(|_| Mutex::new(())).collect();
    take(&[&locks[0], &locks[1]]);
    let report = findings::only(&format!("{}:{line}:", file!()));
    assert_eq!(report.kind(), FindingKind::SameClass);
}

#[test]
fn statics_are_known_by_their_lines() {
    static A: Mutex<()> = Mutex::new(());
    static B: RwLock<()> = RwLock::new(());
    let line = line!() - 2;
    findings::collect();
    drop((A.lock(), B.read()));
    drop((B.write(), A.lock()));
    let report = findings::only(&format!("{}:{line}:", file!()));
    let made: Vec<_> = report
        .steps()
        .iter()
        .map(|step| step.holds.made_at.as_ref().unwrap().line)
        .collect();
    assert_eq!(made, [line + 1, line]);
}

#[test]
fn a_line_of_a_generic_function_is_one_class_whatever_its_types() {
    fn pair<T: Default>() -> (Mutex<T>, Mutex<T>) {
        let first = Mutex::new(T::default());
        (first, Mutex::new(T::default()))
    }
    let line = line!() - 3;
    findings::collect();
    let (numbers, texts) = (pair::<u8>(), pair::<String>());
    drop((numbers.0.lock(), numbers.1.lock()));
    drop((texts.1.lock(), texts.0.lock()));
    let report = findings::only(&format!("{}:{line}:", file!()));
    assert_eq!(report.kind(), FindingKind::Order);
}

#[test]
fn locks_made_where_no_line_tells_them_apart_are_not_mistaken_for_each_other() {
    let derived_at = line!() + 1;
    #[derive(Default)]
    struct Derived {
        a: Mutex<u8>,
        b: Mutex<u8>,
        c: RwLock<u8>,
    }
    findings::collect();
    let derived = Derived::default();
    drop((derived.a.lock(), derived.b.lock(), derived.c.write()));
    // Each of these is made by a call in the standard library, the same for both.
    let (one, other) = (Arc::<Mutex<u8>>::default(), Arc::<Mutex<u8>>::default());
    drop((one.lock(), other.lock()));
    drop((other.lock(), one.lock()));
    let mapped: [_; 2] = [1, 2].map(Mutex::new);
    drop((mapped[0].lock(), mapped[1].lock()));
    let from: Vec<Mutex<u8>> = (1..3).map(Into::into).collect();
    drop((from[0].lock(), from[1].lock()));
    for lock in [&derived.b, &one, &mapped[0], &from[0]] {
        drop((
            lock.lock(),
            derived.a.lock(),
            other.lock(),
            mapped[1].lock(),
        ));
        drop((mapped[1].lock(), lock.lock(), from[1].lock()));
    }
    let here = format!("{}:{}:", file!(), derived_at);
    let mistaken: Vec<_> = [here.as_str(), "/"]
        .into_iter()
        .flat_map(findings::of)
        .collect();
    assert!(mistaken.is_empty(), "{}", mistaken[0]);
    // Their order is unknown, not what they are: none of them can be taken twice.
    for lock in [&derived.a, &one, &mapped[0], &from[0]] {
        let _guard = lock.lock();
        assert!(matches!(lock.lock_checked(), Err(LockError::Deadlock(_))));
    }
}

#[test]
fn what_is_released_out_of_order_is_not_held() {
    let [a, b, c] = mutexes("out-of-order", ["a", "b", "c"]);
    let first = a.lock();
    let second = b.lock();
    drop(first);
    let third = c.lock();
    drop(second);
    drop(a.lock());
    drop(third);
    // Seen: b under a, c under b, a under c.
    assert_eq!(findings::only("out-of-order.").steps().len(), 3);
    let [d, e] = mutexes("out-of-order", ["d", "e"]);
    drop((d.lock(), e.lock()));
    // In the order of their making: d first.
    let (d_held, e_held) = (d.lock(), e.lock());
    drop(d_held);
    drop(e_held);
    take(&[&a, &d]);
    assert!(findings::of("out-of-order.").is_empty());
}

#[test]
fn a_way_that_was_short_of_a_lock_is_another_way() {
    let [a, b, c] = mutexes("short", ["a", "b", "c"]);
    take(&[&c, &a]);
    let way = |keeps_a: bool| {
        let first = a.lock();
        let second = b.try_lock().unwrap();
        let kept = keeps_a.then_some(first);
        drop(c.lock());
        drop((second, kept));
    };
    way(false);
    assert!(findings::of("short.").is_empty());
    way(true);
    assert_eq!(findings::only("short.").steps().len(), 2);
}

#[test]
fn hand_over_hand_along_a_chain_is_no_cycle() {
    static NODE: Class = Class::new("chain.node").nested();
    findings::collect();
    let nodes: Vec<_> = (0..100).map(|_| Mutex::of(&NODE, ())).collect();
    let mut held = nodes[0].lock();
    for node in &nodes[1..] {
        let next = node.lock();
        held = next;
    }
    drop(held);
    assert!(nodes.iter().all(|node| node.try_lock().is_some()));
    assert!(findings::of("chain.").is_empty());
}

#[test]
fn very_many_locks_can_be_held_and_released_in_any_order() {
    static MANY: Class = Class::new("many.one").nested();
    let [outer, inner] = mutexes("many", ["outer", "inner"]);
    let locks: Vec<_> = (0..100).map(|_| Mutex::of(&MANY, ())).collect();
    take(&[&outer, &inner]);
    let mut guards: Vec<_> = locks
        .iter()
        .map(Some)
        .map(|lock| lock.map(|lock| lock.lock()))
        .collect();
    let inner_held = inner.lock();
    for number in (0..100)
        .step_by(3)
        .chain((1..100).step_by(3))
        .chain((2..100).step_by(3))
    {
        guards[number] = None;
        assert!(locks[number].try_lock().is_some());
    }
    // Only this one is held, so the next order is the only one that is wrong.
    drop(outer.lock());
    drop(inner_held);
    let report = findings::only("many.");
    assert_eq!(
        findings::orders(&report),
        ["many.inner -> many.outer", "many.outer -> many.inner"]
    );
}
