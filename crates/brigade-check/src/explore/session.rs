//! Many schedules in one runner of shuttle.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use fastrand::Rng;
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::driver::{DataSeeds, Driver, Stage, Trace};
use super::strategy::{Chooser, Replay, Strategy};
use super::token::Token;
use crate::panics::{self, Quiet};
use crate::point::{Visit, Visiting};

/// Which schedules to run, and how many.
pub(crate) struct Plan {
    chooser: Box<dyn Chooser>,
    seeds: DataSeeds,
    pub(crate) schedules: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) step_limit: usize,
}

impl Plan {
    pub(crate) fn new(strategy: Strategy, seed: u64, schedules: usize, step_limit: usize) -> Self {
        Self {
            chooser: strategy.chooser(seed),
            seeds: DataSeeds::Drawn(Rng::with_seed(seed)),
            schedules,
            deadline: None,
            step_limit,
        }
    }

    pub(crate) fn replay(token: &Token, step_limit: usize) -> Self {
        Self {
            chooser: Box::new(Replay::new(token.choices.clone())),
            seeds: DataSeeds::Repeated(token.data_seed),
            schedules: 1,
            deadline: None,
            step_limit,
        }
    }
}

/// What was run.
pub(crate) struct Summary {
    pub(crate) schedules: usize,
    /// Every schedule there is was run.
    pub(crate) exhausted: bool,
    /// Choices of a replayed schedule that did not fit.
    pub(crate) misfits: usize,
    /// A panic that ended the runner, with the schedule that led there.
    pub(crate) panicked: Option<(String, Trace)>,
}

type Between = Box<dyn FnMut(&Trace) -> ControlFlow<()>>;

/// Runs `body` under schedule after schedule, telling `between` of each that ends.
pub(super) fn run_schedules(
    body: impl Fn() + Send + Sync + 'static,
    plan: Plan,
    stage: Arc<Stage>,
    points: Box<dyn Visit>,
    mut between: Between,
) -> Summary {
    let trace = Rc::new(RefCell::new(Trace::default()));
    let chooser = Rc::new(RefCell::new(plan.chooser));
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let limited = move |trace: &Trace| {
        counted.set(counted.get() + 1);
        between(trace)?;
        // Looking at the clock costs less than any run.
        let over = plan
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        if over || counted.get() >= plan.schedules {
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
        schedules: count.get() + usize::from(panicked.is_some()),
        exhausted: chooser.is_exhausted(),
        misfits: chooser.misfits(),
        panicked,
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
