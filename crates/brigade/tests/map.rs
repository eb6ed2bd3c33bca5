//! `map`: the items' order, the lowest failure, no more time than was given.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use brigade::Pool;
use brigade::pool::{MapError, RejectReason, Rejected, Shutdown, WhenFull};
use gate::Gate;
use until::until;

fn pool() -> Pool {
    let builder = Pool::builder("map").workers(1..=3).queue_capacity(4);
    builder.build().unwrap()
}

#[test]
fn results_are_in_the_order_of_the_items() {
    let (pool, items): (_, Vec<u32>) = (pool(), (0..10_000).collect());
    let expected: Vec<u32> = items.iter().map(|item| item * 3).collect();
    assert_eq!(pool.map(&items, |item| item * 3).unwrap(), expected);
    for chunk in [0, 1, 7, 9_999, 10_000, usize::MAX] {
        let mapped = pool.map_chunked(&items, chunk, |item| item * 3);
        assert_eq!(mapped.unwrap(), expected, "in chunks of {chunk}");
    }
    let timed = pool.map_timeout(items, Duration::MAX, |item| item * 3);
    assert_eq!(timed.unwrap(), expected);
}

#[test]
fn closure_and_items_may_borrow_and_results_may_refer_to_items() {
    let names = ["one".to_owned(), "three".to_owned()];
    let seen = Mutex::new(Vec::new());
    let initials: Vec<&str> = pool()
        .map(&names, |name| {
            seen.lock().unwrap().push(name.len());
            &name[..1]
        })
        .unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!((initials, seen), (vec!["o", "t"], vec![3, 5]));
}

#[test]
fn a_chunk_is_done_by_one_worker() {
    let (pool, items) = (pool(), [(); 100]);
    let threads = pool.map_chunked(&items, 10, |()| thread::current().id());
    for chunk in threads.unwrap().chunks(10) {
        assert!(chunk.iter().all(|thread| *thread == chunk[0]));
    }
}

#[test]
fn nothing_is_mapped_to_nothing_in_every_form() {
    let pool = pool();
    let gates = [(); 3].map(|()| Gate::shut(&pool));
    let none: [u8; 0] = [];
    assert!(pool.map(&none, |item| *item).unwrap().is_empty());
    assert!(pool.map_chunked(&none, 0, |item| *item).unwrap().is_empty());
    assert!(pool.try_map(&none, |item| Ok::<_, ()>(*item)).is_ok());
    let timed = pool.map_timeout(Vec::<u8>::new(), Duration::ZERO, |item| *item);
    assert!(timed.unwrap().is_empty());
    drop(gates);
}

#[test]
fn the_failure_with_the_lowest_index_is_reported() {
    let (pool, items): (_, Vec<usize>) = (pool(), (0..1_000).collect());
    for _ in 0..50 {
        let mapped = pool.try_map(&items, |item| match item {
            37 | 38 | 500 | 999 => Err(*item),
            _ => Ok(()),
        });
        let Err(MapError::Failed { index, error, .. }) = mapped else {
            panic!("{mapped:?}")
        };
        assert_eq!((index, error), (37, 37));
    }
}

#[test]
fn a_panic_is_reported_with_its_index_and_place() {
    let items: Vec<usize> = (0..100).collect();
    let mapped = pool().map(&items, |item| assert_ne!(*item, 42, "no answer"));
    let Err(MapError::Panicked { index, panic, .. }) = mapped else {
        panic!("{mapped:?}")
    };
    assert_eq!(index, 42);
    assert!(panic.message().contains("no answer"), "{panic}");
    assert!(panic.location().unwrap().contains("map.rs"), "{panic}");
}

#[test]
fn after_a_failure_later_items_are_not_begun() {
    let (pool, done) = (
        Pool::builder("one").workers(1).build().unwrap(),
        AtomicUsize::new(0),
    );
    let items: Vec<usize> = (0..10_000).collect();
    let mapped = pool.try_map(&items, |item| {
        done.fetch_add(1, SeqCst);
        if *item == 5 { Err(()) } else { Ok(()) }
    });
    assert!(matches!(mapped, Err(MapError::Failed { index: 5, .. })));
    assert_eq!(done.into_inner(), 6);
}

#[test]
fn what_had_not_begun_when_the_time_was_over_is_named_and_never_begins() {
    let pool = Pool::builder("late").workers(1).build().unwrap();
    let gate = Gate::shut(&pool);
    let begun = Arc::new(AtomicUsize::new(0));
    let begins = Arc::clone(&begun);
    let body = move |_: &u8| begins.fetch_add(1, SeqCst);
    let mapped = pool.map_timeout(vec![0; 10], Duration::from_millis(1), body);
    let Err(MapError::TimedOut { unfinished, .. }) = mapped else {
        panic!("{mapped:?}")
    };
    assert_eq!(unfinished, [0..10]);
    drop(gate);
    pool.wait_idle();
    assert_eq!(begun.load(SeqCst), 0);
}

#[test]
fn a_timed_map_that_the_policy_refuses_does_not_wait_for_its_end() {
    let builder = Pool::builder("refuses").workers(1).queue_capacity(1);
    let pool = builder.when_full(WhenFull::Refuse).build().unwrap();
    let gate = Gate::shut(&pool);
    // If it waited for its limit, the test would not end: the gate is opened after it.
    let mapped = pool.map_timeout(vec![0; 10], Duration::from_secs(1 << 40), |item| *item);
    let Err(MapError::Rejected { reason, .. }) = mapped else {
        panic!("{mapped:?}")
    };
    assert!(matches!(reason, RejectReason::Full { .. }), "{reason}");
    drop(gate);
}

#[test]
fn a_map_ends_under_every_policy_with_a_full_queue() {
    let items: Vec<u32> = (0..100).collect();
    for policy in [
        WhenFull::Wait,
        WhenFull::Refuse,
        WhenFull::CallerRuns,
        WhenFull::DiscardOldest,
    ] {
        let builder = Pool::builder("policy").workers(2).queue_capacity(1);
        let pool = builder.when_full(policy).build().unwrap();
        let mapped = pool.map_chunked(&items, 1, |item| item + 1).unwrap();
        assert!(mapped.iter().copied().eq(1..=100), "{policy:?}");
        pool.wait_idle();
        let metrics = pool.metrics();
        assert_eq!((metrics.queued, metrics.running), (0, 0), "{policy:?}");
        assert_eq!(metrics.submitted, metrics.completed, "{policy:?}");
    }
}

#[test]
fn a_task_may_map_on_its_own_pool_in_every_form() {
    let builder = Pool::builder("inside").workers(1).queue_capacity(1);
    let pool = Arc::new(builder.build().unwrap());
    let inner = Arc::clone(&pool);
    let sums = pool.submit(move || {
        let items: Vec<u64> = (0..100).collect();
        let plain = inner.map(&items, |item| item + 1).unwrap();
        let chunked = inner.map_chunked(&items, 3, |item| item + 1).unwrap();
        let timed = inner.map_timeout(items, Duration::MAX / 4, |item| item + 1);
        [plain, chunked, timed.unwrap()].map(|mapped| mapped.iter().sum::<u64>())
    });
    assert_eq!(sums.unwrap().join().unwrap(), [5_050; 3]);
}

#[test]
fn a_pool_that_has_shut_down_maps_nothing() {
    let pool = pool();
    let _ = pool.shutdown(Shutdown::drain());
    let refused = |error: MapError| match error {
        MapError::Rejected { reason, .. } => matches!(reason, RejectReason::ShutDown { .. }),
        _ => false,
    };
    assert!(refused(pool.map(&[1], |item| *item).unwrap_err()));
    assert!(refused(
        pool.map_chunked(&[1], 1, |item| *item).unwrap_err()
    ));
    let timed = pool.map_timeout(vec![1], Duration::MAX, |item| *item);
    assert!(refused(timed.unwrap_err()));
}

/// Shuts the pool down while the first item of a map is being done.
fn map_amid(how: Shutdown) -> Result<Vec<usize>, MapError> {
    let (pool, begun) = (pool(), AtomicUsize::new(0));
    let items: Vec<usize> = (0..100).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            until(|| begun.load(SeqCst) == 1);
            let _ = pool.shutdown(how);
        });
        pool.map(&items, |item| {
            begun.store(1, SeqCst);
            until(|| {
                pool.metrics().rejected.shut_down > 0
                    || pool.try_execute(|| ()).is_err_and(shut_down)
            });
            *item
        })
    })
}

fn shut_down<F>(refused: Rejected<F>) -> bool {
    matches!(refused.reason, RejectReason::ShutDown { .. })
}

#[test]
fn a_drain_lets_a_map_end() {
    let mapped = map_amid(Shutdown::drain()).unwrap();
    assert!(mapped.into_iter().eq(0..100));
}

#[test]
fn a_shutdown_ends_a_map_which_says_so() {
    // All may just have been done when it came.
    match map_amid(Shutdown::now()) {
        Ok(mapped) => assert_eq!(mapped.len(), 100),
        Err(error) => assert!(matches!(error, MapError::Rejected { .. }), "{error}"),
    }
}
