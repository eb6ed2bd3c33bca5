//! A task may capture what it likes, as much as it likes: it is there when the task runs, and goes once.
#![cfg(not(any(loom, shuttle)))]

mod gate;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use brigade::Pool;
use brigade::pool::{Cancel, Shutdown};
use gate::Gate;

fn pool() -> Pool {
    let builder = Pool::builder("captures").workers(1);
    builder.queue_capacity(1_000).build().unwrap()
}

/// Tasks that have run, and captures that are still alive.
#[derive(Default)]
struct Seen {
    ran: AtomicUsize,
    alive: Arc<()>,
}

/// A task that captures so many bytes, and looks at them when it runs.
fn task<const BYTES: usize>(seen: &Arc<Seen>, fill: u8) -> impl FnOnce() + Send + 'static {
    let captured = ([fill; BYTES], Arc::clone(&seen.alive), Arc::clone(seen));
    move || {
        let (bytes, _alive, seen) = captured;
        assert!(bytes.iter().all(|byte| *byte == fill), "{bytes:?}");
        seen.ran.fetch_add(1, Relaxed);
    }
}

/// Sizes below, at and above what is stored in place; returns how many tasks that makes.
fn execute_all(pool: &Pool, seen: &Arc<Seen>) -> usize {
    for fill in 0..10 {
        pool.execute(task::<0>(seen, fill)).unwrap();
        pool.execute(task::<32>(seen, fill)).unwrap();
        pool.execute(task::<33>(seen, fill)).unwrap();
        pool.execute(task::<48>(seen, fill)).unwrap();
        pool.execute(task::<4_000>(seen, fill)).unwrap();
    }
    50
}

#[test]
fn captures_of_any_size_are_there_when_the_task_runs() {
    let (pool, seen) = (pool(), Arc::<Seen>::default());
    let gate = Gate::shut(&pool);
    let queued = execute_all(&pool, &seen);
    drop(gate);
    pool.wait_idle();
    assert_eq!(pool.metrics().panicked, 0);
    assert_eq!(seen.ran.load(Relaxed), queued);
    assert_eq!(Arc::strong_count(&seen.alive), 1, "each went once");
}

#[test]
fn captures_of_any_size_are_handed_back() {
    let (pool, seen) = (pool(), Arc::<Seen>::default());
    let gate = Gate::shut(&pool);
    let queued = execute_all(&pool, &seen);
    let report = std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shutdown(Shutdown::now()));
        while pool.execute(|| ()).is_ok() {
            std::thread::yield_now();
        }
        drop(gate);
        shutdown.join().unwrap()
    });
    let mut run = 0;
    for unstarted in report.unstarted {
        unstarted.run();
        run += 1;
    }
    assert!(run >= queued, "besides those by which the end was seen");
    assert_eq!(seen.ran.load(Relaxed), queued);
    assert_eq!(Arc::strong_count(&seen.alive), 1, "each went once");
}

/// Small, but nowhere to be put but at multiples of its size.
#[repr(align(32))]
struct Aligned([u8; 32]);

#[test]
fn captures_lie_where_their_alignment_wants_them() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let tasks: Vec<_> = (0..10)
        .map(|fill| {
            let captured = Aligned([fill; 32]);
            pool.submit(move || {
                let captured = &captured;
                assert!(captured.0 == [fill; 32]);
                std::ptr::from_ref(captured).addr() % 32
            })
            .unwrap()
        })
        .collect();
    let (told, hears) = std::sync::mpsc::channel();
    for fill in 0..10 {
        let (captured, told) = (Aligned([fill; 32]), told.clone());
        let task = move || {
            let captured = &captured;
            told.send((std::ptr::from_ref(captured).addr() % 32, captured.0))
                .unwrap();
        };
        pool.execute(task).unwrap();
    }
    drop((gate, told));
    assert!(tasks.into_iter().all(|task| task.join().unwrap() == 0));
    let expected: Vec<_> = (0..10).map(|fill| (0, [fill; 32])).collect();
    assert_eq!(hears.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_left_of_cancelled_tasks_goes_and_takes_no_other_with_it() {
    let (pool, seen) = (pool(), Arc::<Seen>::default());
    let gate = Gate::shut(&pool);
    let queued = execute_all(&pool, &seen);
    // So many that the queue is swept.
    for _ in 0..200 {
        let cancelled = pool.submit(task::<8>(&seen, 0)).unwrap();
        assert_eq!(cancelled.cancel(), Cancel::Removed);
    }
    assert_eq!(pool.metrics().queued, queued);
    drop(gate);
    pool.wait_idle();
    assert_eq!(seen.ran.load(Relaxed), queued);
    assert_eq!(Arc::strong_count(&seen.alive), 1, "each went once");
}
