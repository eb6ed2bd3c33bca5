//! Contradicting orders under one common lock cannot deadlock: they are shown as guarded, until somebody goes
//! without that lock.

mod findings;

use brigade::lock::{self, Mutex, MutexGuard, RwLock};

/// A mutex of each name.
fn mutexes<const N: usize>(prefix: &str, names: [&str; N]) -> [Mutex<()>; N] {
    findings::collect();
    names.map(|name| Mutex::named(&format!("{prefix}.{name}"), ()))
}

/// Takes all, in order, and releases them.
fn take(locks: &[&Mutex<()>]) {
    let _guards: Vec<MutexGuard<'_, ()>> = locks.iter().map(|lock| lock.lock()).collect();
}

/// The cycles between these locks that the overall report shows as guarded.
fn guarded(prefix: &str) -> Vec<Vec<String>> {
    let mut cycles = lock::report().guarded;
    cycles.retain(|cycle| cycle.iter().all(|name| name.starts_with(prefix)));
    cycles.iter_mut().for_each(|cycle| cycle.sort());
    cycles
}

#[test]
fn a_common_outer_lock_guards_a_cycle() {
    let [gate, a, b] = mutexes("gate", ["gate", "a", "b"]);
    take(&[&gate, &a, &b]);
    take(&[&gate, &b, &a]);
    assert!(findings::of("gate.").is_empty());
    assert_eq!(guarded("gate."), [["gate.a", "gate.b"]]);
    let text = lock::report().to_string();
    assert!(
        text.contains("guarded by a lock around it: gate."),
        "{text}"
    );
}

#[test]
fn a_gate_that_one_goes_without_guards_no_more() {
    let [gate, a, b] = mutexes("shrinks", ["gate", "a", "b"]);
    take(&[&gate, &a, &b]);
    take(&[&gate, &b, &a]);
    assert!(findings::of("shrinks.").is_empty());
    take(&[&a, &b]);
    let report = findings::only("shrinks.");
    assert_eq!(
        findings::orders(&report),
        ["shrinks.a -> shrinks.b", "shrinks.b -> shrinks.a"]
    );
    assert!(guarded("shrinks.").is_empty());
}

#[test]
fn a_gate_released_before_the_inner_lock_is_taken_guards_nothing() {
    let [gate, a, b] = mutexes("released", ["gate", "a", "b"]);
    take(&[&gate, &a, &b]);
    take(&[&gate, &b, &a]);
    let gate = gate.lock();
    let a = a.lock();
    drop(gate);
    let b = b.lock();
    drop((a, b));
    assert_eq!(findings::only("released.").steps().len(), 2);
}

#[test]
fn two_gates_are_none() {
    let [one, other, a, b] = mutexes("differ", ["one", "other", "a", "b"]);
    take(&[&one, &a, &b]);
    take(&[&other, &b, &a]);
    assert_eq!(findings::only("differ.").steps().len(), 2);
}

#[test]
fn two_gates_of_one_class_are_none() {
    let [a, b] = mutexes("class", ["a", "b"]);
    let [one, other] = ["class.gate"; 2].map(|name| Mutex::named(name, ()));
    // In this order the same thread has seen the class of the gate, but not this gate.
    take(&[&one, &a, &b]);
    take(&[&one, &b, &a]);
    assert!(findings::of("class.").is_empty());
    take(&[&other, &a, &b]);
    assert_eq!(findings::only("class.").steps().len(), 2);
}

#[test]
fn a_gate_below_the_first_lock_guards_too() {
    let [gate, a, b] = mutexes("inner", ["gate", "a", "b"]);
    take(&[&a, &gate, &b]);
    // b under a is seen only by way of the gate.
    take(&[&gate, &b, &a]);
    // Two threads can deadlock here: one holds a, the other the gate.
    let orders = findings::orders(&findings::only("inner."));
    assert!(
        orders.contains(&"inner.a -> inner.gate".to_owned()),
        "{orders:?}"
    );
}

#[test]
fn a_gate_that_is_held_for_writing_or_upgradably_guards_and_one_for_reading_does_not() {
    findings::collect();
    for (kind, guards) in [("write", true), ("upgradable", true), ("read", false)] {
        let prefix = format!("mode-{kind}");
        let [a, b] = mutexes(&prefix, ["a", "b"]);
        let gate = RwLock::named(&format!("{prefix}.gate"), ());
        for order in [[&a, &b], [&b, &a]] {
            match kind {
                "write" => drop((gate.write(), take(&order)).0),
                "upgradable" => drop((gate.upgradable_read(), take(&order)).0),
                _ => drop((gate.read(), take(&order)).0),
            }
        }
        assert_eq!(findings::of(&prefix).is_empty(), guards, "{kind}");
        assert_eq!(guarded(&prefix).len(), usize::from(guards), "{kind}");
    }
}
