//! The end of a pool: what was accepted runs or comes back, and waiting for it ends.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use brigade::pool::{RejectReason, Rejected, Shutdown, TaskError, Unstarted, WhenFull};
use brigade::{Pool, Priority, task};
use gate::Gate;
use until::until;

fn pool(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::builder("ends").workers(workers).build().unwrap())
}

/// True if the pool takes no more tasks.
fn is_closed(pool: &Pool) -> bool {
    pool.map(&[], |_: &()| ()).is_ok() && pool.metrics().rejected.shut_down > 0
}

#[test]
fn a_drain_runs_out_of_time_and_hands_back_what_has_not_begun() {
    let pool = pool(1);
    let gate = Gate::shut(&pool);
    for (name, priority) in [("late", Priority::LOW), ("next", Priority::HIGH)] {
        let named = pool.task(|| ()).name(name).priority(priority);
        named.execute().unwrap();
    }
    pool.execute(|| ()).unwrap();
    let handle = pool.task(|| 7).name("with a handle").submit().unwrap();
    let timeout = Duration::from_millis(5);
    let report = pool.shutdown(Shutdown::Drain { timeout });
    assert_eq!((report.running, report.completed), (1, 0));
    let names: Vec<_> = report.unstarted.iter().map(Unstarted::name).collect();
    assert_eq!(
        names,
        [Some("next"), None, Some("with a handle"), Some("late")],
        "the most urgent first"
    );
    assert_eq!(report.unstarted[0].priority(), Priority::HIGH);
    assert!(
        matches!(handle.join(), Err(TaskError::ShutDown(id)) if id.task() == Some("with a handle"))
    );
    assert_eq!(pool.metrics().handed_back, 4);
    drop(gate);
    until(|| pool.metrics().workers.live == 0);
    assert_eq!(
        pool.metrics().completed,
        1,
        "the running one ended by itself"
    );
}

#[test]
fn shutdown_hands_back_queued_tasks_which_can_still_be_run() {
    let pool = pool(1);
    let ran = Arc::new(AtomicUsize::new(0));
    let gate = Gate::shut(&pool);
    for number in 0..10 {
        let ran = Arc::clone(&ran);
        let task = move || {
            ran.fetch_add(number, SeqCst);
        };
        if number % 2 == 0 {
            pool.execute(task).unwrap();
        } else {
            drop(pool.submit(task).unwrap());
        }
    }
    let report = thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shutdown(Shutdown::now()));
        until(|| pool.metrics().handed_back == 10);
        drop(gate);
        shutdown.join().unwrap()
    });
    assert_eq!((ran.load(SeqCst), report.unstarted.len()), (0, 10));
    report.unstarted.into_iter().for_each(Unstarted::run);
    assert_eq!(ran.load(SeqCst), 45);
}

#[test]
fn a_shutdown_asks_running_tasks_to_stop() {
    let pool = pool(2);
    let inside = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let inside = Arc::clone(&inside);
        pool.execute(move || {
            inside.fetch_add(1, SeqCst);
            until(task::is_cancelled);
        })
        .unwrap();
    }
    until(|| inside.load(SeqCst) == 2);
    let report = pool.shutdown(Shutdown::now());
    assert_eq!((report.completed, report.running), (2, 0));
    assert_eq!(pool.metrics().workers.live, 0);
}

#[test]
fn a_shutdown_waits_for_running_tasks_no_longer_than_it_was_told() {
    let pool = pool(2);
    let gates = [Gate::shut(&pool), Gate::shut(&pool)];
    let timeout = Duration::from_millis(1);
    let report = pool.shutdown(Shutdown::Now { timeout });
    assert_eq!((report.completed, report.running), (0, 2));
    drop(gates);
    let report = pool.shutdown(Shutdown::now());
    assert_eq!((report.completed, report.running), (2, 0));
}

#[test]
fn every_form_of_handing_over_returns_its_closure_after_a_shutdown() {
    let pool = pool(1);
    let _ = pool.shutdown(Shutdown::drain());
    fn check<F: FnOnce() -> T, T>(refused: Rejected<F>) -> T {
        assert!(matches!(refused.reason, RejectReason::ShutDown { .. }));
        assert!(refused.to_string().contains("`ends`"), "{refused}");
        (refused.task)()
    }
    let limit = Duration::MAX;
    let ran = AtomicUsize::new(0);
    let ran: &'static AtomicUsize = Box::leak(Box::new(ran));
    let count = move || {
        ran.fetch_add(1, SeqCst);
    };
    check(pool.execute(count).unwrap_err());
    check(pool.try_execute(count).unwrap_err());
    check(pool.execute_timeout(count, limit).unwrap_err());
    check(pool.submit(count).unwrap_err());
    check(pool.try_submit(count).unwrap_err());
    check(pool.submit_timeout(count, limit).unwrap_err());
    check(pool.task(count).name("built").submit().unwrap_err());
    check(
        pool.task(count)
            .priority(Priority::HIGH)
            .execute()
            .unwrap_err(),
    );
    check(
        pool.task_with(move |_: &mut ()| count())
            .submit()
            .map_err(|refused| Rejected {
                task: move || (refused.task)(&mut ()),
                reason: refused.reason,
            })
            .unwrap_err(),
    );
    let large = [1_usize; 16];
    let sum = pool.submit(move || large.iter().sum::<usize>());
    assert_eq!(check(sum.unwrap_err()), 16);
    assert_eq!(ran.load(SeqCst), 9);
    assert_eq!(pool.metrics().rejected.shut_down, 10);
    assert!(is_closed(&pool));
}

#[test]
fn a_pool_may_be_shut_down_from_inside_a_task() {
    for workers in [1, 3] {
        for how in [Shutdown::drain(), Shutdown::now()] {
            let pool = pool(workers);
            let ran = Arc::new(AtomicUsize::new(0));
            let gates: Vec<_> = (0..workers).map(|_| Gate::shut(&pool)).collect();
            let inner = Arc::clone(&pool);
            let closes = pool.submit(move || inner.shutdown(how)).unwrap();
            for _ in 0..20 {
                let ran = Arc::clone(&ran);
                pool.execute(move || {
                    ran.fetch_add(1, SeqCst);
                })
                .unwrap();
            }
            drop(gates);
            let report = closes.join().unwrap();
            assert_eq!(ran.load(SeqCst) + report.unstarted.len(), 20, "{how:?}");
            if how == Shutdown::drain() {
                assert_eq!(ran.load(SeqCst), 20, "it has waited for all the others");
            }
            assert_eq!(report.running, 0, "but for itself");
        }
    }
}

#[test]
fn several_tasks_may_shut_their_pool_down_at_once() {
    let pool = pool(3);
    let gates = [(); 3].map(|()| Gate::shut(&pool));
    let closes = [(); 3].map(|()| {
        let inner = Arc::clone(&pool);
        pool.submit(move || inner.shutdown(Shutdown::drain()).unstarted.len())
            .unwrap()
    });
    drop(gates);
    assert_eq!(closes.map(|handle| handle.join().unwrap()), [0, 0, 0]);
    until(|| pool.metrics().workers.live == 0);
}

#[test]
fn a_task_that_its_caller_runs_may_shut_the_pool_down() {
    let builder = Pool::builder("caller").workers(1).queue_capacity(1);
    let pool = Arc::new(builder.when_full(WhenFull::CallerRuns).build().unwrap());
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    let inner = Arc::clone(&pool);
    let report = pool.submit(move || {
        drop(gate);
        inner.shutdown(Shutdown::drain())
    });
    let report = report.unwrap().join().unwrap();
    assert_eq!((report.completed, report.running), (2, 0));
    assert_eq!(pool.metrics().workers.live, 0);
}

#[test]
fn two_shutdowns_at_once_both_end_and_hand_back_each_task_once() {
    for _ in 0..100 {
        let pool = pool(2);
        let gates = [Gate::shut(&pool), Gate::shut(&pool)];
        for _ in 0..10 {
            pool.execute(|| ()).unwrap();
        }
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| pool.shutdown(Shutdown::now()));
            let other = scope.spawn(|| pool.shutdown(Shutdown::drain()));
            until(|| pool.metrics().handed_back == 10);
            drop(gates);
            (one.join().unwrap(), other.join().unwrap())
        });
        assert_eq!(one.unstarted.len() + other.unstarted.len(), 10);
        assert_eq!((one.completed, other.completed), (2, 2));
    }
}

#[test]
fn dropping_a_pool_runs_all_that_was_accepted() {
    let ran = Arc::new(AtomicUsize::new(0));
    let builder = Pool::builder("dropped").workers(2);
    let pool = builder.queue_capacity(1_000).build().unwrap();
    for _ in 0..1_000 {
        let ran = Arc::clone(&ran);
        pool.execute(move || {
            ran.fetch_add(1, SeqCst);
        })
        .unwrap();
    }
    drop(pool);
    assert_eq!(ran.load(SeqCst), 1_000);
    assert_eq!(Arc::strong_count(&ran), 1, "and every closure was dropped");
}

#[test]
fn a_pool_may_be_dropped_last_by_its_own_task() {
    for workers in [1, 2] {
        let (pool, (told, hears)) = (pool(workers), channel());
        let gate = Gate::shut(&pool);
        let inner = Arc::clone(&pool);
        let drops = told.clone();
        let last = pool.submit(move || {
            until(|| Arc::strong_count(&inner) == 1);
            drop(inner);
            drops.send("dropped").unwrap();
        });
        pool.execute(move || told.send("queued").unwrap()).unwrap();
        drop((gate, pool));
        last.unwrap().join().unwrap();
        let mut order: Vec<_> = hears.iter().collect();
        order.sort_unstable();
        assert_eq!(order, ["dropped", "queued"]);
    }
}

#[test]
fn wait_idle_returns_when_all_has_ended_and_not_before() {
    let pool = pool(3);
    let ended = Arc::new(AtomicUsize::new(0));
    for round in 1..=300 {
        for _ in 0..5 {
            let (ended, inner) = (Arc::clone(&ended), Arc::clone(&pool));
            pool.execute(move || {
                let ends = Arc::clone(&ended);
                // A task that comes from a task counts as well.
                inner
                    .execute(move || {
                        ends.fetch_add(1, SeqCst);
                    })
                    .unwrap();
                ended.fetch_add(1, SeqCst);
            })
            .unwrap();
        }
        pool.wait_idle();
        assert_eq!(ended.load(SeqCst), round * 10);
        let metrics = pool.metrics();
        assert_eq!((metrics.queued, metrics.running), (0, 0));
    }
}

#[test]
fn tasks_that_wait_for_rest_have_ended_when_others_see_it() {
    let pool = pool(2);
    let ended = Arc::new(AtomicUsize::new(0));
    for round in 1..=300 {
        for _ in 0..2 {
            let (ended, inner) = (Arc::clone(&ended), Arc::clone(&pool));
            pool.execute(move || {
                inner.wait_idle();
                ended.fetch_add(1, SeqCst);
            })
            .unwrap();
        }
        pool.wait_idle();
        assert_eq!(ended.load(SeqCst), round * 2);
    }
}

#[test]
fn waiting_for_rest_can_be_limited() {
    let pool = pool(1);
    assert!(
        pool.wait_idle_timeout(Duration::ZERO),
        "nothing to wait for"
    );
    let gate = Gate::shut(&pool);
    assert!(!pool.wait_idle_timeout(Duration::from_millis(1)));
    drop(gate);
    assert!(pool.wait_idle_timeout(Duration::MAX));
}

#[test]
fn rest_has_not_come_while_a_producer_waits_for_room() {
    let builder = Pool::builder("line").workers(1).queue_capacity(1);
    let pool = builder.build().unwrap();
    let ran = AtomicUsize::new(0);
    let ran: &'static AtomicUsize = Box::leak(Box::new(ran));
    for round in 1..=100 {
        let gate = Gate::shut(&pool);
        let tasks = (0..3).map(move |_| {
            move || {
                ran.fetch_add(1, SeqCst);
            }
        });
        thread::scope(|scope| {
            let producer = scope.spawn(|| pool.execute_batch(tasks).unwrap());
            until(|| pool.metrics().queued == 1);
            drop(gate);
            producer.join().unwrap();
            pool.wait_idle();
        });
        assert_eq!(ran.load(SeqCst), round * 3);
    }
}

#[test]
fn a_pool_that_was_shut_down_starts_no_more_threads() {
    let pool = pool(2);
    let _ = pool.shutdown(Shutdown::now());
    pool.resize(4).unwrap();
    assert_eq!(pool.metrics().workers.live, 0);
    assert_eq!(pool.metrics().workers.peak, 2);
}
