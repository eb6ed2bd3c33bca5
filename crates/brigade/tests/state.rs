//! Each worker's own state, and the hooks around a worker's life.
#![cfg(not(any(loom, shuttle)))]

mod gate;
mod until;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

use brigade::Pool;
use brigade::pool::{Shutdown, TaskError, Unstarted, WhenFull};
use gate::Gate;
use until::until;

/// A state that knows where it was made, and tells when it is dropped.
struct Local {
    made_on: thread::ThreadId,
    uses: usize,
    live: Arc<AtomicUsize>,
}

impl Local {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self {
            made_on: thread::current().id(),
            uses: 0,
            live: Arc::clone(live),
        }
    }

    fn use_it(&mut self) -> usize {
        assert_eq!(self.made_on, thread::current().id(), "nothing is shared");
        self.uses += 1;
        self.uses
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.live.fetch_sub(1, SeqCst);
    }
}

fn pool(workers: usize) -> (Pool<Local>, Arc<AtomicUsize>) {
    let live = Arc::new(AtomicUsize::new(0));
    let makes = Arc::clone(&live);
    let builder = Pool::builder("state").workers(workers);
    let builder = builder.with_state(move || Local::new(&makes));
    (builder.build().unwrap(), live)
}

#[test]
fn each_worker_has_a_state_that_its_tasks_use_in_turn() {
    let (pool, live) = pool(3);
    assert_eq!(live.load(SeqCst), 0, "made at the first use");
    let barrier = Arc::new(Barrier::new(3));
    let handles = [(); 3].map(|()| {
        let barrier = Arc::clone(&barrier);
        let task = move |state: &mut Local| {
            barrier.wait();
            state.use_it()
        };
        pool.submit_with(task).unwrap()
    });
    assert_eq!(handles.map(|handle| handle.join().unwrap()), [1, 1, 1]);
    assert_eq!(live.load(SeqCst), 3);
    for _ in 0..100 {
        pool.execute_with(|state| {
            state.use_it();
        })
        .unwrap();
    }
    pool.wait_idle();
    assert_eq!((live.load(SeqCst), pool.metrics().panicked), (3, 0));
    drop(pool);
    assert_eq!(live.load(SeqCst), 0, "dropped when its worker leaves");
}

#[test]
fn a_state_is_kept_from_task_to_task_until_one_panics() {
    let (pool, live) = pool(1);
    let uses = || {
        let handle = pool.try_submit_with(Local::use_it).unwrap();
        handle.join().unwrap()
    };
    assert_eq!((uses(), uses(), uses()), (1, 2, 3));
    let panics = pool.submit_with(|_| std::panic::resume_unwind(Box::new("expected")));
    let result: Result<(), _> = panics.unwrap().join();
    assert!(matches!(result, Err(TaskError::Panicked(_))));
    assert_eq!(live.load(SeqCst), 0);
    assert_eq!((uses(), uses()), (1, 2), "a new one");
}

#[test]
fn a_task_whose_state_cannot_be_made_panics_and_the_next_one_tries_again() {
    let tries = AtomicUsize::new(0);
    let pool = Pool::builder("initialiser")
        .workers(1)
        .with_state(move || match tries.fetch_add(1, SeqCst) {
            0 => std::panic::resume_unwind(Box::new("no connection")),
            tries => tries,
        })
        .build()
        .unwrap();
    let Err(TaskError::Panicked(panic)) = pool.submit_with(|state| *state).unwrap().join() else {
        panic!("the initialiser panicked")
    };
    assert_eq!(panic.message(), "no connection");
    assert_eq!(pool.submit_with(|state| *state).unwrap().join().unwrap(), 1);
}

#[test]
fn a_task_inside_another_that_has_the_state_gets_one_of_its_own() {
    let (pool, _) = pool(1);
    let pool = Arc::new(pool);
    let inner = Arc::clone(&pool);
    let outer = pool.submit_with(move |state| {
        let child = inner.submit_with(Local::use_it).unwrap();
        (child.join().unwrap(), state.use_it())
    });
    assert_eq!(outer.unwrap().join().unwrap(), (1, 1));
    let next = pool.submit_with(Local::use_it).unwrap();
    assert_eq!(next.join().unwrap(), 2, "the outer one is kept");
}

#[test]
fn a_worker_keeps_its_state_from_tasks_of_another_pool() {
    let (pool, live) = pool(1);
    let makes = Arc::clone(&live);
    let other = Pool::builder("other").workers(1).queue_capacity(1);
    let other = other
        .when_full(WhenFull::CallerRuns)
        .with_state(move || Local::new(&makes))
        .build()
        .unwrap();
    let gate = Gate::shut(&other);
    other.execute(|| ()).unwrap();
    assert_eq!(pool.submit_with(Local::use_it).unwrap().join().unwrap(), 1);
    // The other pool has no room, so its task runs on this pool's worker.
    let inside = pool.submit(move || {
        let stranger = other.submit_with(Local::use_it).unwrap();
        drop(gate);
        stranger.join().unwrap()
    });
    assert_eq!(inside.unwrap().join().unwrap(), 1, "a state of its own");
    let next = pool.submit_with(Local::use_it).unwrap();
    assert_eq!(next.join().unwrap(), 2, "and the worker's is as it was");
}

#[test]
fn a_task_that_is_handed_back_gets_a_state_where_it_is_run() {
    let (pool, live) = pool(1);
    let (ran, runs) = channel();
    let gate = Gate::shut(&pool);
    pool.execute_with(move |state| ran.send(state.use_it()).unwrap())
        .unwrap();
    let report = thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shutdown(Shutdown::now()));
        until(|| pool.metrics().handed_back == 1);
        drop(gate);
        shutdown.join().unwrap()
    });
    report.unstarted.into_iter().for_each(Unstarted::run);
    assert_eq!((runs.recv().unwrap(), live.load(SeqCst)), (1, 0));
}

#[test]
fn hooks_are_called_around_the_tasks_and_the_state_of_each_worker() {
    let (told, hears) = channel();
    let tell = move |what: &'static str| {
        let told = told.clone();
        move || told.send((what, thread::current().id())).unwrap()
    };
    struct Tells<F: Fn()>(F);
    impl<F: Fn()> Drop for Tells<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    let (drops, task, start, stop) = (tell("drop"), tell("task"), tell("start"), tell("stop"));
    drop(tell);
    let pool = Pool::builder("hooks")
        .workers(1)
        .on_start(start)
        .on_stop(stop)
        .with_state(move || Tells(drops.clone()))
        .build()
        .unwrap();
    pool.submit_with(move |_| task()).unwrap().join().unwrap();
    drop(pool);
    let (events, threads): (Vec<_>, Vec<_>) = hears.iter().unzip();
    assert_eq!(events, ["start", "task", "drop", "stop"]);
    assert!(threads.iter().all(|thread| *thread == threads[0]));
}
