//! A worker's hooks, and what its state does at its end, may wait for the pool: they do not wait for themselves.
#![cfg(not(any(loom, shuttle)))]

mod watchdog;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use brigade::Pool;
use brigade::pool::{Builder, Shutdown};
use parking_lot::Mutex;
use watchdog::without_hanging;

const TASKS: usize = 10;

/// A pool, as its own hooks see it: not before it is built.
struct Own<S: 'static = ()>(Arc<OnceLock<Weak<Pool<S>>>>);

impl<S> Own<S> {
    fn new() -> (Self, Self) {
        let cell = Arc::new(OnceLock::new());
        (Self(Arc::clone(&cell)), Self(cell))
    }

    fn set(&self, pool: &Arc<Pool<S>>) {
        self.0.set(Arc::downgrade(pool)).unwrap();
    }

    fn get(&self) -> Option<Arc<Pool<S>>> {
        self.0.wait().upgrade()
    }
}

/// Runs tasks on pools of one worker and of several, with a hook that `set` puts in and that calls `waits`; each
/// task runs once, and the hook ends.
fn tasks_run_though_a_hook_waits(
    set: fn(Builder, Box<dyn Fn() + Send + Sync>) -> Builder,
    waits: fn(&Pool),
) {
    for workers in [1..=1, 1..=3, 3..=3] {
        without_hanging(move || {
            let (own, seen) = Own::new();
            let (ended, hook_ended) = channel();
            let hook = move || {
                if let Some(pool) = seen.get() {
                    waits(&pool);
                    let _ = ended.send(());
                }
            };
            let builder = Pool::builder("hooked").workers(workers.clone());
            let pool = set(builder, Box::new(hook)).build().unwrap();
            let pool = Arc::new(pool);
            let ran = Arc::new(AtomicUsize::new(0));
            for _ in 0..TASKS {
                let ran = Arc::clone(&ran);
                let count = move || {
                    ran.fetch_add(1, SeqCst);
                };
                pool.execute(count).unwrap();
            }
            own.set(&pool);
            pool.wait_idle();
            assert_eq!(ran.load(SeqCst), TASKS);
            let report = pool.shutdown(Shutdown::drain());
            assert_eq!((report.panicked, report.running), (0, 0));
            hook_ended.recv().unwrap();
        });
    }
}

#[test]
fn a_start_hook_may_wait_for_the_pools_rest() {
    tasks_run_though_a_hook_waits(Builder::on_start, Pool::wait_idle);
}

#[test]
fn a_start_hook_may_shut_the_pool_down() {
    tasks_run_though_a_hook_waits(Builder::on_start, |pool| {
        assert!(pool.shutdown(Shutdown::drain()).unstarted.is_empty());
    });
}

#[test]
fn a_start_hook_may_wait_for_a_task() {
    tasks_run_though_a_hook_waits(Builder::on_start, |pool| {
        // None is taken once the pool is shutting down.
        if let Ok(handle) = pool.submit(|| 7) {
            assert_eq!(handle.join().unwrap(), 7);
        }
    });
}

#[test]
fn a_stop_hook_may_wait_for_the_pools_rest() {
    tasks_run_though_a_hook_waits(Builder::on_stop, Pool::wait_idle);
}

#[test]
fn a_stop_hook_may_shut_the_pool_down() {
    tasks_run_though_a_hook_waits(Builder::on_stop, |pool| {
        assert!(pool.shutdown(Shutdown::drain()).unstarted.is_empty());
    });
}

#[test]
fn the_end_of_a_workers_state_may_wait_for_the_pools_rest() {
    struct Waits(Arc<Own<Waits>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            if let Some(pool) = self.0.get() {
                pool.wait_idle();
            }
        }
    }
    without_hanging(|| {
        let (own, seen) = Own::new();
        let seen = Arc::new(seen);
        let pool = Pool::builder("state").workers(1);
        let pool = pool.with_state(move || Waits(Arc::clone(&seen)));
        let pool = Arc::new(pool.build().unwrap());
        pool.submit_with(|_| ()).unwrap().join().unwrap();
        own.set(&pool);
        assert_eq!(pool.shutdown(Shutdown::drain()).completed, 1);
    });
}

#[test]
fn a_task_that_runs_on_top_of_a_hook_is_awaited() {
    without_hanging(|| {
        let (own, seen) = Own::new();
        let (inside, is_inside) = channel();
        let (gate, opens) = channel::<()>();
        let opens = Mutex::new(Some(opens));
        let hook = move || {
            let Some((pool, opens)) = seen.get().zip(opens.lock().take()) else {
                return;
            };
            let inside = inside.clone();
            let task = move || {
                inside.send(()).unwrap();
                let _ = opens.recv(); // ends by an error
            };
            pool.submit(task).unwrap().join().unwrap();
        };
        let one_thread = {
            let first = AtomicBool::new(true);
            move |thread: std::thread::Builder, body: Box<dyn FnOnce() + Send>| {
                if first.swap(false, SeqCst) {
                    thread.spawn(body)
                } else {
                    Err(ErrorKind::WouldBlock.into())
                }
            }
        };
        let pool = Pool::builder("on top").workers(1).on_start(hook);
        let pool = Arc::new(pool.spawn_handler(one_thread).build().unwrap());
        own.set(&pool);
        is_inside.recv().unwrap();
        assert!(!pool.wait_idle_timeout(Duration::ZERO));
        assert_eq!(pool.metrics().running, 1);
        drop(gate);
        pool.wait_idle();
        assert_eq!(pool.metrics().running, 0);
        assert_eq!(pool.shutdown(Shutdown::drain()).completed, 1);
    });
}
