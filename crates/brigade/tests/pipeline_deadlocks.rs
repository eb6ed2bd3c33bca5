//! A pipeline's stages and the thread that runs it, waiting for each other by way of a lock: one of them is told.
#![cfg(not(any(loom, shuttle)))]

mod polling;
mod watchdog;

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};
use std::thread;

use brigade::lock::{self, Action, FindingKind, LockError, Mutex, MutexGuard, Report};
use brigade::pipeline::{self, PipelineError};
use polling::{SHORT, until_found};
use watchdog::without_hanging;

const ROUNDS: usize = if cfg!(debug_assertions) { 20 } else { 200 };

thread_local! {
    /// Lets the stages go on when this thread is told of a deadlock, and hears of it.
    static ON_FINDING: RefCell<Option<(MutexGuard<'static, ()>, Sender<Report>)>> = const { RefCell::new(None) };
}

/// What is told, and cannot be returned, goes to whoever has said so on this thread.
fn hear_of_findings(guard: MutexGuard<'static, ()>) -> Receiver<Report> {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let call = |report: &Report| {
            if let Some((guard, tells)) = ON_FINDING.take() {
                tells.send(report.clone()).unwrap();
                drop(guard);
            }
        };
        lock::on_finding(Action::Call(Box::new(call))).unwrap();
    });
    let (tells, hears) = channel();
    ON_FINDING.set(Some((guard, tells)));
    hears
}

fn stuck_lock() -> &'static Mutex<()> {
    Box::leak(Box::new(Mutex::named("album", ())))
}

/// Each kind of end, on a pipeline whose middle stage does this with each item.
fn ends<'env, E: Send + 'env>(
    operation: impl Fn() -> Result<(), E> + Copy + Send + Sync + 'env,
) -> [Result<(), PipelineError<E>>; 3] {
    let pipeline = || {
        pipeline::source(0..100)
            .map(2, |number: u32| number)
            .try_map(2, move |number| operation().map(|()| number))
            .named("stuck")
            .map_ordered(2, |number| number)
            .buffer(1)
    };
    [
        pipeline().for_each(drop),
        pipeline().collect::<Vec<_>>().map(drop),
        pipeline().for_each_parallel(2, drop),
    ]
}

#[test]
fn a_stage_that_wants_a_lock_of_the_thread_that_waits_for_it_fails_with_the_cycle() {
    without_hanging(|| {
        let lock = stuck_lock();
        let _held = lock.lock();
        // Found as soon as the thread that holds the lock waits.
        let wants = || -> Result<(), Report> { Err(until_found(|| lock.lock_timeout(SHORT))) };
        for ended in ends(wants) {
            let PipelineError::Failed { stage, error, .. } = ended.unwrap_err() else {
                panic!("a stage failed")
            };
            assert_eq!((&*stage, error.kind()), ("stuck", FindingKind::Deadlock));
            assert_eq!(error.steps().len(), 2, "{error}");
            let text = error.to_string();
            assert!(
                text.contains("`album`") && text.contains("the stages of a pipeline"),
                "{text}"
            );
        }
    });
}

#[test]
fn of_a_stage_and_the_thread_that_waits_for_it_under_its_lock_one_is_told() {
    without_hanging(|| {
        for round in 0..ROUNDS {
            let lock = stuck_lock();
            let told = hear_of_findings(lock.lock());
            let failed = AtomicUsize::new(0);
            let ended = pipeline::source([()])
                .try_map(1, |()| match lock.lock_checked() {
                    Err(error @ LockError::Deadlock(_)) => {
                        failed.fetch_add(1, SeqCst);
                        Err(error)
                    }
                    _ => Ok(()),
                })
                .consume(|items| {
                    (0..round).for_each(|_| thread::yield_now()); // either may be first
                    items.for_each(drop);
                });
            let guard = ON_FINDING.take(); // still there if the stage was told
            assert_eq!(ended.is_err(), guard.is_some());
            drop(guard);
            let told = told.iter().count() + failed.load(SeqCst);
            assert_eq!(told, 1);
        }
    });
}

#[test]
fn a_stage_that_runs_a_pipeline_under_a_lock_that_this_wants_fails_with_the_cycle() {
    without_hanging(|| {
        let lock = stuck_lock();
        let failed: PipelineError<String> = pipeline::source(0..10)
            .try_map(2, |number: u32| {
                let _held = lock.lock_checked().map_err(|error| error.to_string())?;
                let inner = pipeline::source([number])
                    .try_map(1, |_| -> Result<u32, Report> {
                        Err(until_found(|| lock.lock_timeout(SHORT)))
                    })
                    .named("inner");
                inner.for_each(drop).map_err(|failed| failed.to_string())?;
                Ok(number)
            })
            .named("outer")
            .for_each(drop)
            .unwrap_err();
        let text = failed.to_string();
        assert!(
            text.starts_with("stage `outer` failed") && text.contains("stage `inner` failed"),
            "{text}"
        );
        assert!(
            text.contains("deadlock: threads wait for each other"),
            "{text}"
        );
    });
}

#[test]
fn stages_that_wait_for_each_other_by_full_and_empty_buffers_are_no_deadlock() {
    without_hanging(|| {
        let lock = Arc::new(Mutex::named("shared", 0_u64));
        let told = Arc::new(AtomicUsize::new(0));
        let turns = 200 * ROUNDS as u64;
        let others: Vec<_> = (0..2)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || (0..turns).for_each(|_| *lock.lock_checked().unwrap() += 1))
            })
            .collect();
        let turn = || match lock.lock_checked() {
            Ok(mut count) => *count += 1,
            Err(_) => drop(told.fetch_add(1, SeqCst)),
        };
        pipeline::source((0..turns).inspect(|_| turn()))
            .buffer(0)
            .map(3, |number| {
                turn();
                number
            })
            .buffer(1)
            .map_ordered(3, |number| {
                turn();
                number
            })
            .window(2)
            .buffer(1)
            .for_each(|_| turn())
            .unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!((told.load(SeqCst), *lock.lock()), (0, 6 * turns));
    });
}
