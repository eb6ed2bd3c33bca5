//! Tasks may wait for tasks of their own pool: also on one worker, also with a full queue.
#![cfg(not(any(loom, shuttle)))]

mod gate;

use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use brigade::Pool;
use brigade::pool::WhenFull;
use gate::Gate;

/// The tightest pool there is.
fn tight() -> Arc<Pool> {
    let builder = Pool::builder("tight").workers(1).queue_capacity(1);
    Arc::new(builder.build().unwrap())
}

/// Counts the leaves of a tree of tasks, of which each waits for its own children.
fn leaves(pool: &Arc<Pool>, depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    let children = [(); 2].map(|()| {
        let inner = Arc::clone(pool);
        pool.submit(move || leaves(&inner, depth - 1)).unwrap()
    });
    children
        .into_iter()
        .map(|child| child.join().unwrap())
        .sum()
}

#[test]
fn a_tree_of_joins_ends_on_one_worker() {
    let pool = tight();
    assert_eq!(leaves(&pool, 10), 1 << 10);
    let inner = Arc::clone(&pool);
    let all = pool.submit(move || leaves(&inner, 10)).unwrap();
    assert_eq!(all.join().unwrap(), 1 << 10);
    assert!(pool.metrics().workers.peak <= 2);
}

#[test]
fn a_join_runs_the_task_it_waits_for_before_those_that_came_earlier() {
    let pool = Arc::new(Pool::builder("own").workers(1).build().unwrap());
    let inner = Arc::clone(&pool);
    let parent = pool.submit(move || {
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        inner
            .execute(move || {
                counted.fetch_add(1, SeqCst);
            })
            .unwrap();
        let child = inner.submit(move || ran.load(SeqCst)).unwrap();
        child.join().unwrap()
    });
    assert_eq!(
        parent.unwrap().join().unwrap(),
        0,
        "so many strangers ran before"
    );
}

#[test]
fn a_tree_of_joins_ends_on_several_workers() {
    let builder = Pool::builder("several").workers(1..=4);
    let pool = Arc::new(builder.queue_capacity(8).build().unwrap());
    for _ in 0..20 {
        let inner = Arc::clone(&pool);
        let all = pool.submit(move || leaves(&inner, 8)).unwrap();
        assert_eq!(all.join().unwrap(), 1 << 8);
    }
    assert!(pool.metrics().workers.peak <= 8, "twice the largest number");
}

#[test]
fn a_deep_chain_of_joins_ends_on_one_worker() {
    fn chain(pool: &Arc<Pool>, depth: u64) -> u64 {
        if depth == 0 {
            return 0;
        }
        let inner = Arc::clone(pool);
        let next = pool.submit(move || chain(&inner, depth - 1)).unwrap();
        next.join().unwrap() + 1
    }
    // Each waits on top of the one before; with a sanitizer that takes more than the usual stack.
    let builder = Pool::builder("deep").workers(1).queue_capacity(1);
    let pool = builder.stack_size(64 << 20).build().unwrap();
    assert_eq!(chain(&Arc::new(pool), 500), 500);
}

#[test]
fn maps_inside_maps_end_on_one_worker() {
    fn sum(pool: &Pool, depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let items = [(); 3];
        let sums = pool.map(&items, |()| sum(pool, depth - 1)).unwrap();
        sums.iter().sum()
    }
    assert_eq!(sum(&tight(), 5), 3_u64.pow(5));
}

#[test]
fn scopes_inside_scopes_end_on_one_worker() {
    fn count(pool: &Pool, total: &AtomicUsize, depth: u32) {
        total.fetch_add(1, SeqCst);
        if depth > 0 {
            pool.scope(|scope| {
                for _ in 0..3 {
                    scope.execute(|| count(pool, total, depth - 1));
                }
            });
        }
    }
    let total = AtomicUsize::new(0);
    count(&tight(), &total, 5);
    assert_eq!(total.into_inner(), (3_usize.pow(6) - 1) / 2);
}

#[test]
fn a_scope_task_may_wait_for_another_of_its_scope() {
    let pool = tight();
    let sum = pool.scope(|scope| {
        let outer = scope.submit(|| {
            let inner = scope.submit(|| 2);
            inner.join().unwrap() + 1
        });
        outer.join().unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_timed_join_inside_a_task_is_served_by_another_worker() {
    let pool = tight();
    let inner = Arc::clone(&pool);
    let parent = pool.submit(move || {
        let mut child = inner.submit(|| thread::current().id()).unwrap();
        let ran_on = child.join_timeout(Duration::MAX / 4).unwrap().unwrap();
        (thread::current().id(), ran_on)
    });
    let (worker, ran_on) = parent.unwrap().join().unwrap();
    assert_ne!(worker, ran_on, "it could take longer than the limit there");
}

#[test]
fn a_task_that_finds_the_queue_full_runs_its_child_itself() {
    let pool = tight();
    let inner = Arc::clone(&pool);
    let parent = pool.submit(move || {
        let children: Vec<_> = (0..100)
            .map(|number| inner.submit(move || number).unwrap())
            .collect();
        let joined = children.into_iter().map(|child| child.join().unwrap());
        joined.sum::<u64>()
    });
    assert_eq!(parent.unwrap().join().unwrap(), 4_950);
}

#[test]
fn a_task_may_await_room_for_its_child_on_one_worker() {
    let pool = tight();
    let inner = Arc::clone(&pool);
    let parent = pool.submit(move || {
        inner.execute(|| ()).unwrap();
        let mut accepted = Box::pin(inner.submit_async(|| 7));
        // Nobody but this worker could make room: to wait for it would be to wait for ever.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match accepted.as_mut().poll(&mut context) {
            std::task::Poll::Ready(handle) => handle.unwrap().join().unwrap(),
            std::task::Poll::Pending => 0,
        }
    });
    assert_eq!(parent.unwrap().join().unwrap(), 7);
}

#[test]
fn tasks_of_two_pools_may_wait_for_each_other_in_turn() {
    fn ping(here: &Arc<Pool>, there: &Arc<Pool>, depth: u64) -> u64 {
        if depth == 0 {
            return 0;
        }
        let (next_here, next_there) = (Arc::clone(there), Arc::clone(here));
        let next = there.submit(move || ping(&next_here, &next_there, depth - 1));
        next.unwrap().join().unwrap() + 1
    }
    let (one, other) = (tight(), tight());
    for depth in 1..=20 {
        assert_eq!(ping(&one, &other, depth), depth);
    }
    assert!(one.metrics().workers.peak <= 2);
}

#[test]
fn maps_and_scopes_of_two_pools_end_inside_one_another() {
    let (one, other) = (tight(), tight());
    let numbers = [1_u64, 2, 3, 4];
    let sums = one.map(&numbers, |a| {
        let products = other.map(&numbers, |b| {
            let total = std::sync::atomic::AtomicU64::new(0);
            one.scope(|scope| {
                for c in &numbers {
                    let total = &total;
                    scope.execute(move || {
                        total.fetch_add(a * b * c, SeqCst);
                    });
                }
            });
            total.into_inner()
        });
        products.unwrap().iter().sum::<u64>()
    });
    assert_eq!(sums.unwrap(), [100, 200, 300, 400]);
}

#[test]
fn many_tasks_of_one_worker_may_wait_for_rest() {
    let pool = tight();
    let rested = Arc::new(AtomicUsize::new(0));
    let gate = Gate::shut(&pool);
    let waits: Vec<_> = std::thread::scope(|scope| {
        let opener = scope.spawn(move || drop(gate));
        let handles = (0..20)
            .map(|_| {
                let (inner, rested) = (Arc::clone(&pool), Arc::clone(&rested));
                let task = move || {
                    inner.wait_idle();
                    rested.fetch_add(1, SeqCst);
                };
                pool.submit(task).unwrap()
            })
            .collect();
        opener.join().unwrap();
        handles
    });
    for handle in waits {
        handle.join().unwrap();
    }
    assert_eq!(rested.load(SeqCst), 20);
    assert!(pool.metrics().workers.peak <= 2);
}

#[test]
fn a_task_that_runs_inside_another_may_wait_for_rest() {
    let pool = tight();
    let inner = Arc::clone(&pool);
    let parent = pool.submit(move || {
        inner.execute(|| ()).unwrap();
        let innermost = Arc::clone(&inner);
        // The queue is full, so this one runs here and now.
        inner.execute(move || innermost.wait_idle()).unwrap();
        inner.metrics().completed
    });
    assert_eq!(parent.unwrap().join().unwrap(), 2);
}

#[test]
fn a_task_that_its_caller_runs_may_wait_for_rest() {
    let builder = Pool::builder("caller").workers(1).queue_capacity(1);
    let pool = Arc::new(builder.when_full(WhenFull::CallerRuns).build().unwrap());
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    let inner = Arc::clone(&pool);
    let mut gate = Some(gate);
    let rested = pool.submit(move || {
        drop(gate.take());
        // Two deep on the same foreign thread, or not, as there is room.
        let innermost = Arc::clone(&inner);
        inner
            .execute(move || assert_eq!(innermost.name(), "caller"))
            .unwrap();
        inner.wait_idle();
        inner.metrics().completed
    });
    assert_eq!(rested.unwrap().join().unwrap(), 3);
}
