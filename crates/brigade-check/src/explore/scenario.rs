//! Runs a scenario under one schedule after the other.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed};
use std::time::Duration;

use shuttle::thread;

use super::driver::{Stage, Trace};
use super::notes::{Notes, Points, Shared, lock};
use super::session::{Plan, Summary, run_schedules};
use crate::panics;
use crate::scenario::{Ending, Run, Scenario, Subject};

/// Runs `scenario` under the plan's schedules until there are no more, or `judge` says stop.
pub(crate) fn explore_scenario<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Arc<Scenario<O>>,
    plan: Plan,
    judge: impl FnMut(Run<O, R>, &Trace) -> ControlFlow<()> + Send + 'static,
) -> Summary
where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + 'static,
{
    let notes: Shared<O, R> = Arc::new(Mutex::new(Notes::new()));
    let stage = Arc::new(Stage::default());
    let body = {
        let (subject, scenario) = (Arc::clone(subject), Arc::clone(scenario));
        let (notes, stage) = (Arc::clone(&notes), Arc::clone(&stage));
        move || run(&subject, &scenario, &notes, &stage)
    };
    let points = Box::new(Points(Arc::clone(&notes)));
    let look = {
        let stage = Arc::clone(&stage);
        let mut judge = judge;
        Arc::new(Mutex::new(move |trace: &Trace, ending: Option<Ending>| {
            let mut notes = lock(&notes);
            if let Some(ending) = ending {
                notes.fail(ending);
            }
            let run = notes.take(trace, stage.strangers.load(Relaxed));
            drop(notes);
            judge(run, trace)
        }))
    };
    let look_between = Arc::clone(&look);
    let between = move |trace: &Trace| {
        let mut look = look_between.lock().unwrap_or_else(PoisonError::into_inner);
        look(trace, None)
    };
    let summary = run_schedules(body, plan, stage, points, Box::new(between));
    // Whoever hangs while it looks is to be found out by others.
    if let Ok(mut look) = look.try_lock() {
        if let Some((message, trace)) = &summary.panicked {
            let _ = look(trace, Some(Ending::Panicked(message.clone())));
        }
        if let Some(limit) = summary.hung {
            let _ = look(&Trace::default(), Some(Ending::Hung(limit, Vec::new())));
        }
    }
    summary
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
    let Some(thing) = keep(notes, "making the thing", || (subject.make)()) else {
        return;
    };
    let thing = Arc::new(thing);
    if !operate(subject, &*thing, 0, &scenario.before, notes) {
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
            operate(
                &subject,
                &*thing,
                thread + 1,
                &scenario.threads[thread],
                &notes,
            );
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
        finish(subject, scenario, thing, notes);
    }
}

fn finish<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Scenario<O>,
    thing: Arc<T>,
    notes: &Shared<O, R>,
) where
    O: Clone + Debug,
{
    if !operate(subject, &*thing, 0, &scenario.after, notes) {
        return;
    }
    let thing = Arc::into_inner(thing).expect("the threads have dropped theirs");
    let found = keep(notes, "the final look at the thing", || {
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
) -> bool {
    for (number, operation) in operations.iter().enumerate() {
        if thread > 0 && number > 0 {
            // Others may come between one operation's return and the next one's invocation.
            thread::sleep(Duration::ZERO);
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

fn keep<O: Debug, R, V>(notes: &Shared<O, R>, at: &str, run: impl FnOnce() -> V) -> Option<V> {
    panics::catch(run)
        .map_err(|message| panicked(notes, at, &message))
        .ok()
}

fn panicked<O: Debug, R>(notes: &Shared<O, R>, at: &str, message: &str) {
    lock(notes).fail(Ending::Panicked(format!("{at}: {message}")));
}
