//! Computations that would wait for themselves.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use brigade::cache::ComputeError;
use brigade::lock::{FindingKind, Mutex};
use brigade::pool::TaskError;
use brigade::{OnceMap, Pool};

use super::LONG;
use super::together::on_threads;

type Map = OnceMap<u32, u32>;

fn is_deadlock(got: &Result<u32, ComputeError>) -> bool {
    matches!(got, Err(ComputeError::Deadlock(_)))
}

#[test]
fn a_computation_that_wants_its_own_key_gets_an_error() {
    let map = Map::named("recursive");
    let value = map.get_or_compute(1, || {
        let error = map.get_or_compute(1, || 0).unwrap_err();
        assert!(
            error.to_string().contains("a key of `recursive`"),
            "{error}"
        );
        let ComputeError::Deadlock(report) = error else {
            panic!("{error}")
        };
        assert_eq!(
            (report.kind(), report.steps().len()),
            (FindingKind::Deadlock, 1)
        );
        let text = report.to_string();
        assert!(text.starts_with("deadlock: a thread waits for what it must do itself"));
        assert!(!text.contains("lock_all"), "no lock is to blame: {text}");
        let timed = map.get_or_compute_timeout(1, LONG, || 0);
        assert!(is_deadlock(&timed));
        5
    });
    assert_eq!(value.unwrap(), 5);
    assert_eq!(map.get(&1), Some(5));
}

#[test]
fn a_recursion_over_a_hundred_keys_gets_an_error_when_it_comes_back() {
    fn descend(map: &Map, key: u32) -> u32 {
        if key == 100 {
            assert!(is_deadlock(&map.get_or_compute(40, || 0)));
            return 1;
        }
        map.get_or_compute(key + 1, || descend(map, key + 1))
            .unwrap()
            + 1
    }
    let map = Map::new();
    assert_eq!(descend(&map, 0), 101);
    assert_eq!(map.len(), 100);
}

#[test]
fn a_computation_may_want_other_keys() {
    fn fibonacci(map: &OnceMap<u32, u64>, n: u32) -> u64 {
        if n < 2 {
            return n.into();
        }
        let lesser = |less| {
            map.get_or_compute(n - less, || fibonacci(map, n - less))
                .unwrap()
        };
        lesser(1) + lesser(2)
    }
    let map = OnceMap::new();
    on_threads(4, |_| {
        assert_eq!(fibonacci(&map, 80), 23_416_728_348_467_685);
    });
}

/// Two threads compute a key each at the end of so many nested computations, and then want the other's.
fn crosswise(depth: u32) -> [Result<u32, ComputeError>; 2] {
    fn nest(map: &Map, key: u32, depth: u32, innermost: &mut dyn FnMut()) {
        if depth == 0 {
            return innermost();
        }
        let compute = || {
            nest(map, key + 2, depth - 1, innermost);
            key
        };
        assert_eq!(map.get_or_compute(key, compute).unwrap(), key);
    }
    let (map, both) = (Map::named("crosswise"), Barrier::new(2));
    thread::scope(|scope| {
        let threads = [0, 1].map(|own| {
            let (map, both) = (&map, &both);
            scope.spawn(move || {
                let mut got = None;
                nest(map, own, depth, &mut || {
                    both.wait();
                    got = Some(map.get_or_compute(1 - own, || 99));
                });
                got.unwrap()
            })
        });
        threads.map(|thread| thread.join().unwrap())
    })
}

#[test]
fn of_two_threads_that_want_each_others_key_exactly_one_gets_an_error() {
    for depth in [1, 2, 40] {
        let got = crosswise(depth);
        let deadlocks = got.iter().filter(|got| is_deadlock(got)).count();
        assert_eq!(deadlocks, 1, "{got:?}");
        let values = got.iter().filter_map(|got| got.as_ref().ok());
        assert!(
            values
                .copied()
                .eq(got.iter().position(is_deadlock).map(|failed| failed as u32))
        );
    }
}

#[test]
fn a_cycle_over_a_key_and_a_lock_is_an_error_on_one_side() {
    let (map, lock, both) = (Map::new(), Mutex::named("account", 0_u32), Barrier::new(2));
    let (lock_failed, key_failed) = thread::scope(|scope| {
        let computes = scope.spawn(|| {
            let mut failed = false;
            let compute = || {
                both.wait();
                failed = lock.lock_checked().is_err();
                1
            };
            map.get_or_compute(1, compute).unwrap();
            failed
        });
        let holds = scope.spawn(|| {
            let _guard = lock.lock();
            both.wait();
            is_deadlock(&map.get_or_compute(1, || 2))
        });
        (computes.join().unwrap(), holds.join().unwrap())
    });
    assert!(lock_failed != key_failed);
}

#[test]
fn a_computation_that_joins_a_task_that_wants_its_key_gets_an_error() {
    let pool = Pool::builder("tight").workers(1).build().unwrap();
    let map = Arc::new(Map::new());
    let inner = Arc::clone(&map);
    let value = map.get_or_compute(1, || {
        let task = pool.submit(move || inner.get_or_compute(1, || 2)).unwrap();
        match task.join() {
            Ok(got) => u32::from(is_deadlock(&got)),
            Err(TaskError::Deadlock(_)) => 1,
            Err(other) => panic!("{other}"),
        }
    });
    assert_eq!(value.unwrap(), 1, "one of the two was told");
}

#[test]
fn a_task_that_joins_a_task_that_wants_its_key_gets_an_error_on_one_worker() {
    let pool = Arc::new(
        Pool::builder("tight")
            .workers(1)
            .queue_capacity(1)
            .build()
            .unwrap(),
    );
    let (map, inner) = (Arc::new(Map::new()), Arc::clone(&pool));
    let outer = pool.submit(move || {
        let again = Arc::clone(&map);
        let compute = || {
            let task = inner.submit(move || again.get_or_compute(1, || 2)).unwrap();
            u32::from(is_deadlock(&task.join().unwrap()))
        };
        map.get_or_compute(1, compute).unwrap()
    });
    assert_eq!(outer.unwrap().join().unwrap(), 1);
}

#[test]
fn waiting_on_the_only_worker_lets_the_task_run_that_is_waited_for() {
    let pool = Arc::new(
        Pool::builder("tight")
            .workers(1)
            .queue_capacity(4)
            .build()
            .unwrap(),
    );
    let map = Arc::new(Map::new());
    let both = Arc::new(Barrier::new(2));
    let (own, own_pool, own_both) = (Arc::clone(&map), Arc::clone(&pool), Arc::clone(&both));
    let computes = thread::spawn(move || {
        let compute = || {
            own_both.wait();
            // Runs only when the worker that waits for this very value makes place.
            own_pool.submit(|| 8).unwrap().join().unwrap()
        };
        own.get_or_compute(1, compute).unwrap()
    });
    both.wait();
    let waits = pool
        .submit(move || map.get_or_compute(1, || 9).unwrap())
        .unwrap();
    assert_eq!((computes.join().unwrap(), waits.join().unwrap()), (8, 8));
}

#[test]
fn a_timed_wait_in_a_cycle_ends_by_its_time() {
    let (map, both) = (Map::new(), Barrier::new(2));
    thread::scope(|scope| {
        let gives_up = scope.spawn(|| {
            let mut inner = None;
            let compute = || {
                both.wait();
                inner = Some(map.get_or_compute_timeout(2, Duration::from_millis(20), || 0));
                1
            };
            map.get_or_compute(1, compute).unwrap();
            inner.unwrap()
        });
        let waits = scope.spawn(|| {
            map.get_or_compute(2, || {
                both.wait();
                map.get_or_compute(1, || 0).map_or(7, |value| value + 1)
            })
        });
        let gave_up = gives_up.join().unwrap();
        // Whichever was last: the timed one gave up, or saw the cycle at once.
        assert!(matches!(
            gave_up,
            Err(ComputeError::TimedOut { .. } | ComputeError::Deadlock(_))
        ));
        assert_eq!(waits.join().unwrap().unwrap(), 2);
    });
}
