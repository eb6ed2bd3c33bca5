//! Long random schedules of the whole pool: `--cfg shuttle`.
//!
//! What loom cannot finish: several producers and workers, priorities, cancels, joins between tasks,
//! scopes, a queue that is mostly full, and shutdowns in the midst of it. A schedule that fails is printed
//! by shuttle, and can be replayed.
#![cfg(shuttle)]

use std::sync::Arc;

use brigade::Priority;
use brigade::pool::{Cancel, Pool, Shutdown, TaskError};
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::thread;

/// Runs a scenario on random schedules and on such with few, well-placed switches (PCT).
fn sample(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(scenario.clone(), 3_000);
    shuttle::check_pct(scenario, 3_000, 3);
}

fn pool(workers: std::ops::RangeInclusive<usize>, capacity: usize) -> Arc<Pool> {
    let builder = Pool::builder("scenario")
        .workers(workers)
        .queue_capacity(capacity);
    Arc::new(builder.histograms(false).build().unwrap())
}

#[test]
fn every_task_of_a_busy_pool_is_accounted_for() {
    sample(|| {
        let pool = pool(1..=3, 2);
        let ran = Arc::new(AtomicUsize::new(0));
        let producers: Vec<_> = (0..2_u8)
            .map(|producer| {
                let (pool, ran) = (Arc::clone(&pool), Arc::clone(&ran));
                thread::spawn(move || {
                    let mut removed = 0;
                    for number in 0..4_u8 {
                        let ran = Arc::clone(&ran);
                        let task = pool.task(move || {
                            thread::yield_now();
                            ran.fetch_add(1, SeqCst)
                        });
                        let handle = task.priority(Priority(number * 60)).submit().unwrap();
                        match (producer + number) % 3 {
                            0 => removed += usize::from(handle.cancel() == Cancel::Removed),
                            1 => drop(handle),
                            _ => assert!(handle.join().is_ok()),
                        }
                    }
                    removed
                })
            })
            .collect();
        let removed: usize = producers
            .into_iter()
            .map(|producer| producer.join().unwrap())
            .sum();
        pool.wait_idle();
        let metrics = pool.metrics();
        assert_eq!(ran.load(SeqCst) + removed, 8);
        assert_eq!((metrics.submitted, metrics.cancelled), (8, removed as u64));
        assert_eq!(
            (metrics.completed, metrics.queued, metrics.running),
            (8 - metrics.cancelled, 0, 0)
        );
    });
}

#[test]
fn tasks_wait_for_their_children_whatever_the_schedule() {
    sample(|| {
        fn count(pool: &Arc<Pool>, depth: u32) -> u32 {
            if depth == 0 {
                return 1;
            }
            let (left, right) = (Arc::clone(pool), Arc::clone(pool));
            let left = pool.submit(move || count(&left, depth - 1)).unwrap();
            let right = pool.submit(move || count(&right, depth - 1)).unwrap();
            left.join().unwrap() + right.join().unwrap()
        }
        let pool = pool(1..=2, 1);
        let inner = Arc::clone(&pool);
        assert_eq!(
            pool.submit(move || count(&inner, 2))
                .unwrap()
                .join()
                .unwrap(),
            4
        );
    });
}

#[test]
fn scopes_and_maps_end_inside_one_another() {
    sample(|| {
        let pool = pool(1..=2, 1);
        let numbers = [1, 2, 3];
        let sum = AtomicUsize::new(0);
        pool.scope(|scope| {
            for number in &numbers {
                let (pool, sum) = (&pool, &sum);
                scope.execute(move || {
                    let products = pool.map(&numbers, |other| number * other).unwrap();
                    sum.fetch_add(products.iter().sum(), SeqCst);
                });
            }
        });
        assert_eq!(sum.load(SeqCst), 36);
    });
}

fn shutdown_races(how: fn() -> Shutdown) {
    sample(move || {
        let pool = pool(1..=2, 1);
        let ran = Arc::new(AtomicUsize::new(0));
        let producers: Vec<_> = (0..2)
            .map(|_| {
                let (pool, ran) = (Arc::clone(&pool), Arc::clone(&ran));
                thread::spawn(move || {
                    let (mut accepted, mut ended_unrun) = (0, 0);
                    for _ in 0..3 {
                        let ran = Arc::clone(&ran);
                        let Ok(handle) = pool.submit(move || ran.fetch_add(1, SeqCst)) else {
                            continue;
                        };
                        accepted += 1;
                        match handle.join() {
                            Ok(_) => {}
                            Err(TaskError::ShutDown(_)) => ended_unrun += 1,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    (accepted, ended_unrun)
                })
            })
            .collect();
        let report = pool.shutdown(how());
        let counts: Vec<(usize, usize)> = producers
            .into_iter()
            .map(|producer| producer.join().unwrap())
            .collect();
        let accepted: usize = counts.iter().map(|(accepted, _)| accepted).sum();
        let ended_unrun: usize = counts.iter().map(|(_, ended)| ended).sum();
        assert_eq!(report.unstarted.len(), ended_unrun);
        assert_eq!(ran.load(SeqCst) + ended_unrun, accepted);
    });
}

#[test]
fn a_drain_amid_submits_loses_nothing() {
    shutdown_races(Shutdown::drain);
}

#[test]
fn a_shutdown_amid_submits_loses_nothing() {
    shutdown_races(Shutdown::now);
}

#[test]
fn tasks_of_two_pools_wait_for_each_other_whatever_the_schedule() {
    sample(|| {
        fn ping(here: &Arc<Pool>, there: &Arc<Pool>, depth: u32) -> u32 {
            if depth == 0 {
                return 0;
            }
            let (next_here, next_there) = (Arc::clone(there), Arc::clone(here));
            let next = there.submit(move || ping(&next_here, &next_there, depth - 1));
            next.unwrap().join().unwrap() + 1
        }
        let (one, other) = (pool(1..=1, 1), pool(1..=1, 1));
        assert_eq!(ping(&one, &other, 6), 6);
    });
}

#[test]
fn tasks_that_wait_for_rest_all_come_to_it() {
    sample(|| {
        let pool = pool(1..=2, 2);
        let rested = Arc::new(AtomicUsize::new(0));
        for _ in 0..6 {
            let (inner, rested) = (Arc::clone(&pool), Arc::clone(&rested));
            pool.execute(move || {
                inner.wait_idle();
                rested.fetch_add(1, SeqCst);
            })
            .unwrap();
        }
        pool.wait_idle();
        assert_eq!(rested.load(SeqCst), 6);
    });
}

#[test]
fn resizes_amid_nested_tasks_strand_none() {
    sample(|| {
        let pool = pool(1..=3, 2);
        let resizer = Arc::clone(&pool);
        let resizes = thread::spawn(move || {
            for size in [1, 3, 2, 1] {
                resizer.resize(1..=size).unwrap();
            }
        });
        let handles: Vec<_> = (0..6)
            .map(|number| {
                let inner = Arc::clone(&pool);
                let task = move || inner.submit(move || number).unwrap().join().unwrap();
                pool.submit(task).unwrap()
            })
            .collect();
        let sum: i32 = handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .sum();
        assert_eq!(sum, 15);
        resizes.join().unwrap();
    });
}
