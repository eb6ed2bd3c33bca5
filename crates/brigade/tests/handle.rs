//! A handle can be joined, awaited, asked, cancelled, or dropped.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use brigade::pool::{Cancel, TaskError};
use brigade::{Pool, task};
use gate::Gate;
use until::until;

fn pool() -> Pool {
    Pool::builder("handles").workers(1).build().unwrap()
}

#[test]
fn join_waits_for_the_result() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let handle = pool.submit(|| "done").unwrap();
    thread::scope(|scope| {
        let joins = scope.spawn(|| handle.join().unwrap());
        drop(gate);
        assert_eq!(joins.join().unwrap(), "done");
    });
}

#[test]
fn join_timeout_gives_up_and_may_be_tried_again() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let mut handle = pool.submit(|| 7).unwrap();
    assert!(handle.join_timeout(Duration::ZERO).is_none());
    assert!(handle.join_timeout(Duration::from_millis(1)).is_none());
    drop(gate);
    let result = handle.join_timeout(Duration::MAX).unwrap();
    assert_eq!(result.unwrap(), 7);
}

#[test]
fn try_join_and_is_finished_do_not_wait() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let mut handle = pool.submit(|| 7).unwrap();
    assert!(handle.try_join().is_none() && !handle.is_finished());
    drop(gate);
    until(|| handle.is_finished());
    assert_eq!(handle.try_join().unwrap().unwrap(), 7);
}

#[test]
fn a_result_is_given_out_once() {
    let pool = pool();
    let task = || pool.task(|| 7).name("once").submit().unwrap();
    let mut handle = task();
    until(|| handle.is_finished());
    assert_eq!(handle.try_join().unwrap().unwrap(), 7);
    assert!(handle.is_finished() && handle.try_join().is_none());
    assert!(handle.join_timeout(Duration::MAX).is_none());
    let Err(TaskError::Taken(id)) = handle.join() else {
        panic!("it was taken")
    };
    assert_eq!((id.pool(), id.task()), ("handles", Some("once")));
    let mut handle = task();
    assert_eq!(block_on(&mut handle).unwrap(), 7);
    assert!(matches!(block_on(&mut handle), Err(TaskError::Taken(_))));
}

#[test]
fn cancelling_a_task_that_waits_removes_it() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let witness = Arc::new(());
    let kept = Arc::clone(&witness);
    let handle = pool.submit(move || drop(kept)).unwrap();
    assert_eq!(handle.cancel(), Cancel::Removed);
    assert_eq!(Arc::strong_count(&witness), 1, "its closure is dropped");
    assert!(handle.is_finished());
    assert_eq!(handle.cancel(), Cancel::Finished);
    assert_eq!((pool.metrics().queued, pool.metrics().cancelled), (0, 1));
    drop(gate);
    let error = handle.join().unwrap_err();
    assert!(matches!(error, TaskError::Cancelled(_)), "{error}");
}

#[test]
fn cancelling_a_task_that_runs_asks_it_to_stop() {
    let pool = pool();
    let (told, hears) = channel();
    let handle = pool.submit(move || {
        told.send(task::is_cancelled()).unwrap();
        until(task::is_cancelled);
        "stopped"
    });
    let handle = handle.unwrap();
    assert!(!hears.recv().unwrap());
    assert_eq!(handle.cancel(), Cancel::Requested);
    assert_eq!(handle.join().unwrap(), "stopped");
    // It was that task alone.
    let next = pool.submit(task::is_cancelled).unwrap();
    assert!(!next.join().unwrap() && !task::is_cancelled());
    assert_eq!(pool.metrics().cancelled, 0, "it ran to its end");
}

#[test]
fn dropping_a_handle_detaches_its_task() {
    let (heard, hears) = channel();
    let heard = parking_lot::Mutex::new(heard);
    let builder = Pool::builder("detached").workers(1);
    let pool = builder
        .on_panic(move |panic| heard.lock().send(panic.to_string()).unwrap())
        .build()
        .unwrap();
    let (told, tells) = channel();
    let gate = Gate::shut(&pool);
    drop(pool.submit(move || told.send(()).unwrap()).unwrap());
    let name = "nobody listens";
    let panics = pool.task(|| resume_unwind(Box::new("before"))).name(name);
    drop(panics.submit().unwrap());
    drop(gate);
    tells.recv().unwrap();
    assert!(hears.recv().unwrap().contains(name));
    // Also if it has panicked before the handle is dropped.
    let panics = pool.submit(|| resume_unwind(Box::new("after"))).unwrap();
    until(|| panics.is_finished());
    drop(panics);
    assert!(hears.recv().unwrap().contains("after"));
}

#[test]
fn a_task_that_waits_for_itself_is_told_so() {
    let pool = pool();
    let (give, gets) = channel();
    let task = pool.task(move || {
        let own: brigade::pool::TaskHandle<bool> = gets.recv().unwrap();
        matches!(own.join(), Err(TaskError::Deadlock(report))
            if report.steps()[0].wants.name.contains("`self`"))
    });
    let (told, tells) = channel();
    let task = task.name("self").on_complete(move |outcome| {
        told.send(*outcome.as_ref().unwrap()).unwrap();
    });
    give.send(task.submit().unwrap()).unwrap();
    assert!(tells.recv().unwrap());
}

#[test]
fn a_task_that_waits_for_the_one_below_it_is_told_so() {
    let pool = Arc::new(pool());
    let (give, gets) = channel::<brigade::pool::TaskHandle<bool>>();
    let inner = Arc::clone(&pool);
    let outer = pool.submit(move || {
        let outer = gets.recv().unwrap();
        let child = inner.submit(move || matches!(outer.join(), Err(TaskError::Deadlock(_))));
        child.unwrap().join().unwrap()
    });
    let (told, tells) = channel();
    give.send(outer.unwrap()).unwrap();
    pool.execute(move || told.send(()).unwrap()).unwrap();
    tells.recv().unwrap();
    assert_eq!(pool.metrics().panicked, 0);
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

#[test]
fn a_handle_can_be_awaited() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let handles = [1, 2, 3].map(|number| pool.submit(move || number).unwrap());
    thread::scope(|scope| {
        let awaits = scope.spawn(|| {
            block_on(async {
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await.unwrap();
                }
                sum
            })
        });
        drop(gate);
        assert_eq!(awaits.join().unwrap(), 6);
    });
}

#[test]
fn the_latest_waker_is_the_one_that_is_woken() {
    let pool = pool();
    let gate = Gate::shut(&pool);
    let mut handle = pin!(pool.submit(|| 7).unwrap());
    let mut stale = Context::from_waker(Waker::noop());
    assert!(handle.as_mut().poll(&mut stale).is_pending());
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut latest = Context::from_waker(&waker);
    assert!(handle.as_mut().poll(&mut latest).is_pending());
    drop(gate);
    // Ends only if this thread is woken.
    while handle.as_mut().poll(&mut latest).is_pending() {
        thread::park();
    }
}

#[test]
fn a_handle_may_outlive_its_pool() {
    let pool = pool();
    let handle = pool.submit(|| 7).unwrap();
    drop(pool);
    assert!(handle.is_finished());
    assert_eq!(handle.cancel(), Cancel::Finished);
    assert_eq!(handle.join().unwrap(), 7);
}
