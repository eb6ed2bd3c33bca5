//! Threads of the system that explore, each one check after the other.
//!
//! To make a thread, and the stacks of those that shuttle runs on it, takes longer than many a check. So whoever has
//! ended waits a while for another.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::driver::{Course, Driver, Stage, Trace};
use super::{STEPS, Strategy};
use crate::lock::lock;
use crate::panics::{self, Quiet};
use crate::point::{Visit, Visiting};

/// A check that is explored, as far as the thread is concerned that does it.
pub(super) trait Explored: Send + Sync {
    /// Takes note of the run that has ended, if one has, and says where the next one is and what it goes by.
    fn next(&self, ended: Option<Trace>) -> Option<(Arc<Stage>, Course)>;
    /// One run.
    fn run(&self);
    /// The run's thread passes a point.
    fn visit(&self, point: &'static str);
    /// The runner panicked amid a run.
    fn break_off(&self, message: String, trace: Trace);
}

type Check = Arc<dyn Explored>;

/// How long a thread waits for another check.
const PATIENCE: Duration = Duration::from_secs(1);

/// How to reach the threads that wait. Whoever takes one out sends it a check.
static WAITING: Mutex<Vec<Waiting>> = Mutex::new(Vec::new());

struct Waiting {
    thread: thread::ThreadId,
    checks: mpsc::Sender<Check>,
}

/// Has a thread explore `check`.
pub(super) fn explore(check: Check) {
    let waiting = lock(&WAITING).pop();
    let Some(waiting) = waiting else {
        let builder = thread::Builder::new().name("explore".to_owned());
        builder
            .spawn(move || Exploring::with(check).explore())
            .expect("the system has no more threads");
        return;
    };
    waiting
        .checks
        .send(check)
        .expect("a thread that was taken out waits until it is sent something");
}

/// What the code under test, the driver and the thread around both share; all on this one thread.
#[derive(Clone)]
struct Exploring(Arc<Mutex<Option<Check>>>);

impl Exploring {
    fn with(check: Check) -> Self {
        Self(Arc::new(Mutex::new(Some(check))))
    }

    fn check(&self) -> Option<Check> {
        lock(&self.0).clone()
    }

    fn explore(self) {
        let _quiet = Quiet::new();
        let _visiting = Visiting::new(Box::new(self.clone()));
        let (checks, sent) = mpsc::channel();
        let sent = Rc::new(sent);
        loop {
            let trace = Rc::new(RefCell::new(Trace::default()));
            let next = {
                let (exploring, checks, sent) = (self.clone(), checks.clone(), Rc::clone(&sent));
                move |ended| exploring.next(ended, &checks, &sent)
            };
            let driver = Driver::new(Rc::clone(&trace), Box::new(next));
            let run = {
                let exploring = self.clone();
                move || {
                    if let Some(check) = exploring.check() {
                        check.run();
                    }
                }
            };
            match (
                panics::catch(|| Runner::new(driver, config()).run(run)),
                self.check(),
            ) {
                (Err(message), Some(check)) => check.break_off(message, trace.take()),
                _ => return,
            }
        }
    }

    /// The next run of the check under way, or of the next one.
    fn next(
        &self,
        mut ended: Option<Trace>,
        checks: &mpsc::Sender<Check>,
        sent: &mpsc::Receiver<Check>,
    ) -> Option<(Arc<Stage>, Course)> {
        loop {
            if let Some(next) = self.check()?.next(ended.take()) {
                return Some(next);
            }
            *lock(&self.0) = None;
            *lock(&self.0) = wait_for_another(checks, sent);
        }
    }
}

impl Visit for Exploring {
    fn visit(&self, name: &'static str) {
        if let Some(check) = self.check() {
            check.visit(name);
        }
    }
}

fn wait_for_another(checks: &mpsc::Sender<Check>, sent: &mpsc::Receiver<Check>) -> Option<Check> {
    let thread = thread::current().id();
    let checks = checks.clone();
    lock(&WAITING).push(Waiting { thread, checks });
    if let Ok(check) = sent.recv_timeout(PATIENCE) {
        return Some(check);
    }
    let mut waiting = lock(&WAITING);
    match waiting.iter().position(|waiting| waiting.thread == thread) {
        Some(place) => {
            waiting.swap_remove(place);
            None
        }
        // Taken out meanwhile: a check is on its way.
        None => {
            drop(waiting);
            sent.recv().ok()
        }
    }
}

/// Room for the code under test, which with debug assertions takes far more than shuttle's default. Only what is
/// touched takes memory.
const STACK: usize = 1 << 20;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = FailurePersistence::None;
    // The driver counts steps itself.
    config.max_steps = MaxSteps::None;
    config.silence_warnings = true;
    config
}

/// Lets shuttle put its panic hook in place.
pub(crate) fn first_run() {
    let course = Course::new(&Strategy::Random.chooser(0), 0, STEPS);
    let once = RefCell::new(Some((Arc::default(), course)));
    let driver = Driver::new(Rc::default(), Box::new(move |_| once.take()));
    Runner::new(driver, config()).run(|| {});
}
