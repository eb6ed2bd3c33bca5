//! The queue has a bound, and what happens at the bound is what the pool was told.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use brigade::pool::{Cancel, RejectReason, Rejected, Shutdown, TaskError, Unstarted, WhenFull};
use brigade::{Pool, Priority};
use gate::Gate;
use until::until;

/// A pool of one worker that is held, and a queue for `capacity` tasks.
fn held(capacity: usize, policy: WhenFull) -> (Arc<Pool>, Gate) {
    let builder = Pool::builder("held")
        .workers(1)
        .queue_capacity(capacity)
        .when_full(policy);
    let pool = Arc::new(builder.build().unwrap());
    let gate = Gate::shut(&pool);
    (pool, gate)
}

#[test]
fn a_producer_waits_for_room_and_is_let_in() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let other = Arc::clone(&pool);
    let producer = thread::spawn(move || other.submit(|| 7).unwrap().join().unwrap());
    drop(gate);
    assert_eq!(producer.join().unwrap(), 7);
}

#[test]
fn the_more_urgent_of_two_waiting_producers_is_let_in_first() {
    let (pool, gate) = held(1, WhenFull::Wait);
    let (told, hears) = channel();
    pool.execute(|| ()).unwrap();
    // A future that has been polled is in line: no need to guess whether a thread waits yet.
    let mut producers = [
        ("low", Priority::LOW),
        ("high", Priority::HIGH),
        ("next", Priority::HIGH),
    ]
    .map(|(name, priority)| {
        let told = told.clone();
        let task = pool.task(move || told.send(name).unwrap());
        let mut waits = Box::pin(task.priority(priority).execute_async());
        assert!(poll_once(waits.as_mut()).is_pending());
        waits
    });
    drop((gate, told));
    assert_eq!(hears.iter().collect::<Vec<_>>(), ["high", "next", "low"]);
    for waits in &mut producers {
        assert!(matches!(poll_once(waits.as_mut()), Poll::Ready(Ok(()))));
    }
}

#[test]
fn nobody_who_comes_later_takes_the_place_of_a_waiting_producer() {
    let (pool, gate) = held(2, WhenFull::Wait);
    let queued = [(); 2].map(|()| pool.submit(|| ()).unwrap());
    let mut first = Box::pin(pool.execute_async(|| ()));
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!(queued[0].cancel(), Cancel::Removed);
    // The room that was made is taken already, though its taker has not looked.
    assert!(pool.try_execute(|| ()).is_err());
    assert!(matches!(poll_once(first.as_mut()), Poll::Ready(Ok(()))));
    drop(gate);
}

#[test]
fn execute_has_the_same_four_forms() {
    let (pool, gate) = held(1, WhenFull::Wait);
    let (told, hears) = channel();
    let tell = || {
        let told = told.clone();
        move || told.send(()).unwrap()
    };
    pool.execute(tell()).unwrap();
    fn run<F: FnOnce()>(refused: Rejected<F>) {
        (refused.task)();
    }
    run(pool.try_execute(tell()).unwrap_err());
    hears.recv().unwrap();
    let limit = Duration::from_millis(1);
    run(pool.execute_timeout(tell(), limit).unwrap_err());
    hears.recv().unwrap();
    let built = pool.task(tell()).name("built").execute_timeout(limit);
    assert!(matches!(
        built.unwrap_err().reason,
        RejectReason::Full { .. }
    ));
    let mut awaits = Box::pin(pool.execute_async(tell()));
    assert!(poll_once(awaits.as_mut()).is_pending());
    drop(gate);
    block_on(awaits).unwrap();
    pool.execute_timeout(tell(), Duration::MAX).unwrap();
    drop(told);
    drop(pool);
    assert_eq!(hears.iter().count(), 3);
}

#[test]
fn a_future_dropped_at_any_point_leaves_the_counts_exact() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let witness = Arc::new(());
    let task = || {
        let kept = Arc::clone(&witness);
        move || drop(kept)
    };
    drop(pool.execute_async(task())); // never polled
    let mut in_line = Box::pin(pool.submit_async(task()));
    assert!(poll_once(in_line.as_mut()).is_pending());
    let mut let_in = Box::pin(pool.submit_async(task()));
    assert!(poll_once(let_in.as_mut()).is_pending());
    drop(in_line);
    drop(gate);
    pool.wait_idle();
    drop(let_in); // accepted, and not looked at since: it has run
    let mut turned_away = Box::pin(pool.execute_async(task()));
    let gate = Gate::shut(&pool);
    pool.execute(|| ()).unwrap();
    assert!(poll_once(turned_away.as_mut()).is_pending());
    thread::scope(|scope| {
        let end = scope.spawn(|| pool.shutdown(Shutdown::drain()));
        // The gate opens only then: otherwise there might be room first.
        let is_closed =
            |refused: Rejected<fn()>| matches!(refused.reason, RejectReason::ShutDown { .. });
        until(|| pool.try_execute((|| ()) as fn()).is_err_and(is_closed));
        drop(gate);
        let _ = end.join().unwrap();
    });
    drop(turned_away); // sent home, and not looked at since
    assert_eq!(Arc::strong_count(&witness), 1, "every closure was dropped");
    let metrics = pool.metrics();
    assert_eq!((metrics.submitted, metrics.completed), (5, 5));
}

#[test]
fn submit_timeout_gives_up_and_says_how_long_it_waited() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let limit = Duration::from_millis(20);
    let refused = pool.submit_timeout(|| 7, limit).unwrap_err();
    assert_eq!((refused.task)(), 7);
    let RejectReason::Full {
        waited,
        retry_after,
        ..
    } = refused.reason
    else {
        panic!()
    };
    assert!(waited >= limit && !retry_after.is_zero());
    assert_eq!(pool.metrics().rejected.timed_out, 1);
    drop(gate);
}

#[test]
fn the_policy_to_refuse_refuses_at_once() {
    let (pool, gate) = held(1, WhenFull::Refuse);
    pool.execute(|| ()).unwrap();
    assert_eq!((pool.submit(|| 7).unwrap_err().task)(), 7);
    assert_eq!(pool.metrics().rejected.full, 1);
    drop(gate);
}

#[test]
fn the_policy_of_caller_runs_runs_the_task_on_its_caller() {
    let (pool, gate) = held(1, WhenFull::CallerRuns);
    pool.execute(|| ()).unwrap();
    let ran_on = pool
        .submit(|| thread::current().id())
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(ran_on, thread::current().id());
    assert!(
        pool.try_submit(|| ()).is_err(),
        "the try form never runs it here"
    );
    drop(gate);
}

#[test]
fn the_policy_to_discard_gives_up_the_oldest_and_says_so() {
    let (given, gets) = channel();
    let builder = Pool::builder("newest").workers(1).queue_capacity(2);
    let pool = builder
        .when_full(WhenFull::DiscardOldest)
        .on_discard(move |task: Unstarted| given.send(task).unwrap())
        .build()
        .unwrap();
    let gate = Gate::shut(&pool);
    let urgent = pool
        .task(|| "urgent")
        .priority(Priority::HIGH)
        .submit()
        .unwrap();
    let old = pool.task(|| "old").name("old").submit().unwrap();
    let new = pool.submit(|| "new").unwrap();
    assert!(matches!(old.join(), Err(TaskError::Discarded(id)) if id.task() == Some("old")));
    assert_eq!(gets.recv().unwrap().name(), Some("old"));
    let refused = pool
        .task(|| "idle")
        .priority(Priority::LOW)
        .submit()
        .unwrap_err();
    assert_eq!((refused.task)(), "idle", "less urgent than all that wait");
    drop(gate);
    assert_eq!(
        (urgent.join().unwrap(), new.join().unwrap()),
        ("urgent", "new")
    );
    assert_eq!(pool.metrics().discarded, 1);
}

#[test]
fn the_queue_never_holds_more_than_its_capacity() {
    let pool = Pool::builder("bounded")
        .workers(2)
        .queue_capacity(10)
        .build()
        .unwrap();
    let ran = AtomicUsize::new(0);
    thread::scope(|scope| {
        let producers = [(); 4].map(|()| {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    pool.execute(|| ()).unwrap();
                    ran.fetch_add(1, Relaxed);
                }
            })
        });
        // Joined one by one, which ThreadSanitizer understands.
        for producer in producers {
            producer.join().unwrap();
        }
    });
    pool.wait_idle();
    let metrics = pool.metrics();
    assert_eq!((ran.into_inner(), metrics.completed), (80_000, 80_000));
    assert!(
        (1..=10).contains(&metrics.queue_high_water),
        "{}",
        metrics.queue_high_water
    );
}

#[test]
fn a_cancelled_task_makes_room_for_a_waiting_producer() {
    let (pool, gate) = held(1, WhenFull::Wait);
    let queued = pool.submit(|| ()).unwrap();
    let mut waits = Box::pin(pool.execute_async(|| ()));
    assert!(poll_once(waits.as_mut()).is_pending());
    // The worker is held, so nothing else can make room.
    assert_eq!(queued.cancel(), Cancel::Removed);
    assert!(matches!(poll_once(waits.as_mut()), Poll::Ready(Ok(()))));
    assert!(matches!(queued.join(), Err(TaskError::Cancelled(_))));
    drop(gate);
}

#[test]
fn tasks_cancelled_without_end_take_no_room() {
    let (pool, gate) = held(4, WhenFull::Refuse);
    for _ in 0..10_000 {
        assert_eq!(pool.submit(|| ()).unwrap().cancel(), Cancel::Removed);
    }
    assert_eq!(
        (pool.metrics().queued, pool.metrics().cancelled),
        (0, 10_000)
    );
    drop(gate);
}

/// Wakes a thread; the smallest executor there is.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn room_can_be_awaited() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let mut waits = Box::pin(pool.submit_async(|| 7));
    assert!(poll_once(waits.as_mut()).is_pending());
    drop(gate);
    assert_eq!(block_on(async { waits.await.unwrap().await }).unwrap(), 7);
    block_on(pool.execute_async(|| ())).unwrap();
}

#[test]
fn a_future_dropped_while_it_awaits_room_drops_its_task() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let witness = Arc::new(());
    let kept = Arc::clone(&witness);
    let mut waits = Box::pin(pool.execute_async(move || drop(kept)));
    assert!(poll_once(waits.as_mut()).is_pending());
    drop(waits);
    assert_eq!(Arc::strong_count(&witness), 1);
    drop(gate);
    pool.wait_idle();
    assert_eq!(pool.metrics().submitted, 2);
}

#[test]
fn a_shutdown_returns_the_tasks_of_waiting_producers() {
    let (pool, gate) = held(1, WhenFull::Wait);
    pool.execute(|| ()).unwrap();
    let mut waits = Box::pin(pool.submit_async(|| 7));
    assert!(poll_once(waits.as_mut()).is_pending());
    let refused = thread::scope(|scope| {
        let (begun, begins) = channel();
        let pool = &pool;
        let producer = scope.spawn(move || {
            begun.send(()).unwrap();
            pool.submit(|| 8).unwrap_err()
        });
        begins.recv().unwrap();
        let shutdown = scope.spawn(|| pool.shutdown(Shutdown::now()));
        // Both are turned away while the worker is still held.
        let refused = producer.join().unwrap();
        drop(gate);
        assert_eq!(shutdown.join().unwrap().unstarted.len(), 1);
        refused
    });
    assert_eq!(
        (
            (refused.task)(),
            refused.reason.to_string().contains("shut down")
        ),
        (8, true)
    );
    assert_eq!((block_on(waits).unwrap_err().task)(), 7);
    until(|| pool.metrics().workers.live == 0);
}
