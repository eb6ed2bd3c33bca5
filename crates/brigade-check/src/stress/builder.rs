//! Stress tests: what is run, and what is said about it.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::iterations::{Amount, Iterations, Subject, Worker, Wrong};
use super::shrinking::Shrinking;
use super::team::{Hang, run_team};
use crate::environment;
use crate::failure::{Failure, Finding, Kind};
use crate::origin::Origin;
use crate::report::{Drawing, Report};
use crate::verdict::Verifiable;
use crate::watch::shorter_limit;

/// A stress test: made by [`stress`], run by [`check`](Self::check).
#[derive(Debug, Clone)]
#[must_use = "nothing is run before check(..) or assert(..)"]
pub struct Stress {
    threads: usize,
    operations: usize,
    iterations: u64,
    time: Option<Duration>,
    seed: Option<u64>,
    hang_limit: Duration,
}

/// Begins a stress test: real threads that work on one thing at once, again and again from the beginning, disturbed at
/// random between their operations and at [points](crate::point).
///
/// It finds what deterministic schedules cannot: wrong memory orders, and bugs in code that is not written for
/// [`explore`](crate::explore()). Which operations a thread does is repeatable; in what order the threads come is not.
///
/// ```
/// use brigade_check::stress;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// stress().threads(3).operations(20).iterations(100).assert(
///     || AtomicU64::new(0),
///     |sum, worker| {
///         let step = worker.rng().u64(1..5);
///         sum.fetch_add(step, Relaxed);
///     },
///     |sum| match sum.into_inner() {
///         60..=240 => Ok(()),
///         other => Err(format!("60 steps of 1 to 4 sum up to {other}")),
///     },
/// );
/// ```
pub fn stress() -> Stress {
    Stress {
        threads: 4,
        operations: 100,
        iterations: 1_000,
        time: None,
        seed: None,
        hang_limit: Duration::from_secs(10),
    }
}

/// After so many iterations with something wrong a test ends: the pattern shows.
const FAILURES: usize = 10;

impl Stress {
    /// How many threads work on the thing at once; 4 if not said.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How many operations each thread does in an iteration; 100 if not said.
    pub fn operations(mut self, operations: usize) -> Self {
        self.operations = operations;
        self
    }

    /// How many iterations are run, each on a new thing; 1,000 if not said.
    pub fn iterations(mut self, iterations: u64) -> Self {
        self.iterations = iterations;
        self
    }

    /// No further iteration begins after this time, however many are left.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// From which [`Worker::rng`] draws; drawn at random itself if not said. `BRIGADE_CHECK_SEED` overrides it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// After how long without the end of an iteration the threads are taken to hang; 10 s if not said. Of each thread
    /// only the time counts in which it was blocked or had a core, where the system tells (Linux does). Such threads
    /// are left behind, as nothing can end them; then few smaller tries are made, with a shorter limit.
    pub fn hang_limit(mut self, limit: Duration) -> Self {
        self.hang_limit = limit;
        self
    }

    /// Stresses the thing that `make` makes, on which each thread does `operation` again and again, and which `finish`
    /// looks at when they have ended. Each says that something is wrong by a panic or an error.
    ///
    /// # Errors
    ///
    /// [`Failure::Found`] with what went wrong, in which iteration, thread and operation, after looking for fewer
    /// threads and operations that still fail; or a failure that says what is wrong with the check itself.
    pub fn check<T, V, W>(
        mut self,
        make: impl Fn() -> T + Send + Sync + 'static,
        operation: impl Fn(&T, &mut Worker) -> V + Send + Sync + 'static,
        finish: impl Fn(T) -> W + Send + Sync + 'static,
    ) -> Result<Report, Failure>
    where
        T: Send + Sync + 'static,
        V: Verifiable,
        W: Verifiable,
    {
        if self.threads == 0 {
            return Err(Failure::NoThreads);
        }
        if self.operations == 0 {
            return Err(Failure::NoOperations);
        }
        if self.iterations == 0 {
            return Err(Failure::NoRuns);
        }
        if let Some(time) = environment::time()? {
            (self.time, self.iterations) = (Some(time), u64::MAX);
        }
        let subject = Arc::new(Subject {
            make: Box::new(make),
            operate: Box::new(move |thing, worker| operation(thing, worker).verify()),
            finish: Box::new(move |thing| finish(thing).verify()),
        });
        self.run(&subject, environment::seed(self.seed)?)
    }

    /// Like [`check`](Self::check), but panics with the whole report: for use in a test.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn assert<T, V, W>(
        self,
        make: impl Fn() -> T + Send + Sync + 'static,
        operation: impl Fn(&T, &mut Worker) -> V + Send + Sync + 'static,
        finish: impl Fn(T) -> W + Send + Sync + 'static,
    ) where
        T: Send + Sync + 'static,
        V: Verifiable,
        W: Verifiable,
    {
        if let Err(failure) = self.check(make, operation, finish) {
            failure.raise();
        }
    }

    fn run<T: Send + Sync + 'static>(
        &self,
        subject: &Arc<Subject<T>>,
        seed: u64,
    ) -> Result<Report, Failure> {
        let amount = Amount {
            threads: self.threads,
            operations: self.operations,
            iterations: self.iterations,
            deadline: self.time.into(),
            failures: FAILURES,
            repeat: false,
        };
        let origin = Origin::begin();
        let begun = Instant::now();
        let ran = run_amount(subject, seed, amount, self.hang_limit, true);
        if let Some((kind, first)) = ran.first() {
            let seed = seed.wrapping_add(first);
            let limit = match kind {
                Kind::Hung => shorter_limit(self.hang_limit, begun.elapsed(), ran.iterations + 1),
                _ => self.hang_limit,
            };
            let (threads, operations) = Shrinking::new(subject, seed, kind, limit).shrink(amount);
            let mut reason = ran.reason(self.hang_limit);
            if (threads, operations) != (self.threads, self.operations) {
                reason += &format!(
                    "\nThe least that fails so: threads({threads}).operations({operations})"
                );
            }
            return Err(Failure::Found(Box::new(Finding {
                kind,
                reason,
                seed,
                token: None,
                test: origin.test(),
                runs: ran.iterations,
                operations: vec![operations; threads],
                drawing: Drawing::default(),
            })));
        }
        Ok(Report {
            scenarios: 1,
            runs: ran.iterations,
            ..Report::new(seed)
        })
    }
}

/// Runs so much, with a line on the terminal if it should `show` how far it is.
pub(super) fn run_amount<T: Send + Sync + 'static>(
    subject: &Arc<Subject<T>>,
    seed: u64,
    amount: Amount,
    hang_limit: Duration,
    show: bool,
) -> Ran {
    let iterations = Arc::new(Iterations::new(Arc::clone(subject), seed, amount));
    let mut progress = Progress::new(show, amount);
    let watched = Arc::clone(&iterations);
    let tell = || progress.tell(watched.counts());
    let team = Arc::clone(&iterations);
    let ended = run_team(team, amount.threads, seed, hang_limit, tell);
    let hang = ended
        .err()
        .map(|Hang { points }| iterations.whereabouts(&points));
    let (done, failing) = iterations.counts();
    let wrong = iterations.wrong().clone();
    Ran {
        iterations: done,
        failing,
        wrong,
        hang,
    }
}

/// What came of some iterations.
pub(super) struct Ran {
    iterations: u64,
    pub(super) failing: usize,
    wrong: Vec<Wrong>,
    /// What each thread is at, if they hang.
    pub(super) hang: Option<Vec<String>>,
}

/// So many different things that went wrong are listed.
const LISTED: usize = 8;

impl Ran {
    /// What went wrong first, and in which iteration.
    fn first(&self) -> Option<(Kind, u64)> {
        let first = self
            .wrong
            .first()
            .map(|wrong| (wrong.kind, wrong.iteration));
        first.or_else(|| self.hang.as_ref().map(|_| (Kind::Hung, self.iterations)))
    }

    fn reason(&self, hang_limit: Duration) -> String {
        let mut lines = Vec::new();
        if self.failing > 0 {
            lines.push(format!(
                "{} of {} iterations failed:",
                self.failing, self.iterations
            ));
        }
        let mut told: Vec<&str> = Vec::new();
        for wrong in &self.wrong {
            // The same message of many threads and iterations is told once.
            if !told.contains(&wrong.message.as_str()) {
                told.push(&wrong.message);
                if told.len() <= LISTED {
                    lines.push(format!("  {wrong}"));
                }
            }
        }
        if told.len() > LISTED {
            lines.push(format!("  and {} other messages", told.len() - LISTED));
        }
        if let Some(at) = &self.hang {
            let iteration = self.iterations;
            lines.push(format!(
                "iteration {iteration} did not end after {hang_limit:?}; its threads are left behind:"
            ));
            lines.extend(at.iter().map(|at| format!("  {at}")));
        }
        lines.join("\n")
    }
}

/// A line on a terminal that says how far it is.
struct Progress {
    shows: bool,
    started: Instant,
    iterations: u64,
    shown: bool,
}

/// What is over sooner needs no line.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

impl Progress {
    fn new(show: bool, amount: Amount) -> Self {
        Self {
            shows: show && stderr().is_terminal(),
            started: Instant::now(),
            iterations: amount.iterations,
            shown: false,
        }
    }

    fn tell(&mut self, (done, failing): (u64, usize)) {
        if self.shows && self.started.elapsed() >= SHOWN_AFTER {
            self.shown = true;
            let of = match self.iterations {
                u64::MAX => String::new(),
                iterations => format!(" of {iterations}"),
            };
            eprint!("\r\x1b[Kstress: {done}{of} iterations, {failing} failed");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
