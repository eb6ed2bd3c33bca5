//! Whether a concurrent thing behaves like its sequential model, whatever its threads do.

mod judge;
mod minimising;
mod operations;
mod running;
mod session;
mod shortcuts;
#[cfg(feature = "proptest")]
mod simplify;
#[cfg(feature = "explore")]
mod small;
mod trial;
#[cfg(feature = "proptest")]
mod values;
#[cfg(feature = "proptest")]
mod walk;
mod way;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::operations::Operations;
use crate::failure::Failure;
use crate::linearizability::Criterion;
use crate::model::Model;
use crate::report::Report;
use crate::scenario::Subject;
use crate::verdict::Verifiable;

/// A check of a thing against a sequential model: made by [`linearizable`], run by [`check`](Self::check).
#[must_use = "nothing is run before check(..) or assert(..)"]
pub struct Linearizable<M: Model> {
    model: M,
    threads: usize,
    operations: usize,
    generate: Option<Operations<M::Operation>>,
    before: Vec<M::Operation>,
    after: Vec<M::Operation>,
    criterion: Criterion,
    scenarios: usize,
    runs: usize,
    time: Option<Duration>,
    seed: Option<u64>,
    hang_limit: Duration,
    #[cfg(feature = "explore")]
    explore: Option<Exploration>,
}

impl<M: Model> Linearizable<M> {
    /// Says what is missing before anything can be run.
    fn validate(&self) -> Result<(), Failure> {
        if self.threads == 0 {
            return Err(Failure::NoThreads);
        }
        if self.operations == 0 {
            return Err(Failure::NoOperations);
        }
        if self.generate.is_none() {
            return Err(Failure::NoGenerator);
        }
        if self.scenarios == 0 || self.runs == 0 {
            return Err(Failure::NoRuns);
        }
        Ok(())
    }
}

impl<M: Model> fmt::Debug for Linearizable<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Linearizable")
            .field("threads", &self.threads)
            .field("operations", &self.operations)
            .field("criterion", &self.criterion)
            .field("scenarios", &self.scenarios)
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}

/// How schedules are explored, if they are.
#[cfg(feature = "explore")]
#[derive(Default)]
struct Exploration {
    strategy: crate::explore::Strategy,
    replay: Option<String>,
    may_spawn: bool,
    steps: Option<usize>,
}

/// Begins a check that what a concurrent thing returns can be explained by some order of the operations, applied one
/// by one to the model `M`, starting from its default state.
///
/// Scenarios are generated, each with some operations for each of some threads; each is run many times, by real
/// threads ([stress](crate::stress()), the default) or under schedules of our choosing
/// ([`explore`](Linearizable::explore)); what a run returned is held against the model. The first that cannot be
/// explained is made as small as possible, and reported.
///
/// ```
/// use brigade_check::{Model, linearizable};
/// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
///
/// #[derive(Clone, Default, PartialEq, Eq, Hash)]
/// struct Count(u32);
///
/// #[derive(Clone, Debug)]
/// struct Increment;
///
/// impl Model for Count {
///     type Operation = Increment;
///     type Outcome = u32;
///
///     fn apply(&mut self, _: &Increment) -> u32 {
///         self.0 += 1;
///         self.0
///     }
/// }
///
/// let check = || linearizable::<Count>().threads(2).operations(2).scenarios(10).generate(|_| Increment);
/// check().assert(|| AtomicU32::new(0), |count, _| count.fetch_add(1, SeqCst) + 1);
///
/// let broken = check().explore().check(
///     || AtomicU32::new(0),
///     |count, _| {
///         let next = count.load(SeqCst) + 1;
///         brigade_check::point("read");
///         count.store(next, SeqCst);
///         next
///     },
/// );
/// let failure = broken.unwrap_err();
/// // Two threads with one increment each are enough.
/// assert_eq!(failure.finding().unwrap().operations, [1, 1]);
/// ```
pub fn linearizable<M: Model + Default>() -> Linearizable<M> {
    Linearizable::from_state(M::default())
}

impl<M: Model> Linearizable<M> {
    /// Begins a check with another state of the model than its default: that of the thing when just made.
    pub fn from_state(model: M) -> Self {
        Self {
            model,
            threads: 2,
            operations: 3,
            generate: None,
            before: Vec::new(),
            after: Vec::new(),
            criterion: Criterion::Linearizable,
            scenarios: 100,
            runs: 100,
            time: None,
            seed: None,
            hang_limit: Duration::from_secs(10),
            #[cfg(feature = "explore")]
            explore: None,
        }
    }

    /// How many threads work on the thing at once; 2 if not said.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// How many operations each thread does; 3 if not said. Few find nearly everything, and are quickly understood.
    pub fn operations(mut self, operations: usize) -> Self {
        self.operations = operations;
        self
    }

    /// Operations done before the threads start, one by one. Minimising tries to do without.
    pub fn before(mut self, operations: impl IntoIterator<Item = M::Operation>) -> Self {
        self.before = operations.into_iter().collect();
        self
    }

    /// Operations done after the threads have ended, one by one: they see what is left. Minimising tries to do
    /// without.
    pub fn after(mut self, operations: impl IntoIterator<Item = M::Operation>) -> Self {
        self.after = operations.into_iter().collect();
        self
    }

    /// Which orders of the operations count; [`Criterion::Linearizable`] if not said.
    pub fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// How many scenarios are generated; 100 if not said.
    pub fn scenarios(mut self, scenarios: usize) -> Self {
        self.scenarios = scenarios;
        self
    }

    /// How often each scenario is run: by how many iterations of stress, or schedules of explore; 100 if not said.
    ///
    /// An exploration whose strategy is not said runs small scenarios before: at the most a quarter as often as all
    /// scenarios together, and 1,000 times.
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// No further run begins after this time, however many are left.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// From which the operations (and schedules) are generated; drawn at random if not said. `BRIGADE_CHECK_SEED`
    /// overrides it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// After how long without the end of a run real threads are taken to hang; 10 s if not said. Of each thread only
    /// the time counts in which it was blocked or had a core, where the system tells (Linux does).
    pub fn hang_limit(mut self, limit: Duration) -> Self {
        self.hang_limit = limit;
        self
    }

    /// Checks the thing that `make` makes and on which `apply` does an operation.
    ///
    /// # Errors
    ///
    /// [`Failure::Found`] with the smallest scenario found whose results no order explains, or in which the thing
    /// panics or hangs; the other failures say what is wrong with the check itself.
    pub fn check<T, A>(
        self,
        make: impl Fn() -> T + Send + Sync + 'static,
        apply: A,
    ) -> Result<Report, Failure>
    where
        M: Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
        A: Fn(&T, &M::Operation) -> M::Outcome + Send + Sync + 'static,
    {
        self.check_and_finish(make, apply, drop)
    }

    /// Like [`check`](Self::check), and looks at the thing at the end of each run: `finish` is given it when the
    /// threads have ended, may shut it down and take it apart, and panics or returns an error if an invariant does
    /// not hold.
    ///
    /// # Errors
    ///
    /// As of [`check`](Self::check), and [`Kind::Broken`](crate::Kind::Broken) with what `finish` returned.
    pub fn check_and_finish<T, A, F, V>(
        self,
        make: impl Fn() -> T + Send + Sync + 'static,
        apply: A,
        finish: F,
    ) -> Result<Report, Failure>
    where
        M: Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
        A: Fn(&T, &M::Operation) -> M::Outcome + Send + Sync + 'static,
        F: Fn(T) -> V + Send + Sync + 'static,
        V: Verifiable,
    {
        let subject = Arc::new(Subject {
            make: Box::new(make),
            apply: Box::new(apply),
            finish: Box::new(move |thing| finish(thing).verify()),
        });
        session::run(self, subject)
    }

    /// Like [`check`](Self::check), but panics with the whole report: for use in a test.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn assert<T, A>(self, make: impl Fn() -> T + Send + Sync + 'static, apply: A)
    where
        M: Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
        A: Fn(&T, &M::Operation) -> M::Outcome + Send + Sync + 'static,
    {
        self.assert_and_finish(make, apply, drop);
    }

    /// Like [`check_and_finish`](Self::check_and_finish), but panics with the whole report.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn assert_and_finish<T, A, F, V>(
        self,
        make: impl Fn() -> T + Send + Sync + 'static,
        apply: A,
        finish: F,
    ) where
        M: Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
        A: Fn(&T, &M::Operation) -> M::Outcome + Send + Sync + 'static,
        F: Fn(T) -> V + Send + Sync + 'static,
        V: Verifiable,
    {
        if let Err(failure) = self.check_and_finish(make, apply, finish) {
            failure.raise();
        }
    }
}

/// Deterministic schedules instead of real threads.
#[cfg(feature = "explore")]
impl<M: Model> Linearizable<M> {
    /// Runs the scenarios under deterministic schedules, one thread at a time, instead of by real threads.
    ///
    /// The thing must take its locks, atomics and threads from shuttle (see [the crate's documentation](crate)), or
    /// have [points](crate::point) and never block.
    pub fn explore(mut self) -> Self {
        self.explore.get_or_insert_default();
        self
    }

    /// [Explores](Self::explore), choosing the schedules so; [`Strategy::Mixed`](crate::Strategy::Mixed) if not said.
    pub fn strategy(mut self, strategy: crate::explore::Strategy) -> Self {
        self.explore.get_or_insert_default().strategy = strategy;
        self
    }

    /// [Explores](Self::explore) only the run that the token of a report stands for, which must be one of this check.
    /// `BRIGADE_CHECK_REPLAY` does the same in the check that the token came from, and leaves others alone.
    pub fn replay(mut self, token: impl Into<String>) -> Self {
        self.explore.get_or_insert_default().replay = Some(token.into());
        self
    }

    /// [Explores](Self::explore) things whose operations start threads, like a pool that grows. Without it
    /// that is an error, as such threads could do something after the operation has returned.
    pub fn operations_may_spawn(mut self) -> Self {
        self.explore.get_or_insert_default().may_spawn = true;
        self
    }

    /// [Explores](Self::explore) with so many steps for each run, after which it counts as a livelock; 10,000 if
    /// not said.
    pub fn steps(mut self, steps: usize) -> Self {
        self.explore.get_or_insert_default().steps = Some(steps);
        self
    }
}
