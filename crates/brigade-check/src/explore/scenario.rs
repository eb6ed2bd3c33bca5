//! Runs a scenario under one schedule after the other.

use std::fmt::Debug;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use std::time::Duration;

use shuttle::thread;

use super::driver::Stage;
use super::explorer::{Runs, Stuck, explore_for};
use super::notes::Shared;
use crate::lock::lock;
use crate::panics;
use crate::scenario::{Ending, Scenario, Subject};

/// Does the runs that `check` asks for: of scenarios of operations on `subject`.
pub(crate) fn explore_scenarios<T, O, R, V, C>(
    subject: Arc<Subject<T, O, R>>,
    hang_limit: Duration,
    check: impl FnOnce(Runs<O, R>) -> C,
) -> Result<V, Stuck>
where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + 'static,
    V: Send + 'static,
    C: Future<Output = V> + Send + 'static,
{
    let body = move |scenario: &Arc<_>, notes: &Shared<O, R>, stage: &Arc<_>| {
        run(&subject, scenario, notes, stage);
    };
    explore_for(body, hang_limit, check)
}

/// One run, on the main thread.
fn run<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Arc<Scenario<O>>,
    notes: &Shared<O, R>,
    stage: &Arc<Stage>,
) where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + 'static,
{
    stage.prepare();
    let Some(thing) = attempt(notes, "making the thing", || (subject.make)()) else {
        return;
    };
    let thing = Arc::new(thing);
    if !operate(subject, &*thing, 0, &scenario.before, notes, stage) {
        return;
    }
    stage.unfinished.store(scenario.threads.len(), Relaxed);
    let mut handles = Vec::with_capacity(scenario.threads.len());
    for thread in 0..scenario.threads.len() {
        let (subject, scenario) = (Arc::clone(subject), Arc::clone(scenario));
        let (thing, notes, stage) = (Arc::clone(&thing), Arc::clone(notes), Arc::clone(stage));
        lock(&notes).expect_thread();
        handles.push(thread::spawn(move || {
            lock(&notes).is_me(thread);
            let operations = &scenario.threads[thread];
            operate(&subject, &*thing, thread + 1, operations, &notes, &stage);
            drop(thing);
            stage.unfinished.fetch_sub(1, Relaxed);
        }));
    }
    stage.run();
    while stage.unfinished.load(Relaxed) > 0 {
        thread::yield_now();
    }
    stage.end();
    for handle in handles {
        // Its panics are caught inside.
        let _ = handle.join();
    }
    if lock(notes).completed() {
        finish(subject, scenario, thing, notes, stage);
    }
}

fn finish<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Scenario<O>,
    thing: Arc<T>,
    notes: &Shared<O, R>,
    stage: &Stage,
) where
    O: Clone + Debug,
{
    if !operate(subject, &*thing, 0, &scenario.after, notes, stage) {
        return;
    }
    let thing = Arc::into_inner(thing).expect("the threads have dropped theirs");
    let found = attempt(notes, "the final look at the thing, or its Drop", || {
        (subject.finish)(thing)
    });
    if let Some(Err(broken)) = found {
        lock(notes).fail(Ending::Broken(broken));
    }
}

/// Does the operations of one thread, and says whether to go on.
fn operate<T, O: Clone + Debug, R>(
    subject: &Subject<T, O, R>,
    thing: &T,
    thread: usize,
    operations: &[O],
    notes: &Shared<O, R>,
    stage: &Stage,
) -> bool {
    for (number, operation) in operations.iter().enumerate() {
        if thread > 0 && number > 0 {
            // Others may come between one operation's return and the next one's invocation.
            stage.pause();
        }
        let call = lock(notes).invoke(thread, operation.clone());
        match panics::catch(|| (subject.apply)(thing, operation)) {
            Ok(outcome) => lock(notes).complete(call, outcome),
            Err(message) => {
                panicked(
                    notes,
                    &format!("{} in {operation:?}", name(thread)),
                    &message,
                );
                return false;
            }
        }
    }
    true
}

fn name(thread: usize) -> String {
    match thread {
        0 => "before or after the threads".to_owned(),
        _ => format!("thread {thread}"),
    }
}

/// Runs a closure of the user's, whose panic is the end of the run.
fn attempt<O: Debug, R, V>(notes: &Shared<O, R>, at: &str, run: impl FnOnce() -> V) -> Option<V> {
    panics::catch(run)
        .map_err(|message| panicked(notes, at, &message))
        .ok()
}

fn panicked<O: Debug, R>(notes: &Shared<O, R>, at: &str, message: &str) {
    lock(notes).fail(Ending::Panicked(format!("{at}: {message}")));
}
