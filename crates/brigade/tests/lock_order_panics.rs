//! With the action `Panic`, what is predicted panics where the wrong order is taken, before anything is held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use brigade::Pool;
use brigade::lock::{self, Action, ActionAlreadySet, Condvar, Mutex, Rank, RwLock, lock_all};
use brigade::pool::TaskError;

fn panic_on_findings() {
    let _ = lock::on_finding(Action::Panic);
    assert_eq!(lock::on_finding(Action::Log), Err(ActionAlreadySet));
}

/// The message of the panic, and that there is one.
#[track_caller]
fn message_of(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it panics");
    *panic.downcast().expect("the message is a text")
}

#[test]
fn a_contradiction_panics_once_and_holds_nothing() {
    panic_on_findings();
    let (a, b) = (Mutex::named("once.a", ()), Mutex::named("once.b", ()));
    drop((a.lock(), b.lock()));
    let reversed = || {
        let _b = b.lock();
        let _a = a.lock();
    };
    let message = message_of(reversed);
    assert!(
        message.starts_with("possible deadlock: locks are taken in orders"),
        "{message}"
    );
    assert!(message.contains("`once.a`") && message.contains("`once.b`"));
    assert!(a.try_lock().is_some() && b.try_lock().is_some());
    reversed();
}

#[test]
fn a_wrong_rank_and_a_nested_class_panic_each_time() {
    panic_on_findings();
    let (low, high) = (
        Mutex::ranked(Rank(1), "each.low", ()),
        Mutex::ranked(Rank(2), "each.high", ()),
    );
    let (one, other) = (
        RwLock::named("each.same", ()),
        RwLock::named("each.same", ()),
    );
    for _ in 0..3 {
        let message = message_of(|| drop((high.lock(), low.lock())));
        assert!(message.contains("`each.low` of rank 1"), "{message}");
        let message = message_of(|| drop((one.write(), other.read())));
        assert!(message.contains("two locks of one class"), "{message}");
        assert!(low.try_lock().is_some() && high.try_lock().is_some());
        assert!(one.try_write().is_some() && other.try_write().is_some());
    }
}

#[test]
fn lock_all_panics_on_a_contradiction_and_holds_nothing() {
    panic_on_findings();
    let [a, b, c] = ["all.a", "all.b", "all.c"].map(|name| Mutex::named(name, ()));
    drop((a.lock(), c.lock()));
    let message = message_of(|| {
        let _c = c.lock();
        drop(lock_all((&b, &a)));
    });
    assert!(message.contains("`all.a`"), "{message}");
    assert!([&a, &b, &c].iter().all(|lock| lock.try_lock().is_some()));
}

#[test]
fn a_wait_on_a_condition_that_panics_leaves_its_mutex_locked_by_its_guard() {
    panic_on_findings();
    let (a, b, condition) = (
        Mutex::named("wait.a", 1),
        Mutex::named("wait.b", ()),
        Condvar::new(),
    );
    let mut a_held = a.lock();
    let b_held = b.lock();
    let message = message_of(|| {
        condition.wait_for(&mut a_held, Duration::from_nanos(1));
    });
    assert!(message.contains("`wait.a`"), "{message}");
    *a_held += 1;
    assert!(a.try_lock().is_none());
    drop(b_held);
    // It is noted as held, too: it cannot be taken again.
    assert!(a.lock_checked().is_err());
    drop(a_held);
    assert_eq!(*a.lock_checked().unwrap(), 2);
}

#[test]
fn an_upgrade_that_panics_has_released_its_lock() {
    use brigade::lock::RwLockUpgradableReadGuard as Guard;
    panic_on_findings();
    let (a, b) = (RwLock::named("up.a", ()), RwLock::named("up.b", ()));
    drop((a.upgradable_read(), b.write()));
    let message = message_of(|| {
        let a_held = a.upgradable_read();
        let _b = b.write();
        drop(Guard::upgrade(a_held));
    });
    assert!(message.contains("`up.a`"), "{message}");
    assert!(a.try_write().is_some() && b.try_write().is_some());
    assert!(a.write_checked().is_ok() && b.write_checked().is_ok());
}

#[test]
fn nothing_panics_while_a_thread_panics_already() {
    struct LocksWhenDropped<'a>(&'a Mutex<()>, &'a Mutex<()>);
    impl Drop for LocksWhenDropped<'_> {
        fn drop(&mut self) {
            drop((self.0.lock(), self.1.lock()));
        }
    }
    panic_on_findings();
    let (a, b) = (Mutex::named("drop.a", ()), Mutex::named("drop.b", ()));
    drop((a.lock(), b.lock()));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _reversed = LocksWhenDropped(&b, &a);
        panic!("the first one");
    }));
    // A second panic would have ended the process.
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the first one"));
    assert!(a.try_lock().is_some() && b.try_lock().is_some());
}

#[test]
fn the_panic_is_at_the_line_that_wanted_the_lock() {
    panic_on_findings();
    let (low, high) = (
        Mutex::ranked(Rank(1), "line.low", ()),
        Mutex::ranked(Rank(2), "line.high", ()),
    );
    let (low, high) = (&low, &high);
    let pool = Pool::builder("lines").workers(1).build().unwrap();
    let place = pool.scope(|scope| {
        let task = scope.submit(move || drop((high.lock(), low.lock())));
        match task.join() {
            Err(TaskError::Panicked(panic)) => panic.location().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        }
    });
    assert!(place.contains("tests/lock_order_panics.rs:"), "{place}");
}
