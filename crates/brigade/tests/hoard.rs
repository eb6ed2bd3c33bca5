//! Workers claim tiny tasks ahead. None of those ever waits behind a long one while another worker is
//! free or could be had.
#![cfg(not(any(loom, shuttle)))]

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use brigade::Pool;

/// Runs so many tiny tasks that workers take them in batches.
fn make_tasks_tiny(pool: &Pool) {
    for _ in 0..20_000 {
        pool.execute(|| ()).unwrap();
    }
    pool.wait_idle();
}

/// Keeps its worker busy, as work does.
fn work_for(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        spin_loop();
    }
}

/// Hands over, from inside a task, `before` and then a task that waits for one behind it; so that one
/// worker is likely to claim all of them. Returns when both have run.
fn run_behind(pool: &Arc<Pool>, before: Vec<Box<dyn FnOnce() + Send>>) {
    let inner = Arc::clone(pool);
    let (done, ends): (Sender<()>, Receiver<()>) = channel();
    pool.execute(move || {
        for task in before {
            inner.execute(task).unwrap();
        }
        let (send, receive) = channel();
        inner.execute(move || receive.recv().unwrap()).unwrap();
        inner.execute(move || send.send(()).unwrap()).unwrap();
        for _ in 0..20 {
            inner.execute(|| ()).unwrap();
        }
        drop(done);
    })
    .unwrap();
    assert!(ends.recv().is_err());
    pool.wait_idle();
}

#[test]
fn a_claimed_task_is_not_left_behind_one_that_waits_for_it() {
    let builder = Pool::builder("behind").workers(2);
    let pool = Arc::new(builder.build().unwrap());
    for _ in 0..50 {
        make_tasks_tiny(&pool);
        run_behind(&pool, Vec::new());
    }
}

#[test]
fn claimed_tasks_are_watched_for_as_long_as_there_are_any() {
    let builder = Pool::builder("watched").workers(2);
    let pool = Arc::new(builder.build().unwrap());
    for _ in 0..10 {
        make_tasks_tiny(&pool);
        // Longer in all than the guard's patience with a queue where nothing moves.
        let slow = || Box::new(|| work_for(Duration::from_millis(1))) as Box<dyn FnOnce() + Send>;
        run_behind(&pool, (0..30).map(|_| slow()).collect());
    }
}

#[test]
fn claimed_tasks_are_watched_though_idle_workers_leave() {
    let builder = Pool::builder("leaving").workers(1..=2);
    let pool = Arc::new(
        builder
            .idle_timeout(Duration::from_millis(1))
            .build()
            .unwrap(),
    );
    for _ in 0..50 {
        make_tasks_tiny(&pool);
        let slow = || Box::new(|| work_for(Duration::from_micros(200))) as Box<dyn FnOnce() + Send>;
        run_behind(&pool, (0..10).map(|_| slow()).collect());
    }
}

#[test]
fn a_worker_that_blocks_makes_room_for_what_others_have_claimed() {
    let builder = Pool::builder("blocks").workers(2);
    let pool = Arc::new(builder.build().unwrap());
    for _ in 0..20 {
        make_tasks_tiny(&pool);
        let (send, receive) = channel::<()>();
        let (go, goes) = channel();
        // Waits for a task that the other worker is in, which waits for one that it has claimed.
        let waits_for_it = pool.submit(move || receive.recv().unwrap()).unwrap();
        let waits = pool.submit(move || {
            goes.recv().unwrap();
            waits_for_it.join().unwrap();
        });
        for _ in 0..20 {
            pool.execute(|| ()).unwrap();
        }
        pool.execute(move || send.send(()).unwrap()).unwrap();
        go.send(()).unwrap();
        waits.unwrap().join().unwrap();
        pool.wait_idle();
    }
}

#[test]
fn a_pool_that_may_grow_takes_back_what_its_only_worker_has_claimed() {
    let builder = Pool::builder("grows").workers(1);
    let pool = Arc::new(builder.build().unwrap());
    for _ in 0..20 {
        make_tasks_tiny(&pool);
        let inner = Arc::clone(&pool);
        let (inside, entered) = channel();
        let (send, receive) = channel();
        let waits = pool.submit(move || {
            inner
                .execute(move || {
                    inside.send(()).unwrap();
                    receive.recv().unwrap();
                })
                .unwrap();
            for _ in 0..20 {
                inner.execute(|| ()).unwrap();
            }
            inner.submit(move || send.send(()).unwrap()).unwrap()
        });
        let behind = waits.unwrap().join().unwrap();
        entered.recv().unwrap();
        pool.resize(1..=2).unwrap();
        behind.join().unwrap();
        pool.resize(1).unwrap();
    }
}
