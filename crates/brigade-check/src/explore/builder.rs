//! Any piece of concurrent code under one schedule after the other.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed};
use std::time::{Duration, Instant};

use shuttle::future;

use super::driver::{Stage, Trace};
use super::notes::{Notes, Points, Shared, lock};
use super::session::{HANG_LIMIT, Plan, Summary, run_schedules};
use super::{STEPS, Strategy, Token};
use crate::environment;
use crate::failure::{Failure, Finding, Kind};
use crate::origin::Origin;
use crate::panics;
use crate::report::{Drawing, Report};
use crate::scenario::{Ending, Run};
use crate::verdict::Verifiable;

/// An exploration: made by [`explore`], run by [`check`](Self::check).
#[derive(Debug, Clone)]
#[must_use = "nothing is run before check(..) or assert(..)"]
pub struct Explore {
    strategy: Strategy,
    schedules: usize,
    time: Option<Duration>,
    steps: usize,
    seed: Option<u64>,
    replay: Option<String>,
    hang_limit: Duration,
}

/// Begins an exploration: a piece of code that starts threads is run under one schedule after the other, until one is
/// found under which it panics, deadlocks or goes on for ever.
///
/// The code takes its threads, locks and atomics from shuttle (see [the crate's documentation](crate)); only one of
/// its threads runs at a time, and at each of their steps the [`Strategy`] says which. The report of a failure has a
/// token that repeats that schedule exactly.
///
/// ```
/// use brigade_check::{Kind, explore};
/// use shuttle::{sync::Mutex, thread};
/// use std::sync::Arc;
///
/// let failure = explore().check(|| {
///     let locks = Arc::new((Mutex::new(()), Mutex::new(())));
///     let other = Arc::clone(&locks);
///     let thread = thread::spawn(move || {
///         let _second = other.1.lock().unwrap();
///         let _first = other.0.lock().unwrap();
///     });
///     let _first = locks.0.lock().unwrap();
///     let _second = locks.1.lock().unwrap();
///     drop((_first, _second));
///     thread.join().unwrap();
/// });
/// assert_eq!(failure.unwrap_err().finding().unwrap().kind, Kind::Deadlocked);
/// ```
pub fn explore() -> Explore {
    Explore {
        strategy: Strategy::default(),
        schedules: 10_000,
        time: None,
        steps: STEPS,
        seed: None,
        replay: None,
        hang_limit: HANG_LIMIT,
    }
}

impl Explore {
    /// How schedules are chosen; [`Strategy::Mixed`] if not said.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many schedules are run; 10,000 if not said.
    pub fn schedules(mut self, schedules: usize) -> Self {
        self.schedules = schedules;
        self
    }

    /// No further run begins after this time, however many are left.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// After how many steps a run counts as a livelock; 10,000 if not said.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// After how long without a step the code is taken to hang, waiting for something that is not shuttle's; 10 s if
    /// not said.
    pub fn hang_limit(mut self, limit: Duration) -> Self {
        self.hang_limit = limit;
        self
    }

    /// From which schedules are drawn; drawn at random itself if not said. `BRIGADE_CHECK_SEED` overrides it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Runs only the schedule that the token of a report stands for, which must be one of this code.
    /// `BRIGADE_CHECK_REPLAY` does the same in the check that the token came from, and leaves others alone.
    pub fn replay(mut self, token: impl Into<String>) -> Self {
        self.replay = Some(token.into());
        self
    }

    /// Runs `body` under each schedule. It says that something is wrong by a panic, in whichever thread, or by an
    /// error.
    ///
    /// # Errors
    ///
    /// [`Failure::Found`] with the schedule under which something was wrong, or a failure that says what is wrong with
    /// the check itself.
    pub fn check<V: Verifiable>(
        mut self,
        body: impl Fn() -> V + Send + Sync + 'static,
    ) -> Result<Report, Failure> {
        if self.schedules == 0 {
            return Err(Failure::NoRuns);
        }
        let seed = environment::seed(self.seed)?;
        if let Some(time) = environment::time()? {
            (self.time, self.schedules) = (Some(time), usize::MAX);
        }
        let origin = Origin::begin();
        let token = environment::token(self.replay.as_deref(), &origin)?;
        // A replayed token is told as it was given.
        let owner = token
            .as_ref()
            .map_or(origin.fingerprint(), |token| token.origin);
        let seed = token.as_ref().map_or(seed, |token| token.seed);
        let mut plan = match &token {
            Some(token) if !token.kept.is_empty() => {
                let why = "it is that of a scenario".to_owned();
                return Err(Failure::TokenMismatch(why));
            }
            Some(token) => Plan::replay(token, self.steps),
            None => Plan::new(self.strategy, seed, self.schedules, self.steps),
        };
        plan.hang_limit = self.hang_limit;
        plan.deadline = self.time.map(|time| Instant::now() + time);
        let (summary, failing) = run_body(body, plan);
        match failing {
            Some((run, trace)) => {
                let token = Token {
                    origin: owner,
                    ..token_of(&trace, seed)
                };
                Err(finding(run, &token, summary.schedules, &origin))
            }
            None if summary.misfits > 0 => {
                let why = "the threads take other steps".to_owned();
                Err(Failure::TokenMismatch(why))
            }
            None => Ok(Report {
                seed,
                scenarios: 1,
                runs: summary.schedules as u64,
                undecided: 0,
                exhausted: usize::from(summary.exhausted),
            }),
        }
    }

    /// Like [`check`](Self::check), but panics with the whole report: for use in a test.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn assert<V: Verifiable>(self, body: impl Fn() -> V + Send + Sync + 'static) {
        if let Err(failure) = self.check(body) {
            failure.raise();
        }
    }
}

type Failing = (Run<(), ()>, Trace);

/// Runs until something is wrong, and if that is a deadlock, looks at it again.
fn run_body<V: Verifiable>(
    body: impl Fn() -> V + Send + Sync + 'static,
    plan: Plan,
) -> (Summary, Option<Failing>) {
    let body = Arc::new(body);
    let (step_limit, hang_limit) = (plan.step_limit, plan.hang_limit);
    let (summary, mut failing) = run_on_stage(&body, plan, Arc::default());
    if let Some((run, trace)) = &mut failing
        && let Ending::Deadlocked(at) = &mut run.ending
    {
        let stage = Arc::new(Stage::with_witness());
        let mut plan = Plan::replay(&token_of(trace, 0), step_limit);
        plan.hang_limit = hang_limit;
        run_on_stage(&body, plan, Arc::clone(&stage));
        let witness = stage.witness.iter().map(|witness| witness.lock());
        let blocked = witness.flatten().flat_map(|witness| witness.blocked());
        let seen: Vec<String> = blocked
            .map(|blocked| blocked.describe(&run.points))
            .collect();
        if !seen.is_empty() {
            *at = seen;
        }
    }
    (summary, failing)
}

fn run_on_stage<V: Verifiable>(
    body: &Arc<impl Fn() -> V + Send + Sync + 'static>,
    plan: Plan,
    stage: Arc<Stage>,
) -> (Summary, Option<Failing>) {
    let notes: Shared<(), ()> = Arc::new(Mutex::new(Notes::new()));
    let written = Arc::clone(&notes);
    let (body, on_stage) = (Arc::clone(body), Arc::clone(&stage));
    let body = move || {
        on_stage.has_sentinel.store(true, Relaxed);
        // A run ends without it, as it does with all tasks that nobody can wait for.
        drop(future::spawn(async {}));
        let wrong = match panics::catch(&*body) {
            Ok(verdict) => verdict.verify().err().map(Ending::Broken),
            Err(message) => Some(Ending::Panicked(format!("main: {message}"))),
        };
        if let Some(wrong) = wrong {
            lock(&written).fail(wrong);
        }
    };
    let failing = Arc::new(Mutex::new(None));
    let (found, written) = (Arc::clone(&failing), Arc::clone(&notes));
    let between = move |trace: &Trace| {
        let run = lock(&written).take(trace, false);
        if run.ending == Ending::Completed {
            return ControlFlow::Continue(());
        }
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some((run, trace.clone()));
        ControlFlow::Break(())
    };
    let points = Box::new(Points(Arc::clone(&notes)));
    let mut summary = run_schedules(body, plan, stage, points, Box::new(between));
    let mut failing = failing
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some((message, trace)) = summary.panicked.take() {
        let mut notes = lock(&notes);
        notes.fail(Ending::Panicked(message));
        failing = Some((notes.take(&trace, false), trace));
    }
    if let Some(limit) = summary.hung {
        let mut notes = lock(&notes);
        notes.fail(Ending::Hung(limit, Vec::new()));
        let trace = Trace::default();
        failing = Some((notes.take(&trace, false), trace));
    }
    (summary, failing)
}

fn finding(run: Run<(), ()>, token: &Token, runs: usize, origin: &Origin) -> Failure {
    let (kind, reason) = match run.ending {
        Ending::Deadlocked(at) => (
            Kind::Deadlocked,
            format!("no thread can go on:\n  {}", at.join("\n  ")),
        ),
        Ending::Livelocked(steps, at) => {
            let text = format!("no end after {steps} steps:\n  {}", at.join("\n  "));
            (Kind::Livelocked, text)
        }
        Ending::Broken(message) => (Kind::Broken, message),
        Ending::Panicked(message) => (Kind::Panicked, message),
        Ending::Hung(limit, at) => {
            let text = format!(
                "no step for {limit:?}: the code waits for something that is not shuttle's, or goes on without a step. \
                 Its threads are left behind:\n  {}",
                at.join("\n  ")
            );
            (Kind::Hung, text)
        }
        Ending::Completed => {
            unreachable!("a run that completed did not fail")
        }
    };
    Failure::Found(Box::new(Finding {
        kind,
        reason,
        seed: token.seed,
        token: Some(token.encode()),
        test: origin.test(),
        runs: runs as u64,
        operations: Vec::new(),
        drawing: Drawing::of_points(run.points),
    }))
}

fn token_of(trace: &Trace, seed: u64) -> Token {
    Token {
        seed,
        data_seed: trace.data_seed,
        choices: trace.choices.clone(),
        ..Token::default()
    }
}
