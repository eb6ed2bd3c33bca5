//! Many schedules in one runner of shuttle.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::driver::{Between, DataSeeds, Driver, Stage, Trace};
use super::strategy::{Chooser, Replay, Strategy};
use super::token::Token;
use crate::panics::{self, Quiet};
use crate::point::{Visit, Visiting};
use crate::watch::{Pulse, Watch};

/// Which schedules to run, and how many.
pub(crate) struct Plan {
    chooser: Box<dyn Chooser>,
    seeds: DataSeeds,
    pub(crate) schedules: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) step_limit: usize,
    pub(crate) hang_limit: Duration,
}

/// Without a step for so long, the code under test is taken to wait for something outside of shuttle.
pub(crate) const HANG_LIMIT: Duration = Duration::from_secs(10);

impl Plan {
    pub(crate) fn new(strategy: Strategy, seed: u64, schedules: usize, step_limit: usize) -> Self {
        Self {
            chooser: strategy.chooser(seed),
            seeds: DataSeeds::Drawn(Rng::with_seed(seed)),
            schedules,
            deadline: None,
            step_limit,
            hang_limit: HANG_LIMIT,
        }
    }

    pub(crate) fn replay(token: &Token, step_limit: usize) -> Self {
        Self {
            chooser: Box::new(Replay::new(token.choices.clone())),
            seeds: DataSeeds::Repeated(token.data_seed),
            schedules: 1,
            deadline: None,
            step_limit,
            hang_limit: HANG_LIMIT,
        }
    }
}

/// What was run.
#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) schedules: usize,
    /// Every schedule there is was run.
    pub(crate) exhausted: bool,
    /// Choices of a replayed schedule that did not fit.
    pub(crate) misfits: usize,
    /// A panic that ended the runner, with the schedule that led there.
    pub(crate) panicked: Option<(String, Trace)>,
    /// No step was taken for so long, and the thread that ran it all was left behind.
    pub(crate) hung: Option<Duration>,
}

/// Runs `body` under schedule after schedule, telling `between` of each that ends.
///
/// On a thread of its own, as nothing but another thread can tell that it waits for something outside of shuttle.
pub(super) fn run_schedules(
    body: impl Fn() + Send + Sync + 'static,
    plan: Plan,
    stage: Arc<Stage>,
    points: Box<dyn Visit + Send>,
    between: Between,
) -> Summary {
    let hang_limit = plan.hang_limit;
    let watched = Arc::clone(&stage);
    let (ended, ends) = mpsc::channel();
    let pulse = Arc::new(OnceLock::new());
    let mine = Arc::clone(&pulse);
    let run = move || {
        mine.get_or_init(Pulse::mine);
        // If nobody waits any more, the thread was left behind.
        let _ = ended.send(run_here(body, plan, stage, points, between));
    };
    let builder = thread::Builder::new().name("explore".to_owned());
    let runs = builder.spawn(run).expect("the system has no more threads");
    let mut watch = Watch::new(hang_limit, 1);
    loop {
        match ends.recv_timeout(watch.interval()) {
            Ok(summary) => {
                runs.join()
                    .expect("panics of the code under test are caught");
                return summary;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                panic!("brigade-check itself panicked on its exploring thread")
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let progress = watched.progress.load(Relaxed);
        if watch.hangs(progress, std::slice::from_ref(&*pulse), |_| false) {
            return Summary {
                hung: Some(hang_limit),
                ..Summary::default()
            };
        }
    }
}

fn run_here(
    body: impl Fn() + Send + Sync + 'static,
    plan: Plan,
    stage: Arc<Stage>,
    points: Box<dyn Visit>,
    mut between: Between,
) -> Summary {
    let trace = Rc::new(RefCell::new(Trace::default()));
    let chooser = Rc::new(RefCell::new(plan.chooser));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let limited = move |trace: &Trace| {
        let schedules = counted.fetch_add(1, Relaxed) + 1;
        between(trace)?;
        // Looking at the clock costs less than any run.
        let over = plan
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        if over || schedules >= plan.schedules {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let driver = Driver::new(
        stage,
        Rc::clone(&chooser),
        plan.seeds,
        plan.step_limit,
        Rc::clone(&trace),
        Box::new(limited),
    );
    let quiet = Quiet::new();
    let visiting = Visiting::new(points);
    let ended = panics::catch(|| Runner::new(driver, config()).run(body));
    drop((visiting, quiet));
    let panicked = ended.err().map(|message| (message, trace.take()));
    let chooser = chooser.borrow();
    Summary {
        schedules: count.load(Relaxed) + usize::from(panicked.is_some()),
        exhausted: chooser.is_exhausted(),
        misfits: chooser.misfits(),
        panicked,
        hung: None,
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
    let trace = Rc::default();
    let chooser: Box<dyn Chooser> = Box::new(Replay::new(Vec::new()));
    let driver = Driver::new(
        Arc::default(),
        Rc::new(RefCell::new(chooser)),
        DataSeeds::Repeated(0),
        usize::MAX,
        trace,
        Box::new(|_| ControlFlow::Break(())),
    );
    Runner::new(driver, config()).run(|| {});
}
