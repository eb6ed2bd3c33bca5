//! Loads: one at a time for a key, and nobody waits in vain.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use brigade::cache::ComputeError;

use super::together::on_threads;
use super::users;

#[test]
fn sixteen_racing_threads_load_once() {
    for _ in 0..50 {
        let (users, loads, start) = (users(), AtomicUsize::new(0), Barrier::new(16));
        on_threads(16, |_| {
            start.wait();
            let load = |key: &u32| {
                loads.fetch_add(1, SeqCst);
                thread::yield_now();
                Ok(key + 1)
            };
            assert_eq!(users.get_or_load(1, load), Ok(2));
        });
        assert_eq!(loads.into_inner(), 1);
        let metrics = users.metrics();
        assert_eq!((metrics.hits + metrics.misses, metrics.loads), (16, 1));
    }
}

#[test]
fn errors_and_panics_are_their_callers_and_are_not_kept() {
    let users = users();
    assert_eq!(
        users.get_or_load(1, |_| Err("gone")),
        Err(ComputeError::Failed("gone"))
    );
    let panics = || users.get_or_load(1, |_| std::panic::resume_unwind(Box::new(())));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert!(users.is_empty());
    assert_eq!(users.get_or_load(1, |_| Ok(3)), Ok(3));
    let metrics = users.metrics();
    assert_eq!(
        (metrics.loads, metrics.load_failures, metrics.misses),
        (3, 2, 3)
    );
}

#[test]
fn who_waits_for_a_load_that_fails_loads_itself() {
    let users = users();
    let (inside, entered) = channel();
    let (fail, told) = channel();
    thread::scope(|scope| {
        let users = &users;
        let first = scope.spawn(move || {
            users.get_or_load(1, |_| {
                inside.send(()).unwrap();
                told.recv().unwrap()
            })
        });
        entered.recv().unwrap();
        let gave_up = users.get_or_load_timeout(1, Duration::ZERO, |_| Ok(0));
        assert!(matches!(gave_up, Err(ComputeError::TimedOut { .. })));
        let second = scope.spawn(|| users.get_or_load(1, |_| Ok(8)));
        fail.send(Err("no paper")).unwrap();
        assert_eq!(first.join().unwrap(), Err(ComputeError::Failed("no paper")));
        assert_eq!(second.join().unwrap(), Ok(8));
    });
    assert_eq!(users.get(&1), Some(8));
}

#[test]
fn a_load_that_wants_its_own_key_gets_an_error() {
    let users = users();
    let got = users.get_or_load(1, |key| {
        let again = users.get_or_load(*key, |_| Ok(0));
        assert!(matches!(again, Err(ComputeError::Deadlock(_))));
        let in_batch = users.get_many([*key, 7], |missing| {
            assert_eq!(missing, [7]);
            Ok(vec![(7, 70)])
        });
        assert!(matches!(in_batch, Err(ComputeError::Deadlock(_))));
        Ok(5)
    });
    assert_eq!((got, users.get(&7)), (Ok(5), Some(70)));
}

#[test]
fn what_is_invalidated_while_it_loads_is_not_kept() {
    let users = users();
    let old = users.get_or_load(1, |_| {
        users.invalidate(&1);
        assert_eq!(users.get_or_load(1, |_| Ok(2)), Ok(2), "loaded anew");
        Ok(1)
    });
    assert_eq!((old, users.get(&1)), (Ok(1), Some(2)));
    let old = users.get_or_load(3, |_| {
        users.clear();
        Ok(3)
    });
    assert_eq!((old, users.get(&3), users.len()), (Ok(3), None, 0));
}

#[test]
fn futures_load_once_and_may_be_dropped() {
    let users = users();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut dropped = pin!(users.get_or_load_async(1, std::future::pending()));
        assert!(dropped.as_mut().poll(&mut context).is_pending());
        let timed = users.get_or_load_timeout(1, Duration::ZERO, |_| Ok(0));
        assert!(matches!(timed, Err(ComputeError::TimedOut { .. })));
    }
    for loaded in [Ok(4), Err("it is there")] {
        let got = pin!(users.get_or_load_async(1, async { loaded })).poll(&mut context);
        assert_eq!(got, Poll::Ready(Ok(4)));
    }
    let metrics = users.metrics();
    assert_eq!(
        (metrics.loads, metrics.load_failures, metrics.hits),
        (2, 1, 1)
    );
}

#[test]
fn metrics_are_readable() {
    let users = users();
    users.get_or_load(1, |_| Ok(1)).unwrap();
    assert_eq!((users.get(&1), users.get(&2)), (Some(1), None));
    let text = users.metrics().to_string();
    for part in [
        "cache `users`",
        "1 hits, 2 misses (33.3 % hits)",
        "loads: 1",
        "entries: 1",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
