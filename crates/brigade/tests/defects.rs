//! The defects of the common textbook thread pool, each shown not to be here.
#![cfg(not(any(loom, shuttle)))]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use brigade::Pool;
use brigade::pool::{MapError, RejectReason, Rejected, Shutdown, TaskError};
use parking_lot::Mutex;

#[test]
fn twenty_tasks_of_one_priority_run_in_their_order_on_one_worker() {
    let pool = Pool::builder("order").workers(1).build().unwrap();
    let (opened, gate) = channel::<()>();
    let (told, hears) = channel();
    pool.execute(move || gate.recv().unwrap_or_default())
        .unwrap();
    for number in 0..20 {
        let told = told.clone();
        pool.execute(move || told.send(number).unwrap()).unwrap();
    }
    drop((opened, told));
    assert_eq!(
        hears.iter().collect::<Vec<_>>(),
        (0..20).collect::<Vec<_>>()
    );
}

#[test]
fn a_map_of_nothing_returns_while_every_worker_is_busy() {
    let pool = Pool::builder("empty").workers(1).build().unwrap();
    let (opened, gate) = channel::<()>();
    pool.execute(move || gate.recv().unwrap_or_default())
        .unwrap();
    assert_eq!(pool.map(&[], |item: &u8| *item).unwrap(), [0_u8; 0]);
    drop(opened);
}

#[test]
fn a_map_that_runs_out_of_time_says_which_items_have_no_result() {
    let pool = Pool::builder("late").workers(1).build().unwrap();
    let (opened, gate) = sync_channel::<()>(0);
    let gate = Mutex::new(gate);
    let result = pool.map_timeout(
        (0..4).collect(),
        Duration::from_millis(50),
        move |item: &u32| {
            if *item == 2 {
                let _ = gate.lock().recv();
            }
            *item
        },
    );
    drop(opened);
    let Err(MapError::TimedOut { unfinished, .. }) = result else {
        panic!("{result:?}")
    };
    assert!(
        unfinished.iter().any(|range| range.contains(&2)),
        "{unfinished:?}"
    );
    assert!(
        unfinished.iter().all(|range| range.end <= 4),
        "{unfinished:?}"
    );
}

#[test]
fn a_drain_runs_fifty_of_fifty() {
    let pool = Pool::builder("drain").workers(2).build().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let ran = Arc::clone(&ran);
        pool.execute(move || {
            ran.fetch_add(1, Relaxed);
        })
        .unwrap();
    }
    let report = pool.shutdown(Shutdown::drain());
    assert_eq!(
        (ran.load(Relaxed), report.completed, report.unstarted.len()),
        (50, 50, 0)
    );
}

#[test]
fn try_submit_on_a_full_queue_returns_at_once_with_its_task() {
    let pool = Pool::builder("full")
        .workers(1)
        .queue_capacity(2)
        .build()
        .unwrap();
    let (opened, gate) = channel::<()>();
    let (started, starts) = channel();
    pool.execute(move || {
        started.send(()).unwrap();
        let _ = gate.recv();
    })
    .unwrap();
    starts.recv().unwrap();
    let handles = [
        pool.try_submit(|| 1).unwrap(),
        pool.try_submit(|| 2).unwrap(),
    ];
    // If this waited, the test would not end: the gate is opened after it.
    let Err(Rejected {
        task,
        reason:
            RejectReason::Full {
                capacity,
                retry_after,
                waited,
                ..
            },
    }) = pool.try_submit(|| 3)
    else {
        panic!("the queue is full")
    };
    assert_eq!((task(), capacity, waited), (3, 2, Duration::ZERO));
    assert!(!retry_after.is_zero());
    drop(opened);
    assert_eq!(handles.map(|handle| handle.join().unwrap()), [1, 2]);
}

#[test]
fn a_map_inside_a_map_ends_on_one_worker() {
    let pool = Arc::new(
        Pool::builder("nested")
            .workers(1)
            .queue_capacity(1)
            .build()
            .unwrap(),
    );
    let rows = [1_u64, 2, 3];
    let sums = pool.map(&rows, |row| {
        let inner = pool.map(&rows, |column| row * column).unwrap();
        inner.iter().sum::<u64>()
    });
    assert_eq!(sums.unwrap(), [6, 12, 18]);
}

#[test]
fn equal_names_never_coexist() {
    let living = Arc::new(Mutex::new(HashSet::new()));
    let (arrives, leaves) = (Arc::clone(&living), Arc::clone(&living));
    let twins = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&twins);
    let name = || thread::current().name().unwrap_or_default().to_owned();
    let started = Arc::new(AtomicUsize::new(0));
    let starts = Arc::clone(&started);
    let pool = Pool::builder("names")
        .workers(..=4)
        .idle_timeout(Duration::ZERO)
        .on_start(move || {
            starts.fetch_add(1, Relaxed);
            if !arrives.lock().insert(name()) {
                counted.fetch_add(1, Relaxed);
            }
        })
        .on_stop(move || {
            leaves
                .lock()
                .remove(thread::current().name().unwrap_or_default());
        })
        .build()
        .unwrap();
    for _ in 0..300 {
        let handles = pool.submit_batch((0..4).map(|_| || ())).unwrap();
        for handle in handles {
            handle.join().unwrap();
        }
    }
    drop(pool);
    assert!(started.load(Relaxed) > 4, "workers came and went");
    assert_eq!((twins.load(Relaxed), living.lock().len()), (0, 0));
}

#[test]
fn submits_racing_a_shutdown_lose_nothing() {
    for round in 0..10_000 {
        let pool = Pool::builder("race")
            .workers(2)
            .queue_capacity(4)
            .histograms(false)
            .build();
        let pool = pool.unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(3);
        let how = if round % 2 == 0 {
            Shutdown::drain()
        } else {
            Shutdown::now()
        };
        let (accepted, refused, handed_back) = thread::scope(|scope| {
            let producers = [0, 1].map(|producer| {
                let (pool, ran, start) = (&pool, &ran, &start);
                scope.spawn(move || {
                    let (mut accepted, mut refused) = (0, 0);
                    start.wait();
                    for number in 0..6 {
                        let ran = Arc::clone(ran);
                        let task = move || {
                            ran.fetch_add(1, Relaxed);
                        };
                        let outcome = match (producer + number) % 3 {
                            0 => pool.execute(task),
                            1 => pool.submit(task).map(drop),
                            _ => pool.try_execute(task),
                        };
                        match outcome {
                            Ok(()) => accepted += 1,
                            Err(_) => refused += 1,
                        }
                    }
                    (accepted, refused)
                })
            });
            start.wait();
            let report = pool.shutdown(how);
            let counts = producers.map(|producer| producer.join().unwrap());
            let accepted: usize = counts.iter().map(|(accepted, _)| accepted).sum();
            let refused: usize = counts.iter().map(|(_, refused)| refused).sum();
            (accepted, refused, report.unstarted.len())
        });
        assert_eq!(accepted + refused, 12);
        assert_eq!(ran.load(Relaxed) + handed_back, accepted, "round {round}");
    }
}

#[test]
fn panicking_tasks_do_not_reduce_the_number_of_workers() {
    let pool = Pool::builder("panics").workers(3).build().unwrap();
    for _ in 0..30 {
        let handle = pool
            .submit(|| std::panic::resume_unwind(Box::new("expected")))
            .unwrap();
        assert!(matches!(handle.join(), Err(TaskError::Panicked(_))));
    }
    // Three tasks that wait for each other need three workers at once.
    let together = Arc::new(Barrier::new(3));
    let handles = pool.submit_batch((0..3).map(|_| {
        let together = Arc::clone(&together);
        move || together.wait()
    }));
    for handle in handles.unwrap() {
        handle.join().unwrap();
    }
    assert_eq!(
        (pool.metrics().panicked, pool.metrics().workers.live),
        (30, 3)
    );
}
