//! Threads that want the same keys.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use brigade::OnceMap;
use brigade::cache::ComputeError;

use super::together::on_threads;
use super::until::until;
use super::{Held, LONG};

#[test]
fn thirty_two_racing_threads_compute_once() {
    for _ in 0..50 {
        let map = OnceMap::new();
        let (computed, start) = (AtomicUsize::new(0), Barrier::new(32));
        on_threads(32, |_| {
            start.wait();
            let compute = || {
                thread::yield_now();
                computed.fetch_add(1, SeqCst) + 41
            };
            assert_eq!(map.get_or_compute("key", compute).unwrap(), 41);
        });
        assert_eq!(computed.into_inner(), 1);
    }
}

#[test]
fn keys_are_computed_at_the_same_time() {
    let (map, both) = (OnceMap::new(), Barrier::new(2));
    on_threads(2, |key| {
        // Each ends only when the other has begun.
        map.get_or_compute(key, || both.wait().is_leader()).unwrap();
    });
    assert_eq!(map.values().into_iter().filter(|leads| *leads).count(), 1);
}

/// Starts threads that want key 1, and returns when they wait for it.
fn waiters<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    map: &'scope Arc<OnceMap<u32, u32>>,
    computed: &'scope AtomicUsize,
) -> Vec<thread::ScopedJoinHandle<'scope, u32>> {
    let started = Arc::new(AtomicUsize::new(0));
    let threads = (0..8).map(|_| {
        let started = Arc::clone(&started);
        scope.spawn(move || {
            started.fetch_add(1, SeqCst);
            let compute = || u32::try_from(computed.fetch_add(1, SeqCst)).unwrap() + 7;
            map.get_or_compute(1, compute).unwrap()
        })
    });
    let threads: Vec<_> = threads.collect();
    until(|| started.load(SeqCst) == 8);
    threads
}

#[test]
fn after_a_panic_one_of_those_who_wait_computes() {
    let (map, computed) = (Arc::new(OnceMap::new()), AtomicUsize::new(0));
    let held = Held::begin(&map, 1);
    thread::scope(|scope| {
        let threads = waiters(scope, &map, &computed);
        held.panic();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 7);
        }
    });
    assert_eq!(computed.into_inner(), 1);
}

#[test]
fn after_an_error_one_of_those_who_wait_computes() {
    let (map, computed) = (Arc::new(OnceMap::new()), AtomicUsize::new(0));
    let held = Held::begin(&map, 1);
    thread::scope(|scope| {
        let threads = waiters(scope, &map, &computed);
        assert!(held.end(Err("no paper")).unwrap_err().contains("no paper"));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 7);
        }
    });
    assert_eq!(computed.into_inner(), 1);
}

#[test]
fn who_waits_gets_the_value_of_who_computes() {
    let (map, computed) = (Arc::new(OnceMap::new()), AtomicUsize::new(0));
    let held = Held::begin(&map, 1);
    thread::scope(|scope| {
        let threads = waiters(scope, &map, &computed);
        assert_eq!(held.end(Ok(99)).unwrap(), 99);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 99);
        }
    });
    assert_eq!(computed.into_inner(), 0);
}

#[test]
fn a_timed_call_gives_up_and_the_computation_goes_on() {
    let map = Arc::new(OnceMap::named("slow"));
    let held = Held::begin(&map, 1);
    let limit = Duration::from_millis(5);
    let error = map.get_or_compute_timeout(1, limit, || 0).unwrap_err();
    assert!(matches!(error, ComputeError::TimedOut { limit: its, .. } if its == limit));
    assert!(error.to_string().contains("`slow`"), "{error}");
    assert_eq!(
        map.get_or_compute_timeout(2, Duration::ZERO, || 2).unwrap(),
        2
    );
    assert_eq!(held.end(Ok(5)).unwrap(), 5);
    assert_eq!(
        map.get_or_compute_timeout(1, Duration::ZERO, || 0).unwrap(),
        5
    );
}

#[test]
fn a_timed_call_gets_what_is_ready_in_time() {
    let map = Arc::new(OnceMap::new());
    let held = Held::begin(&map, 1);
    thread::scope(|scope| {
        let waits = scope.spawn(|| map.get_or_compute_timeout(1, LONG, || 0).unwrap());
        let forever = scope.spawn(|| {
            map.try_get_or_compute_timeout(1, Duration::MAX, || Err(0))
                .unwrap()
        });
        held.end(Ok(6)).unwrap();
        assert_eq!((waits.join().unwrap(), forever.join().unwrap()), (6, 6));
    });
}

#[test]
fn what_is_forgotten_in_the_midst_serves_those_who_wait_and_no_one_later() {
    let map = Arc::new(OnceMap::new());
    let held = Held::begin(&map, 1);
    let waits = Arc::clone(&map);
    let early = thread::spawn(move || waits.get_or_compute(1, || 100).unwrap());
    // It may come too late to wait: then it computes by itself, and is what is kept.
    assert!(map.forget(&1));
    let value = map.get_or_compute(1, || 200).unwrap();
    held.end(Ok(1)).unwrap();
    let early = early.join().unwrap();
    assert!(
        matches!((early, value), (1 | 200, 200) | (100, 100)),
        "{early} {value}"
    );
    assert_eq!(
        map.get(&1),
        Some(value),
        "the old computation did not come over it"
    );
}

#[test]
fn what_is_removed_comes_back_and_is_computed_anew() {
    let map = OnceMap::named("names");
    map.get_or_compute("a".to_owned(), || 1).unwrap();
    assert_eq!(map.get("a"), Some(1));
    assert_eq!(map.remove("a"), Some(1));
    assert_eq!(
        (map.remove("a"), map.get("a"), map.forget("a")),
        (None, None, false)
    );
    assert_eq!(map.get_or_compute("a".to_owned(), || 2).unwrap(), 2);
    map.clear();
    assert!(map.is_empty());
    assert_eq!(map.get_or_compute("a".to_owned(), || 3).unwrap(), 3);
}

#[test]
fn a_bounded_map_forgets_the_oldest_and_never_exceeds_its_bound() {
    let map = OnceMap::bounded(100);
    for key in 0..1_000 {
        map.get_or_compute(key, || key).unwrap();
        assert!(map.len() <= 100);
    }
    assert_eq!(
        (map.len(), map.get(&899), map.get(&900)),
        (100, None, Some(900))
    );
    assert!(map.forget(&950));
    map.get_or_compute(1_000, || 1_000).unwrap();
    assert_eq!(
        (map.len(), map.get(&900)),
        (100, Some(900)),
        "there was room"
    );
    map.clear();
    map.get_or_compute(1, || 1).unwrap();
    assert_eq!(map.len(), 1);
}

#[test]
fn a_value_that_is_not_kept_takes_no_room_from_others() {
    let map = Arc::new(OnceMap::bounded(1));
    let held = Held::begin(&map, 1);
    assert!(map.forget(&1));
    assert_eq!(map.get_or_compute(2, || 20), Ok(20));
    assert_eq!(held.end(Ok(10)), Ok(10));
    assert_eq!((map.get(&1), map.get(&2)), (None, Some(20)));
}

#[test]
fn a_bound_holds_for_threads_that_compute_and_forget() {
    let map = OnceMap::bounded(10);
    on_threads(4, |thread| {
        for round in 0..2_000 {
            let key = (round * 7 + thread) % 40;
            assert_eq!(map.get_or_compute(key, || key * 2).unwrap(), key * 2);
            if round % 5 == 0 {
                map.forget(&(key / 2));
            }
            assert!(map.values().len() <= 10);
        }
    });
    for key in 100..110 {
        map.get_or_compute(key, || key).unwrap();
    }
    let mut values = map.values();
    values.sort_unstable();
    assert_eq!(values, (100..110).collect::<Vec<_>>(), "no place is lost");
}

#[test]
#[should_panic(expected = "a capacity of 0 keeps nothing")]
fn a_bound_of_zero_is_refused() {
    OnceMap::<u32, u32>::bounded(0);
}

thread_local! {
    static USES_MAP: Cell<bool> = const { Cell::new(false) };
}

/// A value whose clone and destructor use the map that it is in.
struct Selfish(Arc<OnceMap<u32, Option<Selfish>>>);

impl Clone for Selfish {
    fn clone(&self) -> Self {
        assert!(self.0.get(&2).is_none());
        USES_MAP.set(true);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Selfish {
    fn drop(&mut self) {
        self.0.forget(&3);
    }
}

#[test]
fn values_may_use_the_map_when_they_are_cloned_and_dropped() {
    let map = Arc::new(OnceMap::new());
    for key in [1, 5] {
        let value = || Some(Selfish(Arc::clone(&map)));
        drop(map.get_or_compute(key, value).unwrap());
    }
    assert!(map.get(&1).is_some() && USES_MAP.get());
    drop(map.remove(&1));
    map.clear();
    assert!(map.is_empty());
}

/// A key whose `Eq` panics when it is told to.
struct Bomb(Cell<bool>);

impl PartialEq for Bomb {
    fn eq(&self, _: &Self) -> bool {
        assert!(!self.0.get(), "no comparison");
        true
    }
}

impl Eq for Bomb {}

impl Hash for Bomb {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

#[test]
fn a_panic_in_a_keys_eq_leaves_the_map_usable() {
    let map = OnceMap::new();
    map.get_or_compute(Bomb(Cell::new(false)), || 1).unwrap();
    let lit = || map.get_or_compute(Bomb(Cell::new(true)), || 2);
    assert!(catch_unwind(AssertUnwindSafe(lit)).is_err());
    assert_eq!(map.get_or_compute(Bomb(Cell::new(false)), || 3).unwrap(), 1);
}

#[test]
fn panics_and_errors_here_and_there_lose_no_key() {
    let map = OnceMap::new();
    let computed: Vec<_> = (0..50).map(|_| AtomicUsize::new(0)).collect();
    on_threads(8, |seed| {
        for round in 0..500 {
            let key = (round * 13 + seed * 7) % 50;
            let compute = || match (round + seed) % 3 {
                0 => std::panic::resume_unwind(Box::new(())),
                1 => Err(()),
                _ => Ok(computed[key].fetch_add(1, SeqCst)),
            };
            let got = catch_unwind(AssertUnwindSafe(|| map.try_get_or_compute(key, compute)));
            if let Ok(Ok(value)) = got {
                assert_eq!(value, 0);
            }
        }
    });
    for (key, computed) in computed.iter().enumerate() {
        assert_eq!(map.get_or_compute(key, || 0).unwrap(), 0);
        assert!(computed.load(SeqCst) <= 1, "key {key} was computed again");
    }
}
