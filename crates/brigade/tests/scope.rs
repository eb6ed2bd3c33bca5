//! Scopes: tasks that borrow from the stack of who waits for them.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use brigade::Pool;
use brigade::pool::{RejectReason, Rejected, Shutdown, TaskError, WhenFull};
use gate::Gate;
use until::until;

fn pool() -> Pool {
    let builder = Pool::builder("scope").workers(1..=3).queue_capacity(2);
    builder.build().unwrap()
}

#[test]
fn tasks_borrow_from_the_stack_and_have_ended_when_the_scope_has() {
    let pool = pool();
    let mut numbers: Vec<u64> = (0..1_000).collect();
    let total = AtomicUsize::new(0);
    let last = pool.scope(|scope| {
        for part in numbers.chunks_mut(10) {
            let total = &total;
            scope.execute(move || {
                part.iter_mut().for_each(|number| *number += 1);
                total.fetch_add(part.len(), SeqCst);
            });
        }
        "the body's result"
    });
    assert_eq!((last, total.into_inner()), ("the body's result", 1_000));
    assert!(numbers.into_iter().eq(1..=1_000));
}

#[test]
fn a_scoped_handle_gives_the_result_or_the_panic() {
    let (pool, text) = (pool(), "borrowed".to_owned());
    pool.scope(|scope| {
        let length = scope.submit(|| text.len());
        let fails = scope.submit(|| -> usize { resume_unwind(Box::new("expected")) });
        assert_eq!(length.join().unwrap(), 8);
        assert!(matches!(fails.join(), Err(TaskError::Panicked(_))));
    });
    assert_eq!(pool.metrics().panicked, 1);
}

#[test]
fn a_task_may_add_tasks_to_its_own_scope() {
    let (pool, count) = (pool(), AtomicUsize::new(0));
    pool.scope(|scope| {
        for _ in 0..10 {
            scope.execute(|| {
                for _ in 0..10 {
                    scope.execute(|| {
                        count.fetch_add(1, SeqCst);
                    });
                }
            });
        }
    });
    assert_eq!(count.into_inner(), 100);
}

#[test]
fn a_panic_of_a_task_goes_on_when_all_have_ended() {
    let (pool, ended) = (pool(), AtomicUsize::new(0));
    let scoped = || {
        pool.scope(|scope| {
            scope.execute(|| panic_any("expected"));
            for _ in 0..20 {
                scope.execute(|| {
                    ended.fetch_add(1, SeqCst);
                });
            }
        });
    };
    let payload = catch_unwind(AssertUnwindSafe(scoped)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"expected"));
    assert_eq!(ended.into_inner(), 20);
}

#[test]
fn a_panic_of_the_body_waits_for_the_tasks() {
    let (pool, ended) = (pool(), AtomicUsize::new(0));
    let scoped = || {
        let gate = Gate::shut(&pool);
        let ended = &ended;
        pool.scope(|scope| {
            for _ in 0..2 {
                scope.execute(|| {
                    ended.fetch_add(1, SeqCst);
                });
            }
            drop(gate);
            resume_unwind(Box::new("the body"));
        });
    };
    let payload = catch_unwind(AssertUnwindSafe(scoped)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the body"));
    assert_eq!(ended.into_inner(), 2);
}

#[test]
fn a_worker_that_waits_for_its_scope_runs_no_stranger() {
    let builder = Pool::builder("own").workers(1);
    let pool = Arc::new(builder.build().unwrap());
    let inner = Arc::clone(&pool);
    let gate = Gate::shut(&pool);
    let parent = pool.submit(move || {
        let ran_on = AtomicUsize::new(0);
        let own = thread::current().id();
        inner.scope(|scope| {
            for _ in 0..5 {
                scope.execute(|| {
                    ran_on.fetch_add(usize::from(thread::current().id() == own), SeqCst);
                });
            }
        });
        ran_on.into_inner()
    });
    let stranger = pool.submit(|| ()).unwrap();
    drop(gate);
    assert_eq!(parent.unwrap().join().unwrap(), 5, "its own children");
    stranger.join().unwrap();
    assert_eq!(pool.metrics().completed, 8);
}

#[test]
fn a_scope_on_a_pool_that_has_shut_down_runs_its_tasks_itself() {
    let (pool, count) = (pool(), AtomicUsize::new(0));
    let _ = pool.shutdown(Shutdown::drain());
    pool.scope(|scope| {
        for _ in 0..3 {
            scope.execute(|| {
                count.fetch_add(1, SeqCst);
            });
        }
    });
    assert_eq!((count.into_inner(), pool.metrics().submitted), (3, 0));
}

#[test]
fn a_shutdown_in_the_midst_of_a_scope_loses_none_of_its_tasks() {
    for round in 0..200 {
        let (pool, count) = (pool(), AtomicUsize::new(0));
        let how = if round % 2 == 0 {
            Shutdown::now()
        } else {
            Shutdown::drain()
        };
        thread::scope(|threads| {
            let gate = Gate::shut(&pool);
            let (pool, count) = (&pool, &count);
            let closer = threads.spawn(move || {
                until(|| pool.metrics().submitted > 1);
                pool.shutdown(how)
            });
            let probes = pool.scope(|scope| {
                for _ in 0..2 {
                    scope.execute(|| {
                        count.fetch_add(1, SeqCst);
                    });
                }
                // Sees the shutdown by what is refused.
                let mut probes = 0;
                until(|| match pool.try_execute(|| ()) {
                    Ok(()) => {
                        probes += 1;
                        false
                    }
                    Err(refused) => matches!(refused.reason, RejectReason::ShutDown { .. }),
                });
                drop(gate);
                probes
            });
            let report = closer.join().unwrap();
            assert!(
                report.unstarted.len() <= probes,
                "borrowed tasks are not handed back"
            );
        });
        assert_eq!(count.into_inner(), 2, "round {round}");
    }
}

#[test]
fn a_shutdown_lets_the_tasks_of_a_scope_run_on_the_workers() {
    let (pool, own) = (pool(), thread::current().id());
    let gates = [(); 3].map(|()| Gate::shut(&pool));
    let ran_on = pool.scope(|scope| {
        let children = [(); 2].map(|()| scope.submit(|| thread::current().id()));
        thread::scope(|threads| {
            let closer = threads.spawn(|| pool.shutdown(Shutdown::now()));
            until(|| {
                pool.try_execute(|| ())
                    .is_err_and(|refused| is_shut_down(&refused))
            });
            drop(gates);
            assert!(closer.join().unwrap().unstarted.is_empty());
        });
        children.map(|child| child.join().unwrap())
    });
    assert!(ran_on.iter().all(|thread| *thread != own));
}

fn is_shut_down<F>(refused: &Rejected<F>) -> bool {
    matches!(refused.reason, RejectReason::ShutDown { .. })
}

#[test]
fn the_tasks_of_a_scope_give_way_to_no_others() {
    let builder = Pool::builder("stays").workers(1).queue_capacity(2);
    let pool = builder.when_full(WhenFull::DiscardOldest).build().unwrap();
    let (gate, own) = (Gate::shut(&pool), thread::current().id());
    let ran_on = pool.scope(|scope| {
        let child = scope.submit(|| thread::current().id());
        let old = pool.submit(|| ()).unwrap();
        let new = pool.submit(|| ()).unwrap();
        assert!(matches!(old.join(), Err(TaskError::Discarded(_))));
        let other = scope.submit(|| thread::current().id());
        assert!(matches!(new.join(), Err(TaskError::Discarded(_))));
        // Only what stays is left in the queue now.
        let refused = pool.try_execute(|| ()).unwrap_err();
        assert!(matches!(refused.reason, RejectReason::Full { .. }));
        drop(gate);
        [child.join().unwrap(), other.join().unwrap()]
    });
    assert!(ran_on.iter().all(|thread| *thread != own));
}

#[test]
fn a_scope_and_its_tasks_may_wait_for_the_pools_rest_under_every_policy() {
    for policy in POLICIES {
        let builder = Pool::builder("rests").workers(1).queue_capacity(1);
        let pool = builder.when_full(policy).build().unwrap();
        let count = AtomicUsize::new(0);
        pool.scope(|scope| {
            for _ in 0..4 {
                scope.execute(|| {
                    pool.wait_idle();
                    count.fetch_add(1, SeqCst);
                });
            }
            pool.wait_idle();
            assert_eq!(count.load(SeqCst), 4);
        });
    }
}

const POLICIES: [WhenFull; 4] = [
    WhenFull::Wait,
    WhenFull::Refuse,
    WhenFull::CallerRuns,
    WhenFull::DiscardOldest,
];

#[test]
fn scopes_end_and_their_counts_are_exact_under_every_policy() {
    for policy in POLICIES {
        let builder = Pool::builder("policies").workers(2).queue_capacity(1);
        let pool = builder.when_full(policy).build().unwrap();
        let count = AtomicUsize::new(0);
        for _ in 0..200 {
            pool.scope(|scope| {
                // Several add, and wait, at once.
                for _ in 0..4 {
                    scope.execute(|| {
                        for _ in 0..4 {
                            let handle = scope.submit(|| count.fetch_add(1, SeqCst));
                            handle.join().unwrap();
                        }
                    });
                }
            });
        }
        pool.wait_idle();
        assert_eq!(count.into_inner(), 3_200, "{policy:?}");
        let metrics = pool.metrics();
        assert_eq!(metrics.submitted, metrics.completed, "{policy:?}");
        assert_eq!((metrics.queued, metrics.running), (0, 0), "{policy:?}");
        // No place was lost or won: exactly one task may wait.
        let gates = [Gate::shut(&pool), Gate::shut(&pool)];
        pool.try_execute(|| ()).unwrap();
        assert!(pool.try_execute(|| ()).is_err(), "{policy:?}");
        drop(gates);
    }
}
