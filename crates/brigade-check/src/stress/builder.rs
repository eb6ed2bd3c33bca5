//! Stress tests: what is asked for, and what is found.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::amount::{Amount, run_amount};
use super::iterations::{Subject, Worker};
use super::shrinking::Shrinking;
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
                // One that hangs has not been counted.
                runs: ran.iterations + u64::from(ran.hang.is_some()),
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
