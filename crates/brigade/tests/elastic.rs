//! There are as many workers as the work needs, between the bounds, and the bounds can be moved.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::Duration;

use brigade::Pool;
use brigade::pool::{BuildError, Builder, Start};
use gate::Gate;
use until::until;

/// Runs `count` tasks that cannot end before all of them have begun.
fn run_together(pool: &Pool, count: usize) {
    let barrier = Arc::new(Barrier::new(count));
    let tasks = (0..count).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || barrier.wait()
    });
    for handle in pool.submit_batch(tasks).unwrap() {
        handle.join().unwrap();
    }
}

#[test]
fn a_pool_grows_to_its_largest_number_and_no_further() {
    let pool = Pool::builder("grows").workers(1..=3).build().unwrap();
    assert_eq!(pool.metrics().workers.live, 1);
    run_together(&pool, 3);
    let gates = [(); 3].map(|()| Gate::shut(&pool));
    let waits = pool.submit(|| ()).unwrap();
    let metrics = pool.metrics();
    assert_eq!((metrics.workers.live, metrics.workers.peak), (3, 3));
    assert_eq!((metrics.queued, metrics.running), (1, 3));
    drop(gates);
    waits.join().unwrap();
}

#[test]
fn no_worker_is_added_while_one_is_idle() {
    let pool = Pool::builder("enough").workers(1..=4).build().unwrap();
    for _ in 0..100 {
        until(|| pool.metrics().workers.idle == 1);
        pool.submit(|| ()).unwrap().join().unwrap();
    }
    assert_eq!(pool.metrics().workers.peak, 1);
}

#[test]
fn idle_workers_leave_down_to_the_smallest_number() {
    let builder = Pool::builder("shrinks").workers(1..=4);
    let pool = builder
        .idle_timeout(Duration::from_millis(1))
        .build()
        .unwrap();
    run_together(&pool, 4);
    until(|| pool.metrics().workers.live == 1);
    run_together(&pool, 4); // and come back
    assert_eq!(pool.metrics().workers.peak, 4);
}

#[test]
fn a_pool_with_no_smallest_number_ends_with_no_thread_and_starts_again() {
    let builder = Pool::builder("none").workers(..=2);
    let pool = builder.idle_timeout(Duration::ZERO).build().unwrap();
    for number in 0..50 {
        assert_eq!(pool.submit(move || number).unwrap().join().unwrap(), number);
        until(|| pool.metrics().workers.live == 0);
    }
    // This is how one sees that it ends its threads too soon.
    let workers = pool.metrics().workers;
    assert!(workers.started >= 50 && workers.peak == 1, "{workers:?}");
}

#[test]
fn the_most_recently_idle_worker_is_woken_first() {
    let pool = Pool::builder("recent").workers(3).build().unwrap();
    for last in [0, 1, 2, 1] {
        // Each is held inside a task, and parks when it is let go.
        let (told, hears) = channel();
        let mut held: Vec<_> = (0..3)
            .map(|_| {
                let (told, (open, opens)) = (told.clone(), channel::<()>());
                pool.execute(move || {
                    told.send(thread::current().id()).unwrap();
                    opens.recv().unwrap_or_default();
                })
                .unwrap();
                (hears.recv().unwrap(), open)
            })
            .collect();
        let (expected, open_last): (ThreadId, _) = held.remove(last);
        for (parked, (_, open)) in held.into_iter().enumerate() {
            drop(open);
            until(|| pool.metrics().workers.idle == parked + 1);
        }
        drop(open_last);
        until(|| pool.metrics().workers.idle == 3);
        let woken = pool.submit(|| thread::current().id()).unwrap();
        assert_eq!(woken.join().unwrap(), expected);
        until(|| pool.metrics().workers.idle == 3);
    }
}

#[test]
fn a_pool_can_be_resized_to_more_while_it_is_busy() {
    let pool = Pool::builder("more").workers(1).build().unwrap();
    let barrier = Arc::new(Barrier::new(3));
    let tasks = (0..3).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || barrier.wait()
    });
    // One worker alone would never come through.
    let handles = pool.submit_batch(tasks).unwrap();
    pool.resize(2..=3).unwrap();
    for handle in handles {
        handle.join().unwrap();
    }
    assert_eq!(pool.metrics().workers.peak, 3);
}

#[test]
fn a_pool_can_be_resized_to_fewer_while_it_is_busy() {
    let pool = Pool::builder("fewer").workers(4).build().unwrap();
    let gates = [(); 4].map(|()| Gate::shut(&pool));
    pool.resize(1).unwrap();
    let waits = pool.submit(|| 7).unwrap();
    assert_eq!(
        pool.metrics().workers.live,
        4,
        "nobody leaves inside a task"
    );
    drop(gates);
    assert_eq!(waits.join().unwrap(), 7);
    until(|| pool.metrics().workers.live == 1);
    let gate = Gate::shut(&pool);
    let alone = pool.submit(|| ()).unwrap();
    assert_eq!(pool.metrics().running, 1);
    drop(gate);
    alone.join().unwrap();
}

#[test]
fn idle_workers_leave_at_once_when_there_are_too_many() {
    let pool = Pool::builder("trimmed").workers(4).build().unwrap();
    until(|| pool.metrics().workers.idle == 4);
    pool.resize(2).unwrap();
    until(|| pool.metrics().workers.live == 2);
    run_together(&pool, 2);
}

#[test]
fn sizes_that_cannot_work_are_refused_and_change_nothing() {
    let invalid =
        |built: Result<Pool, BuildError>| matches!(built, Err(BuildError::Invalid { .. }));
    assert!(invalid(Pool::builder("zero").workers(0).build()));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = 3..=2;
    assert!(invalid(
        Pool::builder("reversed").workers(reversed.clone()).build()
    ));
    assert!(invalid(Pool::builder("no room").queue_capacity(0).build()));
    assert!(invalid(Pool::builder("nul\0").build()));
    let pool = Pool::builder("keeps").workers(2).build().unwrap();
    assert!(matches!(pool.resize(0), Err(BuildError::Invalid { .. })));
    let problem = pool.resize(reversed).unwrap_err().to_string();
    assert!(
        problem.contains("`keeps`") && problem.contains("3..=2"),
        "{problem}"
    );
    run_together(&pool, 2);
}

#[test]
fn a_pool_may_have_any_number_of_workers_and_places() {
    let builder = Pool::builder("boundless").workers(1..=usize::MAX);
    let pool = builder.queue_capacity(usize::MAX).build().unwrap();
    run_together(&pool, 3);
    assert_eq!(
        pool.map(&[1, 2, 3], |number| number * 2).unwrap(),
        [2, 4, 6]
    );
}

/// Counts the threads that a pool asks for.
fn counting(builder: Builder) -> (Builder, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&asked);
    let builder = builder.spawn_handler(move |thread, body| {
        counts.fetch_add(1, SeqCst);
        thread.spawn(body)
    });
    (builder, asked)
}

#[test]
fn an_eager_pool_starts_its_smallest_number_at_once() {
    let (builder, asked) = counting(Pool::builder("eager").workers(2..=4));
    let pool = builder.start(Start::Eager).build().unwrap();
    assert_eq!((asked.load(SeqCst), pool.metrics().workers.live), (2, 2));
}

#[test]
fn a_lazy_pool_starts_a_thread_when_a_task_would_wait() {
    let (builder, asked) = counting(Pool::builder("lazy").workers(2..=4));
    let pool = builder.start(Start::Lazy).build().unwrap();
    assert_eq!((asked.load(SeqCst), pool.metrics().workers.live), (0, 0));
    let gate = Gate::shut(&pool);
    assert_eq!(asked.load(SeqCst), 1);
    pool.submit(|| ()).unwrap().join().unwrap();
    assert_eq!(asked.load(SeqCst), 2);
    drop(gate);
}

#[test]
fn workers_are_named_after_their_pool_and_number() {
    let pool = Pool::builder("render").workers(3).build().unwrap();
    let barrier = Arc::new(Barrier::new(3));
    let tasks = (0..3).map(|_| {
        let barrier = Arc::clone(&barrier);
        move || {
            barrier.wait();
            thread::current().name().map(str::to_owned)
        }
    });
    let handles = pool.submit_batch(tasks).unwrap().into_iter();
    let mut names: Vec<_> = handles.map(|handle| handle.join().unwrap()).collect();
    names.sort();
    let expected = [0, 1, 2].map(|number| Some(format!("render-worker-{number}")));
    assert_eq!(names, expected);
}

#[test]
fn workers_have_the_stack_they_were_promised() {
    const SIZE: usize = 32 << 20;
    let builder = Pool::builder("deep").workers(1);
    let pool = builder.stack_size(SIZE).build().unwrap();
    let sum = pool.submit(|| {
        // Far more than a thread's usual stack.
        let large = std::hint::black_box([1_u8; SIZE / 8]);
        large.iter().map(|&byte| usize::from(byte)).sum::<usize>()
    });
    assert_eq!(sum.unwrap().join().unwrap(), SIZE / 8);
}

/// A pool whose last worker is inside its `on_stop` hook, until the sender is dropped.
fn leaving(name: &str) -> (Pool, std::sync::mpsc::Sender<()>, Arc<AtomicBool>) {
    let (open, opens) = channel::<()>();
    let (told, hears) = channel();
    let opens = parking_lot::Mutex::new(opens);
    let refuse = Arc::new(AtomicBool::new(false));
    let refuses = Arc::clone(&refuse);
    let pool = Pool::builder(name)
        .workers(..=1)
        .idle_timeout(Duration::ZERO)
        .on_stop(move || {
            let _ = told.send(());
            let _ = opens.lock().recv();
        })
        .spawn_handler(move |thread, body| {
            if refuses.load(SeqCst) {
                return Err(std::io::ErrorKind::WouldBlock.into());
            }
            thread.spawn(body)
        })
        .build()
        .unwrap();
    pool.submit(|| ()).unwrap().join().unwrap();
    hears.recv().unwrap();
    (pool, open, refuse)
}

#[test]
fn a_task_accepted_while_the_last_worker_leaves_is_run() {
    let (pool, open, _) = leaving("leaving");
    let handle = pool.submit(|| 7).unwrap();
    drop(open);
    assert_eq!(handle.join().unwrap(), 7);
}

#[test]
fn a_task_accepted_while_the_last_worker_leaves_needs_no_other_thread() {
    let (pool, open, refuse) = leaving("leaving alone");
    refuse.store(true, SeqCst);
    let handle = pool.submit(|| 7).unwrap();
    drop(open);
    assert_eq!(handle.join().unwrap(), 7);
}

#[test]
fn never_so_many_leave_at_once_that_too_few_remain() {
    let (open, opens) = channel::<()>();
    let opens = parking_lot::Mutex::new(opens);
    let stopped = Arc::new(AtomicUsize::new(0));
    let stops = Arc::clone(&stopped);
    let pool = Pool::builder("remain")
        .workers(1..=3)
        .idle_timeout(Duration::ZERO)
        .on_stop(move || {
            stops.fetch_add(1, SeqCst);
            let _ = opens.lock().recv();
        })
        .build()
        .unwrap();
    run_together(&pool, 3);
    // Two are on their way, and still there; the third knows that they will not be.
    until(|| pool.metrics().workers.idle == 1);
    drop(open);
    until(|| pool.metrics().workers.live == 1);
    assert_eq!(stopped.load(SeqCst), 2);
}
