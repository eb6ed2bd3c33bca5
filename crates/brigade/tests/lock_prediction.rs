//! Orders that can deadlock are reported when they are seen, on one thread, though nothing hangs.

mod findings;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use brigade::lock::{Access, Condvar, FindingKind, LockError, Mutex, Place, Report};

/// A mutex of each name.
fn mutexes<const N: usize>(prefix: &str, names: [&str; N]) -> [Mutex<()>; N] {
    findings::collect();
    names.map(|name| Mutex::named(&format!("{prefix}.{name}"), ()))
}

/// Takes the second under the first.
fn take(outer: &Mutex<()>, inner: &Mutex<()>) {
    let _outer = outer.lock();
    let _inner = inner.lock();
}

/// Takes the pairs, given as letters, one after the other; returns what was found.
fn found_in(pattern: &str) -> Report {
    let locks = mutexes(pattern, ["a", "b", "c", "d"]);
    let lock = |letter: u8| &locks[usize::from(letter - b'A')];
    let pairs: Vec<_> = pattern.as_bytes().chunks(2).collect();
    for (count, pair) in pairs.iter().enumerate() {
        assert!(findings::of(pattern).is_empty(), "too soon: pair {count}");
        take(lock(pair[0]), lock(pair[1]));
    }
    let report = findings::only(pattern);
    for pair in &pairs {
        take(lock(pair[0]), lock(pair[1]));
    }
    assert!(findings::of(pattern).is_empty(), "reported twice");
    report
}

#[track_caller]
fn assert_cycle(report: &Report, pattern: &str, orders: &[&str]) {
    assert_eq!(report.kind(), FindingKind::Order);
    let expected: Vec<_> = orders
        .iter()
        .map(|order| {
            let (held, wanted) = order.split_at(1);
            format!("{pattern}.{held} -> {pattern}.{wanted}")
        })
        .collect();
    assert_eq!(findings::orders(report), expected);
    for step in report.steps() {
        assert_eq!(Some(step.thread.as_str()), thread::current().name());
        assert_eq!(step.holds.access, Access::Exclusive);
        assert_eq!(step.wants.access, Access::Exclusive);
    }
}

fn place(line: u32) -> impl Fn(&Place) -> bool {
    move |place| place.file == file!() && place.line == line
}

#[test]
fn aa_panics_with_both_places() {
    let [a] = mutexes("aa", ["a"]);
    let (guard, first) = (a.lock(), line!());
    let (second, result) = (line!(), catch_unwind(AssertUnwindSafe(|| drop(a.lock()))));
    let message = result.expect_err("it cannot be taken");
    let report = findings::only("aa");
    assert_eq!(message.downcast_ref(), Some(&report.to_string()));
    assert_eq!(report.kind(), FindingKind::Recursive);
    let [step] = report.steps() else {
        panic!("{report}")
    };
    assert!(
        step.holds.place.as_ref().is_some_and(place(first)),
        "{report}"
    );
    assert!(
        step.wants.place.as_ref().is_some_and(place(second)),
        "{report}"
    );
    assert!(a.try_lock().is_none(), "the first guard still holds it");
    drop(guard);
    assert!(a.try_lock().is_some());
}

#[test]
fn aa_is_an_error_where_errors_are_returned() {
    let [a] = mutexes("aa-checked", ["a"]);
    let guard = a.lock();
    for _ in 0..2 {
        let errors = [
            a.lock_checked().err(),
            a.lock_timeout(Duration::from_secs(60)).err(),
        ];
        for error in errors {
            let Some(LockError::Deadlock(report)) = error else {
                panic!("{error:?}")
            };
            assert_eq!(report.kind(), FindingKind::Recursive);
            assert_eq!(findings::orders(&report), ["aa-checked.a -> aa-checked.a"]);
        }
    }
    assert!(
        findings::of("aa-checked").is_empty(),
        "what is returned is not acted on"
    );
    drop(guard);
    assert!(a.lock_checked().is_ok());
}

#[test]
fn abba_is_reported_with_threads_and_places() {
    findings::collect();
    let made = line!() + 1;
    let [a, b] = ["abba.a", "abba.b"].map(|name| Mutex::named(name, ()));
    let in_order = line!();
    let outer = a.lock();
    let inner = b.lock();
    drop((outer, inner));
    let reversed = line!();
    let outer = b.lock();
    let inner = a.lock();
    drop((outer, inner));

    let report = findings::only("abba.");
    assert_cycle(&report, "abba", &["ba", "ab"]);
    let lines = [reversed, in_order];
    for (step, line) in report.steps().iter().zip(lines) {
        assert!(
            step.holds.place.as_ref().is_some_and(place(line + 1)),
            "{report}"
        );
        assert!(
            step.wants.place.as_ref().is_some_and(place(line + 2)),
            "{report}"
        );
        assert!(
            step.holds.made_at.as_ref().is_some_and(place(made)),
            "{report}"
        );
        assert_eq!((step.holds.rank, &step.backtrace), (None, &None));
    }
    let text = report.to_string();
    for part in [
        "`abba.a`",
        "`abba.b`",
        &format!("{}:{}:", file!(), reversed + 2),
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(report.to_dot().contains("\"abba.b\" -> \"abba.a\""));
}

#[test]
fn abba_by_two_threads_names_both() {
    let [a, b] = mutexes("two", ["a", "b"]);
    let run = |name: &str, outer: &Mutex<()>, inner: &Mutex<()>| {
        thread::scope(|scope| {
            let named = thread::Builder::new().name(name.to_owned());
            named
                .spawn_scoped(scope, || take(outer, inner))
                .unwrap()
                .join()
                .unwrap();
        });
    };
    run("first", &a, &b);
    run("second", &b, &a);
    let report = findings::only("two.");
    let threads: Vec<_> = report
        .steps()
        .iter()
        .map(|step| step.thread.as_str())
        .collect();
    assert_eq!(threads, ["second", "first"]);
}

#[test]
fn longer_cycles_are_found_in_whatever_order_they_grow() {
    assert_cycle(&found_in("ABBCCA"), "ABBCCA", &["ca", "ab", "bc"]);
    assert_cycle(&found_in("ABCABC"), "ABCABC", &["bc", "ca", "ab"]);
    assert_cycle(&found_in("ABBCCDDA"), "ABBCCDDA", &["da", "ab", "bc", "cd"]);
    assert_cycle(&found_in("ABCDBCDA"), "ABCDBCDA", &["da", "ab", "bc", "cd"]);
    assert_cycle(&found_in("ABCDBDDA"), "ABCDBDDA", &["da", "ab", "bd"]);
}

/// Thread `n` takes lock `n + 1` under lock `n`, the last one the first; each ends before the next begins.
fn ring_of(prefix: &str, size: usize) -> Report {
    findings::collect();
    let name = |number| format!("{prefix}.{number}");
    let locks: Vec<_> = (0..size)
        .map(|number| Mutex::named(&name(number), ()))
        .collect();
    for number in 0..size {
        assert!(findings::of(prefix).is_empty(), "the ring is still open");
        thread::scope(|scope| {
            let named = thread::Builder::new().name(name(number));
            let body = || take(&locks[number], &locks[(number + 1) % size]);
            named.spawn_scoped(scope, body).unwrap().join().unwrap();
        });
    }
    findings::only(prefix)
}

#[test]
fn cycles_of_three_and_of_ten_threads_are_found() {
    for size in [3, 10] {
        let prefix = format!("ring-{size}");
        let report = ring_of(&prefix, size);
        assert_eq!(report.kind(), FindingKind::Order);
        assert_eq!(report.steps().len(), size);
        for (step, offset) in report.steps().iter().zip(size - 1..) {
            let number = offset % size;
            assert_eq!(step.thread, format!("{prefix}.{number}"));
            assert_eq!(step.holds.name, step.thread);
            assert_eq!(step.wants.name, format!("{prefix}.{}", (number + 1) % size));
        }
    }
}

#[test]
fn an_attempt_has_no_order_but_what_is_taken_under_it_has() {
    let [a, b, c] = mutexes("try", ["a", "b", "c"]);
    take(&a, &b);
    {
        let _b = b.lock();
        let _a = a.try_lock().unwrap();
        assert!(findings::of("try.").is_empty(), "an attempt does not wait");
        let _c = c.lock();
    }
    // Now c has been taken under a, which was not waited for, and under b.
    take(&c, &a);
    let report = findings::only("try.");
    assert_cycle(&report, "try", &["ca", "ac"]);
    take(&c, &b);
    assert_cycle(&findings::only("try."), "try", &["cb", "bc"]);
}

#[test]
fn a_timed_wait_has_no_order_but_what_is_taken_under_it_has() {
    let [a, b, c] = mutexes("timed", ["a", "b", "c"]);
    let long = Duration::from_secs(60);
    take(&a, &b);
    {
        let _b = b.lock();
        let _a = a.lock_timeout(long).unwrap();
        assert!(findings::of("timed.").is_empty());
        let _c = c.lock();
    }
    {
        let _b = b.lock();
        let _a = a.try_lock_for(long).unwrap();
    }
    assert!(findings::of("timed.").is_empty());
    take(&c, &a);
    assert_cycle(&findings::only("timed."), "timed", &["ca", "ac"]);
}

#[test]
fn lock_checked_has_an_order_and_goes_on() {
    let [a, b] = mutexes("checked", ["a", "b"]);
    take(&a, &b);
    let _b = b.lock_checked().unwrap();
    let _a = a.lock_checked().expect("nothing hangs");
    assert_cycle(&findings::only("checked."), "checked", &["ba", "ab"]);
}

#[test]
fn a_condition_retakes_its_mutex_under_what_is_still_held() {
    let [a, b] = mutexes("condvar", ["a", "b"]);
    let condition = Condvar::new();
    let mut a_held = a.lock();
    let _b = b.lock();
    let waits = line!() + 1;
    let waited = condition.wait_for(&mut a_held, Duration::from_nanos(1));
    assert!(waited.timed_out());
    let report = findings::only("condvar.");
    assert_cycle(&report, "condvar", &["ba", "ab"]);
    let wanted = report.steps()[0].wants.place.as_ref();
    assert!(wanted.is_some_and(place(waits)), "{report}");
}

#[test]
fn a_condition_under_the_right_order_is_not_reported() {
    let [a, b] = mutexes("condvar-right", ["a", "b"]);
    let condition = Condvar::new();
    for _ in 0..2 {
        let _a = a.lock();
        let mut b = b.lock();
        assert!(
            condition
                .wait_for(&mut b, Duration::from_nanos(1))
                .timed_out()
        );
        condition.notify_all();
    }
    take(&a, &b);
    assert!(findings::of("condvar-right.").is_empty());
    take(&b, &a);
    assert_cycle(
        &findings::only("condvar-right."),
        "condvar-right",
        &["ba", "ab"],
    );
}

#[test]
fn what_is_held_is_right_again_after_a_condition() {
    let [a, b, c] = mutexes("condvar-after", ["a", "b", "c"]);
    let condition = Condvar::new();
    {
        let mut a = a.lock();
        assert!(
            condition
                .wait_for(&mut a, Duration::from_nanos(1))
                .timed_out()
        );
        let _b = b.lock();
    }
    {
        let mut guard = c.lock();
        assert!(
            condition
                .wait_for(&mut guard, Duration::from_nanos(1))
                .timed_out()
        );
    }
    // Under nothing: c was released.
    take(&b, &a);
    assert_cycle(
        &findings::only("condvar-after."),
        "condvar-after",
        &["ba", "ab"],
    );
}

#[test]
fn each_cycle_that_one_call_closes_is_reported() {
    let [a, b, c] = mutexes("twice", ["a", "b", "c"]);
    take(&c, &a);
    take(&c, &b);
    {
        let _a = a.lock();
        let _b = b.try_lock().unwrap();
        let _c = c.lock();
    }
    let mut found: Vec<_> = findings::of("twice.")
        .iter()
        .map(findings::orders)
        .collect();
    found.sort();
    let expected = [
        ["twice.a -> twice.c", "twice.c -> twice.a"],
        ["twice.b -> twice.c", "twice.c -> twice.b"],
    ];
    assert_eq!(found, expected);
}

#[test]
fn orders_in_unwinding_and_in_closures_count() {
    let [a, b] = mutexes("with", ["a", "b"]);
    a.with(|()| b.with(|()| ()));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _b = b.lock();
        a.with(|()| panic!("the body's own"));
    }));
    assert!(unwound.is_err());
    assert_cycle(&findings::only("with."), "with", &["ba", "ab"]);
    take(&b, &a);
    assert!(findings::of("with.").is_empty());
}
