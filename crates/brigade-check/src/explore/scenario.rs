//! Runs a scenario under one schedule after the other.

use std::cell::RefCell;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed};
use std::time::Duration;

use shuttle::thread;

use super::driver::{Stage, Stop, Trace};
use super::session::{Plan, Summary, run_schedules};
use crate::history::Call;
use crate::panics;
use crate::point::Visit;
use crate::scenario::{Ending, Run, Scenario, Subject};

/// Where each operation's calls are written down as they are made.
#[derive(Debug)]
struct Recorder<O, R> {
    clock: u64,
    calls: Vec<Call<O, R>>,
}

impl<O: Clone, R> Recorder<O, R> {
    fn new() -> Self {
        Self {
            clock: 0,
            calls: Vec::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn invoke(&mut self, thread: usize, operation: &O) -> usize {
        let invoked = self.tick();
        self.calls
            .push(Call::pending(thread, operation.clone(), invoked));
        self.calls.len() - 1
    }

    fn complete(&mut self, call: usize, outcome: R) {
        let returned = self.tick();
        self.calls[call].returned = Some((returned, outcome));
    }
}

/// What the threads of a run write down. Never locked across a switch, so never waited for.
struct Notes<O, R> {
    recorder: Recorder<O, R>,
    ending: Ending,
    /// By thread of the scenario: its number among all threads of the run.
    tasks: Vec<usize>,
}

impl<O: Clone, R> Notes<O, R> {
    fn new() -> Self {
        Self {
            recorder: Recorder::new(),
            ending: Ending::Completed,
            tasks: Vec::new(),
        }
    }
}

type Shared<O, R> = Arc<Mutex<Notes<O, R>>>;

fn lock<O, R>(notes: &Shared<O, R>) -> MutexGuard<'_, Notes<O, R>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `scenario` under the plan's schedules until there are no more, or `judge` says stop.
pub(crate) fn explore_scenario<T, O, R>(
    subject: &Arc<Subject<T, O, R>>,
    scenario: &Arc<Scenario<O>>,
    plan: Plan,
    mut judge: impl FnMut(Run<O, R>, &Trace) -> ControlFlow<()> + 'static,
) -> Summary
where
    T: Send + Sync + 'static,
    O: Clone + Debug + Send + Sync + 'static,
    R: Send + 'static,
{
    let notes: Shared<O, R> = Arc::new(Mutex::new(Notes::new()));
    let stage = Arc::new(Stage::default());
    let points = Rc::new(RefCell::new(Vec::new()));

    let body = {
        let (subject, scenario) = (Arc::clone(subject), Arc::clone(scenario));
        let (notes, stage) = (Arc::clone(&notes), Arc::clone(&stage));
        move || run(&subject, &scenario, &notes, &stage)
    };
    let between = {
        let (stage, points) = (Arc::clone(&stage), Rc::clone(&points));
        let step_limit = plan.step_limit;
        move |trace: &Trace| {
            let notes = std::mem::replace(&mut *lock(&notes), Notes::new());
            let ending = match trace.stop {
                Some(Stop::Deadlock) => Ending::Deadlocked(whereabouts(&notes, &points.borrow())),
                Some(Stop::Steps) => {
                    Ending::Livelocked(step_limit, whereabouts(&notes, &points.borrow()))
                }
                None => notes.ending,
            };
            points.borrow_mut().clear();
            let calls = notes.recorder.calls;
            let spawned = stage.strangers.load(Relaxed);
            judge(
                Run {
                    calls,
                    ending,
                    spawned,
                },
                trace,
            )
        }
    };
    run_schedules(
        body,
        plan,
        stage,
        Box::new(Points(points)),
        Box::new(between),
    )
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
        lock(&notes).tasks.push(usize::MAX);
        handles.push(thread::spawn(move || {
            lock(&notes).tasks[thread] = usize::from(shuttle::current::me());
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
    if lock(notes).ending == Ending::Completed {
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
        lock(notes).ending = Ending::Broken(broken);
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
        let call = lock(notes).recorder.invoke(thread, operation);
        match panics::catch(|| (subject.apply)(thing, operation)) {
            Ok(outcome) => lock(notes).recorder.complete(call, outcome),
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

fn keep<O: Clone, R, V>(notes: &Shared<O, R>, at: &str, run: impl FnOnce() -> V) -> Option<V> {
    panics::catch(run)
        .map_err(|message| panicked(notes, at, &message))
        .ok()
}

fn panicked<O: Clone, R>(notes: &Shared<O, R>, at: &str, message: &str) {
    let mut notes = lock(notes);
    if notes.ending == Ending::Completed {
        notes.ending = Ending::Panicked(format!("{at}: {message}"));
    }
}

/// What each thread that has not ended is at.
fn whereabouts<O: Debug, R>(notes: &Notes<O, R>, points: &[Option<&str>]) -> Vec<String> {
    let at = notes.tasks.iter().enumerate().filter_map(|(index, &task)| {
        let calls = notes.recorder.calls.iter();
        let last = calls.rev().find(|call| call.thread == index + 1)?;
        if last.returned.is_some() {
            return None;
        }
        let point = match points.get(task).copied().flatten() {
            Some(point) => format!(", after the point \"{point}\""),
            None => String::new(),
        };
        Some(format!(
            "thread {} in {:?}{point}",
            index + 1,
            last.operation
        ))
    });
    at.collect()
}

/// Remembers each thread's last point, and lets others come between.
struct Points(Rc<RefCell<Vec<Option<&'static str>>>>);

impl Visit for Points {
    fn visit(&self, name: &'static str) {
        let Some(task) = shuttle::current::try_get_current_task() else {
            return;
        };
        let task = usize::from(task);
        let mut points = self.0.borrow_mut();
        if points.len() <= task {
            points.resize(task + 1, None);
        }
        points[task] = Some(name);
        drop(points);
        thread::sleep(Duration::ZERO);
    }
}
