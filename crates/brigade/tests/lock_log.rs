//! With the action `Log`, what is predicted is logged and the program goes on; what cannot go on panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brigade::lock::{self, Action, Mutex, Rank, RwLock};

#[test]
fn what_can_go_on_goes_on_and_what_cannot_panics() {
    lock::on_finding(Action::Log).unwrap();
    let (a, b) = (Mutex::named("a", 0), Mutex::named("b", 0));
    drop((a.lock(), b.lock()));
    drop((b.lock(), a.lock()));
    let (low, high) = (
        Mutex::ranked(Rank(1), "low", ()),
        Mutex::ranked(Rank(2), "high", ()),
    );
    drop((high.lock(), low.lock()));
    let (one, other) = (Mutex::named("same", ()), Mutex::named("same", ()));
    drop((one.lock(), other.lock()));
    let lock = RwLock::named("read", ());
    drop((lock.read(), lock.read()));

    let held = a.lock();
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(a.lock())));
    let message: String = *panicked.unwrap_err().downcast().unwrap();
    assert!(
        message.starts_with("deadlock: a thread wants a lock that it holds already"),
        "{message}"
    );
    drop(held);
    // Each was noted as it was, so all are free.
    for lock in [&a, &b] {
        *lock.lock_checked().unwrap() += 1;
    }
    let orders = lock::report();
    for (held, wanted) in [("a", "b"), ("b", "a")] {
        assert!(
            orders
                .edges
                .iter()
                .any(|edge| edge.held == held && edge.wanted == wanted)
        );
    }
}
