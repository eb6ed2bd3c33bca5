//! Futures that want the same keys, among themselves and with threads.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use brigade::OnceMap;
use brigade::cache::ComputeError;

use super::Held;
use super::executor::{Polled, after};
use super::until::until;

type Map = OnceMap<u32, u32>;

#[test]
fn a_future_waits_for_another_one_and_is_woken() {
    let map = Map::new();
    let mut computes = Polled::new(map.get_or_compute_async(1, async {
        after(1).await;
        5
    }));
    assert_eq!(computes.poll(), None);
    let mut waits: Vec<_> = (0..3)
        .map(|_| Polled::new(map.get_or_compute_async(1, async { unreachable!() })))
        .collect();
    assert!(
        waits
            .iter_mut()
            .all(|future| future.poll().is_none() && future.poll().is_none())
    );
    assert_eq!(computes.poll(), Some(Ok(5)));
    for mut future in waits {
        assert_eq!(future.times_woken(), 1);
        assert_eq!(future.poll(), Some(Ok(5)));
    }
}

#[test]
fn a_future_that_computes_may_be_dropped_at_any_point() {
    for polls in 0..4 {
        let map = Map::new();
        let mut computes = Polled::new(map.get_or_compute_async(1, async {
            after(3).await;
            1
        }));
        for _ in 0..polls {
            assert_eq!(computes.poll(), None);
        }
        let mut waits = Polled::new(map.get_or_compute_async(1, async { 2 }));
        if polls > 0 {
            assert_eq!(waits.poll(), None);
        }
        drop(computes);
        assert_eq!(waits.times_woken(), usize::from(polls > 0));
        assert_eq!(waits.poll(), Some(Ok(2)));
    }
}

#[test]
fn a_future_that_waits_may_be_dropped_at_any_point() {
    for polls in 0..3 {
        let map = Map::new();
        let mut computes = Polled::new(map.get_or_compute_async(1, async {
            after(1).await;
            1
        }));
        assert_eq!(computes.poll(), None);
        let mut dropped = Polled::new(map.get_or_compute_async(1, async { 2 }));
        let mut stays = Polled::new(map.get_or_compute_async(1, async { 3 }));
        assert_eq!(stays.poll(), None);
        (0..polls).for_each(|_| assert_eq!(dropped.poll(), None));
        drop(dropped);
        assert_eq!(computes.poll(), Some(Ok(1)));
        assert_eq!((stays.times_woken(), stays.poll()), (1, Some(Ok(1))));
    }
}

#[test]
fn a_panic_in_a_future_lets_the_others_try_again() {
    let map = Map::new();
    let mut panics = Polled::new(map.get_or_compute_async(1, async {
        after(1).await;
        std::panic::resume_unwind(Box::new(()))
    }));
    assert_eq!(panics.poll(), None);
    let mut waits = Polled::new(map.get_or_compute_async(1, async { 2 }));
    assert_eq!(waits.poll(), None);
    assert!(catch_unwind(AssertUnwindSafe(|| panics.poll())).is_err());
    // Its executor drops it some time; the value need not wait for that, but may.
    drop(panics);
    assert_eq!((waits.times_woken(), waits.poll()), (1, Some(Ok(2))));
}

#[test]
fn an_error_of_a_future_is_its_callers_and_the_others_try_again() {
    let map = Map::new();
    let mut fails = Polled::new(map.try_get_or_compute_async(1, async {
        after(1).await;
        Err("no paper")
    }));
    assert!(fails.poll().is_none());
    let mut waits = Polled::new(map.get_or_compute_async(1, async { 2 }));
    assert_eq!(waits.poll(), None);
    assert_eq!(fails.poll(), Some(Err(ComputeError::Failed("no paper"))));
    assert_eq!((waits.times_woken(), waits.poll()), (1, Some(Ok(2))));
}

#[test]
fn a_future_waits_for_a_thread_and_a_thread_for_a_future() {
    let map = Arc::new(Map::new());
    let held = Held::begin(&map, 1);
    let mut waits = Polled::new(map.get_or_compute_async(1, async { 0 }));
    assert_eq!(waits.poll(), None);
    held.end(Ok(4)).unwrap();
    assert_eq!((waits.times_woken(), waits.poll()), (1, Some(Ok(4))));

    let mut computes = Polled::new(map.get_or_compute_async(2, async {
        after(1).await;
        6
    }));
    assert_eq!(computes.poll(), None);
    thread::scope(|scope| {
        let thread = scope.spawn(|| map.get_or_compute(2, || 0).unwrap());
        assert_eq!(computes.poll(), Some(Ok(6)));
        assert_eq!(thread.join().unwrap(), 6);
    });
}

#[test]
fn what_is_forgotten_in_the_midst_serves_those_who_wait() {
    let map = Arc::new(Map::new());
    let held = Held::begin(&map, 1);
    let mut waits = Polled::new(map.get_or_compute_async(1, async { 0 }));
    assert_eq!(waits.poll(), None);
    map.clear();
    assert_eq!(map.get_or_compute(1, || 2), Ok(2), "computed anew");
    held.end(Ok(1)).unwrap();
    assert_eq!((waits.poll(), map.get(&1)), (Some(Ok(1)), Some(2)));
}

#[test]
fn a_future_that_wants_its_own_key_gets_an_error() {
    let map = Map::new();
    let inner = || map.get_or_compute_async(1, async { 0 });
    let mut outer = Polled::new(map.get_or_compute_async(1, async {
        after(1).await;
        u32::from(matches!(inner().await, Err(ComputeError::Deadlock(_))))
    }));
    assert_eq!(outer.poll(), None);
    assert_eq!(outer.poll(), Some(Ok(1)));
}

#[test]
fn of_two_futures_that_want_each_others_key_exactly_one_gets_an_error() {
    let map = Map::named("crosswise");
    let computes = |own: u32, other: u32| {
        let map = &map;
        let compute = async move {
            after(1).await;
            let got = map.get_or_compute_async(other, async { 0 }).await;
            match got {
                Ok(value) => value,
                Err(error @ ComputeError::Deadlock(_)) => {
                    assert!(error.to_string().contains("`crosswise`"));
                    100
                }
                Err(error) => panic!("{error}"),
            }
        };
        Polled::new(map.get_or_compute_async(own, compute))
    };
    let (mut first, mut second) = (computes(1, 2), computes(2, 1));
    assert_eq!((first.poll(), second.poll()), (None, None));
    assert_eq!(first.poll(), None, "it waits for the second");
    assert_eq!(second.poll(), Some(Ok(100)), "the second saw the cycle");
    assert_eq!(first.poll(), Some(Ok(100)));

    // What was waited for is no part of any later cycle.
    map.clear();
    let mut again = computes(2, 1);
    assert_eq!((again.poll(), again.poll()), (None, Some(Ok(0))));
}

#[test]
fn a_future_that_awaits_a_thread_that_waits_for_it_gets_an_error() {
    let map = Map::new();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let computes = async {
        after(1).await;
        let mut got = Polled::new(map.get_or_compute_async(2, async { 0 }));
        // The thread is about to wait for this future: soon the cycle is there.
        let mut seen = None;
        until(|| {
            seen = got.poll();
            seen.is_some() || {
                got = Polled::new(map.get_or_compute_async(2, async { 0 }));
                false
            }
        });
        u32::from(matches!(seen, Some(Err(ComputeError::Deadlock(_)))))
    };
    let mut future = Polled::new(map.get_or_compute_async(1, computes));
    assert_eq!(future.poll(), None);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            map.get_or_compute(2, || {
                begun.send(()).unwrap();
                map.get_or_compute(1, || 0).unwrap() + 10
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(future.poll(), Some(Ok(1)));
        assert_eq!(thread.join().unwrap(), Ok(11));
    });
}

#[test]
fn futures_of_a_map_can_go_to_other_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let map = Map::new();
    let future = is_send(map.get_or_compute_async(1, async { 3 }));
    let waits = is_send(map.try_get_or_compute_async(2, pending::<Result<u32, ()>>()));
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(Polled::new(future).poll(), Some(Ok(3))));
        scope.spawn(|| assert!(Polled::new(waits).poll().is_none()));
    });
    assert_eq!((map.get(&1), map.get(&2)), (Some(3), None));
    assert_eq!(
        map.get_or_compute(2, || 4).unwrap(),
        4,
        "the future that computed is gone"
    );
}
