//! Any piece of concurrent code under one schedule after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::future;

use super::driver::{Course, Stage};
use super::explorer::{Ended, HANG_LIMIT, Runs, explore_for};
use super::notes::Shared;
use super::witness::Witness;
use super::{DataSeeds, Replay, STEPS, Strategy, Token};
use crate::deadline::Deadline;
use crate::environment;
use crate::failure::{Failure, Finding, Kind};
use crate::lock::lock;
use crate::origin::Origin;
use crate::panics;
use crate::report::{Drawing, Passed, Report};
use crate::scenario::{Ending, Run, Scenario};
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
        if token.as_ref().is_some_and(|token| !token.kept.is_empty()) {
            let why = "it is that of a scenario".to_owned();
            return Err(Failure::TokenMismatch(why));
        }
        let hang_limit = self.hang_limit;
        let report = Report::new(token.as_ref().map_or(seed, |token| token.seed));
        let body = move || body().verify();
        let end = explore_for(running(body), hang_limit, |runs| {
            self.run(token, origin, report, runs)
        });
        end.unwrap_or_else(|_| unreachable!("nothing of the user's is called between runs"))
    }

    async fn run(
        self,
        token: Option<Token>,
        origin: Origin,
        mut report: Report,
        runs: Runs<(), ()>,
    ) -> Result<Report, Failure> {
        let deadline = Deadline::from(self.time);
        let program = Arc::new(Scenario::default());
        let (schedules, mut seeds, chooser) = match &token {
            Some(token) => (1, DataSeeds::repeat(token), Replay::shared(token)),
            None => {
                let chooser = self.strategy.chooser(report.seed);
                (self.schedules, DataSeeds::draw(report.seed), chooser)
            }
        };
        while lock(&chooser).begin() {
            let course = Course::new(&chooser, seeds.next(), self.steps);
            let Ended { mut run, trace } = runs.run(&program, course).await;
            report.runs += 1;
            if run.ending != Ending::Completed {
                let failing = Token {
                    seed: report.seed,
                    // A replayed token is told as it was given.
                    origin: token.map_or(origin.fingerprint(), |token| token.origin),
                    data_seed: trace.data_seed,
                    choices: trace.choices,
                    ..Token::default()
                };
                if let Ending::Deadlocked(at) = &mut run.ending {
                    let seen = look_again(&runs, &program, &failing, self.steps, &run.points).await;
                    if !seen.is_empty() {
                        *at = seen;
                    }
                }
                return Err(finding(run, &failing, report.runs, &origin));
            }
            if report.runs >= schedules as u64 || deadline.has_passed() {
                break;
            }
        }
        let chooser = lock(&chooser);
        if chooser.misfits() > 0 {
            let why = "the threads take other steps".to_owned();
            return Err(Failure::TokenMismatch(why));
        }
        report.scenarios = 1;
        report.exhausted = usize::from(chooser.is_exhausted());
        Ok(report)
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

/// Calls `body` in each run, and writes down what is wrong.
fn running(
    body: impl Fn() -> Result<(), String>,
) -> impl Fn(&Arc<Scenario<()>>, &Shared<(), ()>, &Arc<Stage>) {
    move |_, notes, stage| {
        stage.run_program();
        // The sentinel: a run ends without it, as it does with all tasks that nobody can wait for.
        drop(future::spawn(async {}));
        let wrong = match panics::catch(&body) {
            Ok(verdict) => verdict.err().map(Ending::Broken),
            Err(message) => Some(Ending::Panicked(format!("main: {message}"))),
        };
        if let Some(wrong) = wrong {
            lock(notes).fail(wrong);
        }
    }
}

/// Runs a deadlock again, and says where each thread of it is blocked.
async fn look_again(
    runs: &Runs<(), ()>,
    program: &Arc<Scenario<()>>,
    token: &Token,
    steps: usize,
    points: &[Passed],
) -> Vec<String> {
    let witness = Arc::new(Mutex::new(Witness::default()));
    let chooser = Replay::shared(token);
    if !lock(&chooser).begin() {
        return Vec::new();
    }
    let course = Course::new(&chooser, token.data_seed, steps);
    runs.run(program, course.seen_by(&witness)).await;
    let blocked = lock(&witness).blocked();
    blocked
        .iter()
        .map(|blocked| blocked.describe(points))
        .collect()
}

/// `lines` below `what`, if there are any.
fn list(what: &str, lines: &[String]) -> String {
    match lines {
        [] => what.to_owned(),
        lines => format!("{what}:\n  {}", lines.join("\n  ")),
    }
}

fn finding(run: Run<(), ()>, token: &Token, runs: u64, origin: &Origin) -> Failure {
    let (kind, reason) = match run.ending {
        Ending::Deadlocked(at) => (Kind::Deadlocked, list("no thread can go on", &at)),
        Ending::Livelocked(steps, at) => {
            let text = format!("no end after {steps} steps (steps(..) allows more)");
            (Kind::Livelocked, list(&text, &at))
        }
        Ending::Broken(message) => (Kind::Broken, message),
        Ending::Panicked(message) => (Kind::Panicked, message),
        Ending::Hung(limit, at) => {
            let text = format!(
                "no step for {limit:?}: the code waits for something that is not shuttle's, or goes on without a step. \
                 Its threads are left behind"
            );
            (Kind::Hung, list(&text, &at))
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
        runs,
        operations: Vec::new(),
        drawing: Drawing::of_points(run.points),
    }))
}
