//! Waits of the pool and waits for locks are parts of one graph; under a lock no stranger's task runs.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use brigade::Pool;
use brigade::lock::{FindingKind, LockError, Mutex, Report};
use brigade::pool::{RejectReason, Rejected, Shutdown, TaskError, WhenFull};
use gate::Gate;
use watchdog::without_hanging;

fn pool(name: &str, workers: usize) -> Arc<Pool> {
    Arc::new(Pool::builder(name).workers(workers).build().unwrap())
}

/// The names in a report's cycle, what each thread wanted.
fn wanted(report: &brigade::lock::Report) -> Vec<String> {
    report
        .steps()
        .iter()
        .map(|step| step.wants.name.clone())
        .collect()
}

/// The trap of rayon's issue 592: a worker that waits under a lock runs another task, which wants that lock.
#[test]
fn a_worker_that_joins_under_a_lock_runs_no_stranger_that_wants_it() {
    for workers in [1, 2] {
        let pool = pool("trap", workers);
        let shared = Arc::new(Mutex::named("trap.shared", 0_u32));
        let ran = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..50)
            .map(|_| {
                let (inner, shared, ran) =
                    (Arc::clone(&pool), Arc::clone(&shared), Arc::clone(&ran));
                pool.submit(move || {
                    let mut value = shared.lock();
                    // While this waits for its parts, the others of the fifty are queued and want the lock.
                    let parts = inner.map(&[1, 2, 3, 4], |part| part * 10).unwrap();
                    let child = inner.submit(|| 1).unwrap().join().unwrap();
                    *value += parts.iter().sum::<u32>() + child;
                    ran.fetch_add(1, Relaxed);
                })
                .unwrap()
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
        assert_eq!((ran.load(Relaxed), *shared.lock()), (50, 50 * 101));
    }
}

/// Holds a lock, joins a task that wants it; returns what the join and the task say.
fn join_under_a_lock(pool: &Pool) -> (Result<Result<(), LockError>, TaskError>, Option<LockError>) {
    let lock = Arc::new(Mutex::named("join.lock", ()));
    let (told, hears): (Sender<LockError>, _) = channel();
    let guard = lock.lock();
    let (begun, begins) = channel();
    let wanted = Arc::clone(&lock);
    let handle = pool
        .task(move || {
            begun.send(()).unwrap();
            let outcome = wanted.lock_checked().map(drop);
            if let Err(error) = &outcome {
                told.send(error.clone()).unwrap();
            }
            outcome
        })
        .name("wants the lock")
        .submit()
        .unwrap();
    begins.recv().unwrap();
    let joined = handle.join();
    drop(guard);
    // Ends when the task has, and dropped its sender.
    (joined, hears.recv().ok())
}

#[test]
fn joining_a_task_under_the_lock_that_it_wants_is_reported_and_does_not_hang() {
    let pool = pool("joins", 1);
    // From a thread of its own: it holds a lock, so others may wait for it.
    let (joined, told) = join_under_a_lock(&pool);
    let report = match (joined, told) {
        (Err(TaskError::Deadlock(report)), None) => report,
        (Ok(Err(LockError::Deadlock(report))), Some(_)) => report,
        other => panic!("{other:?}"),
    };
    assert_eq!(report.kind(), FindingKind::Deadlock);
    let mut names = wanted(&report);
    names.sort();
    assert_eq!(
        names,
        ["join.lock", "task `wants the lock` on pool `joins`"]
    );
    assert!(
        report
            .to_string()
            .contains("was at task `wants the lock` on pool `joins`")
    );
}

#[test]
fn joining_a_task_under_the_lock_that_it_wants_is_reported_inside_a_task_too() {
    let pool = pool("inside", 2);
    let inner = Arc::clone(&pool);
    let outcome = pool.submit(move || {
        let (joined, told) = join_under_a_lock(&inner);
        matches!(joined, Err(TaskError::Deadlock(_)))
            || matches!(told, Some(LockError::Deadlock(_)))
    });
    assert!(outcome.unwrap().join().unwrap());
}

#[test]
fn a_shutdown_under_a_lock_that_a_task_wants_ends() {
    let pool = pool("ends", 1);
    let lock = Arc::new(Mutex::named("shutdown.lock", ()));
    let guard = lock.lock();
    let (begun, begins) = channel();
    let wanted = Arc::clone(&lock);
    let task = pool
        .submit(move || {
            begun.send(()).unwrap();
            wanted.lock_checked().is_err()
        })
        .unwrap();
    begins.recv().unwrap();
    let report = pool.shutdown(Shutdown::drain());
    drop(guard);
    // One of the two gave up: the task, or the shutdown, which then says that the task still ran.
    let task_gave_up = task.join().unwrap();
    assert_eq!(task_gave_up, report.running == 0);
}

#[test]
fn waiting_for_rest_under_a_lock_that_a_task_wants_does_not_hang() {
    let pool = pool("rest", 1);
    let lock = Arc::new(Mutex::named("rest.lock", ()));
    let (begun, begins) = channel();
    let (wanted, held) = (Arc::clone(&lock), lock.lock());
    let task = pool
        .submit(move || {
            begun.send(()).unwrap();
            wanted.lock_checked().is_err()
        })
        .unwrap();
    begins.recv().unwrap();
    let waiter = catch_unwind(AssertUnwindSafe(|| pool.wait_idle()));
    drop(held);
    assert_eq!(
        task.join().unwrap(),
        waiter.is_ok(),
        "exactly one of the two gave up"
    );
}

/// Waits for room under a lock that so many tasks want; says how many of all of them were told of a deadlock.
fn wait_for_room_under_a_lock(workers: usize, wanting: usize) -> usize {
    let builder = Pool::builder("room").workers(workers).queue_capacity(1);
    let pool = Arc::new(builder.build().unwrap());
    let lock = Arc::new(Mutex::named("room.lock", ()));
    let (begun, begins) = channel();
    let (opened, gate) = channel::<()>();
    let mut gate = Some(gate);
    let guard = lock.lock();
    let tasks: Vec<_> = (0..workers)
        .map(|number| {
            let (lock, begun) = (Arc::clone(&lock), begun.clone());
            let gate = gate.take_if(|_| number >= wanting);
            let task = pool.submit(move || {
                begun.send(()).unwrap();
                match gate {
                    Some(gate) => gate.recv().is_ok(), // never: it is dropped
                    None => matches!(lock.lock_checked(), Err(LockError::Deadlock(_))),
                }
            });
            begins.recv().unwrap();
            task.unwrap()
        })
        .collect();
    let queued = pool.submit(|| false).unwrap();
    // Whoever is free makes room once this thread, which waits for it, has let another go on.
    drop(opened);
    let refused = match pool.submit(|| false) {
        Ok(handle) => {
            drop(guard);
            assert!(!handle.join().unwrap());
            false
        }
        Err(Rejected { task, reason }) => {
            drop(guard);
            assert!(!task(), "the task came back");
            let RejectReason::Deadlock { report, .. } = reason else {
                panic!("{reason:?}")
            };
            assert_eq!(report.kind(), FindingKind::Deadlock);
            let text = report.to_string();
            assert!(
                text.contains("was to make room in the queue of pool `room`"),
                "{text}"
            );
            true
        }
    };
    let told = tasks.into_iter().map(|task| task.join().unwrap());
    let told = told.filter(|told| *told).count() + usize::from(refused);
    assert!(!queued.join().unwrap());
    told
}

#[test]
fn waiting_for_room_under_a_lock_that_all_workers_want_does_not_hang() {
    for workers in [1, 3] {
        for _ in 0..20 {
            assert_eq!(wait_for_room_under_a_lock(workers, workers), 1);
        }
    }
}

#[test]
fn waiting_for_room_that_one_free_worker_can_make_is_no_deadlock() {
    for _ in 0..20 {
        assert_eq!(wait_for_room_under_a_lock(3, 2), 0);
    }
}

/// Keeps the only worker of a pool with a task that wants a lock of the caller's; returns what that task is told, once
/// `waits` waits for another task of the pool in vain.
fn want_a_lock_on_the_only_worker(pool: &Pool, waits: impl FnOnce(&Pool)) -> Option<Box<Report>> {
    let lock = Arc::new(Mutex::named("only.lock", ()));
    let guard = lock.lock();
    let wanted = Arc::clone(&lock);
    let wants = pool.submit(move || {
        loop {
            // With a limit, so that it is this wait that is found out, however late the other begins.
            match wanted.lock_timeout(Duration::from_millis(10)) {
                Err(LockError::Deadlock(report)) => break Some(report),
                Err(_) => {}
                Ok(_) => break None,
            }
        }
    });
    waits(pool);
    drop(guard);
    wants.unwrap().join().unwrap()
}

/// Two workers on a pool for one: the second came while the first waited inside a task.
fn pool_with_a_worker_too_many() -> Arc<Pool> {
    let (only, other) = (pool("only", 1), pool("other", 1));
    let gate = Gate::shut(&other);
    let awaited = other.submit(|| ()).unwrap();
    let waits = only.submit(move || awaited.join().unwrap()).unwrap();
    only.submit(|| ()).unwrap().join().unwrap();
    drop(gate);
    waits.join().unwrap();
    assert_eq!(only.metrics().workers.live, 2);
    only
}

#[test]
fn joining_a_queued_task_under_a_lock_that_all_workers_want_is_reported() {
    without_hanging(|| {
        // One that is parked, and may not work, does not hide that all others are stuck.
        for pool in [pool("only", 1), pool_with_a_worker_too_many()] {
            let told = want_a_lock_on_the_only_worker(&pool, |pool| {
                let queued = pool.task(|| ()).name("queued").submit().unwrap();
                let joined = queued.join();
                // The worker is told, and lets the queued task run; or who joins.
                let Err(TaskError::Deadlock(report)) = joined else {
                    return joined.unwrap();
                };
                assert_eq!(report.kind(), FindingKind::Deadlock);
            });
            if let Some(report) = told {
                let text = report.to_string();
                let begin = "was to begin task `queued` on pool `only`";
                assert!(text.contains(begin), "{text}");
            }
        }
    });
}

#[test]
fn who_waits_for_a_queued_task_is_told_when_the_last_worker_that_could_run_it_parks() {
    without_hanging(|| {
        let (only, other) = (pool("only", 1), pool("other", 1));
        let lock = Arc::new(Mutex::named("only.lock", ()));
        let gate = Gate::shut(&other);
        let awaited = other.submit(|| ()).unwrap();
        let waits = only.submit(move || awaited.join().unwrap()).unwrap();
        let guard = lock.lock();
        let wanted = Arc::clone(&lock);
        let (begun, begins) = channel();
        let wants = only.submit(move || {
            begun.send(()).unwrap();
            wanted.lock_checked().is_ok()
        });
        begins.recv().unwrap();
        let queued = only.submit(|| ()).unwrap();
        let opener = thread::spawn(move || {
            // By then the join should wait. If it does not yet, it is told at once instead.
            thread::sleep(Duration::from_millis(50));
            drop(gate);
        });
        // The first worker goes on, and is one too many beside the second, which is stuck.
        let joined = queued.join();
        drop(guard);
        let told = matches!(joined, Err(TaskError::Deadlock(_)));
        // Should that one have come to its lock only after all this, it is told in our place.
        assert_eq!(wants.unwrap().join().unwrap(), told, "{joined:?}");
        waits.join().unwrap();
        opener.join().unwrap();
    });
}

#[test]
fn a_scope_under_a_lock_that_all_workers_want_is_reported() {
    let told = without_hanging(|| {
        want_a_lock_on_the_only_worker(&pool("only", 1), |pool| {
            pool.scope(|scope| scope.execute(|| ()));
        })
    });
    let report = told.expect("the scope cannot go on, so the worker was told");
    assert_eq!(report.kind(), FindingKind::Deadlock);
    let begin = "was to begin the tasks of a scope on pool `only`";
    assert!(report.to_string().contains(begin), "{report}");
}

#[test]
fn workers_that_all_wait_for_rest_under_locks_are_told_of_what_is_queued() {
    without_hanging(|| {
        let pool = pool("rest", 1);
        // Under locks, so that they do not run what is queued on top of what they are at; and that is not run by others, as
        // no more than two threads are started for one that may work.
        let locks = [(); 2].map(|()| Mutex::new(()));
        let (queued, locks) = (Arc::new(AtomicUsize::new(0)), Arc::new(locks));
        let gate = Gate::shut(&pool);
        let waits = [0, 1].map(|number| {
            let (inner, locks, queued) =
                (Arc::clone(&pool), Arc::clone(&locks), Arc::clone(&queued));
            let wait = move || {
                let _guard = locks[number].lock();
                inner
                    .execute(move || _ = queued.fetch_add(1, Relaxed))
                    .unwrap();
                inner.wait_idle();
            };
            pool.submit(wait).unwrap()
        });
        drop(gate);
        let told = waits.map(|wait| wait.join().is_err());
        pool.wait_idle();
        assert_eq!(queued.load(Relaxed), 2);
        assert_ne!(told, [false, false]);
    });
}

#[test]
fn waiting_for_rest_under_a_lock_that_a_guest_of_the_pool_wants_does_not_hang() {
    let builder = Pool::builder("guests").workers(1).queue_capacity(1);
    let pool = builder.when_full(WhenFull::CallerRuns).build().unwrap();
    let lock = Mutex::named("guests.lock", ());
    let (inside, is_inside) = channel();
    let (held, is_held) = channel();
    thread::scope(|threads| {
        let gate = Gate::shut(&pool);
        pool.execute(|| ()).unwrap(); // now the queue is full
        let (pool, lock) = (&pool, &lock);
        let waits = threads.spawn(move || {
            let _guard = lock.lock();
            held.send(()).unwrap();
            is_inside.recv().unwrap();
            catch_unwind(AssertUnwindSafe(|| pool.wait_idle())).is_err()
        });
        is_held.recv().unwrap();
        let guest = pool.scope(|scope| {
            let wants = scope.submit(|| {
                inside.send(()).unwrap();
                lock.lock_checked().is_err()
            });
            wants.join().unwrap()
        });
        drop(gate);
        assert!(waits.join().unwrap() || guest, "one of them is told");
    });
}
