//! Guards that are leaked: whoever then wants the lock is told, and nobody else.

mod detecting;
mod watchdog;

use std::mem::{ManuallyDrop, forget};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use brigade::lock::{FindingKind, LockError, Mutex, RwLock, lock_all};
use detecting::{LONG, deadlock, ignore_predictions};
use watchdog::without_hanging;

/// Long enough to begin to wait.
const SHORT: Duration = Duration::from_millis(1);

fn timed_out<G>(result: Result<G, LockError>) {
    match result {
        Ok(_) => panic!("it is held"),
        Err(LockError::TimedOut { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

/// Runs the body on a thread of this name, to its end.
fn on_thread(name: &str, body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.unwrap().join().unwrap();
}

#[test]
fn a_lock_that_its_holder_took_along_is_reported() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Arc::new(Mutex::named("taken-along", 0));
        let inner = Arc::clone(&lock);
        on_thread("gone", move || forget(inner.lock()));
        for error in [
            lock.lock_checked().err(),
            lock.lock_timeout(LONG).err(),
            lock_all((&*lock,)).err(),
        ] {
            let Some(LockError::Deadlock(report)) = error else {
                panic!("{error:?}")
            };
            assert_eq!(report.kind(), FindingKind::Abandoned);
            assert!(report.steps().iter().any(|step| step.thread == "gone"));
            assert!(report.to_string().contains("`taken-along`"), "{report}");
        }
        assert!(lock.try_lock().is_none());
        let panic = thread::spawn(move || drop(lock.lock()))
            .join()
            .expect_err("it cannot be had");
        let message: &String = panic.downcast_ref().unwrap();
        assert!(
            message.starts_with("deadlock: a lock is held by a thread that has ended"),
            "{message}"
        );
    });
}

#[test]
fn a_reader_that_is_gone_is_in_the_way_of_writers_only() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Arc::new(RwLock::named("reader-gone", 0));
        let inner = Arc::clone(&lock);
        on_thread("gone", move || forget(inner.read()));
        let report = deadlock(lock.write_checked()).expect("it cannot be had");
        assert_eq!(report.kind(), FindingKind::Abandoned);
        assert_eq!(*lock.read_checked().unwrap(), 0);
    });
}

#[test]
fn a_leaked_guard_of_a_live_thread_is_a_recursion_for_that_thread() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Mutex::named("leaked", 0);
        forget(lock.lock());
        assert_eq!(
            deadlock(lock.lock_checked()).unwrap().kind(),
            FindingKind::Recursive
        );
    });
}

#[test]
fn a_new_lock_where_a_leaked_one_was_is_free() {
    without_hanging(|| {
        ignore_predictions();
        // Always at the same address.
        let mut place = ManuallyDrop::new(Box::new(Mutex::named("reused.first", 0)));
        let other = Mutex::named("reused.other", ());
        for round in 0..3 {
            let other_held = other.lock();
            forget(place.lock());
            **place = Mutex::named("reused.next", round);
            // Were the old hold remembered, this would be taken for a recursion.
            assert_eq!(*place.lock_checked().unwrap(), round);
            drop(other_held);
            assert!(
                other.try_lock().is_some(),
                "what is held beside it is released all the same"
            );
        }
        drop(ManuallyDrop::into_inner(place));
    });
}

#[test]
fn a_new_lock_where_a_lock_of_a_gone_thread_was_is_free() {
    without_hanging(|| {
        ignore_predictions();
        let mut place = Arc::new(RwLock::named("gone-reused.first", 0));
        let inner = Arc::clone(&place);
        on_thread("gone", move || forget(inner.write()));
        assert!(deadlock(place.read_checked()).is_some());
        *Arc::get_mut(&mut place).unwrap() = RwLock::named("gone-reused.next", 7);
        assert_eq!(*place.write_checked().unwrap(), 7);
        // And somebody who has it now is waited for, not taken for the one who is gone.
        let _held = place.write();
        let inner = Arc::clone(&place);
        on_thread("waits", move || timed_out(inner.read_timeout(SHORT)));
    });
}

#[test]
fn a_lock_beside_one_that_was_taken_along_is_waited_for() {
    without_hanging(|| {
        ignore_predictions();
        let taken_along = Arc::new(Mutex::named("beside.taken-along", 0));
        let inner = Arc::clone(&taken_along);
        on_thread("gone", move || forget(inner.lock()));
        let other = Arc::new(Mutex::named("beside.other", 0));
        let _held = other.lock();
        let inner = Arc::clone(&other);
        on_thread("waits", move || timed_out(inner.lock_timeout(SHORT)));
    });
}

#[test]
fn what_one_thread_leaked_does_not_look_held_by_the_next() {
    without_hanging(|| {
        ignore_predictions();
        let lock = Arc::new(Mutex::named("inherited", 0));
        for _ in 0..10 {
            let inner = Arc::clone(&lock);
            // Threads use the records of those that have ended.
            on_thread("next", move || {
                let report = inner.try_lock().map(forget);
                if report.is_none() {
                    let report = deadlock(inner.lock_checked()).expect("it cannot be had");
                    assert_eq!(report.kind(), FindingKind::Abandoned, "{report}");
                }
            });
        }
    });
}
