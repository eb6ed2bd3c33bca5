//! Whether a concurrent thing behaves like its sequential model, whatever its threads do.

mod judge;
mod running;

#[cfg(feature = "explore")]
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use self::judge::Judge;
use self::running::{Engine, Failing, Schedule};
use crate::environment;
use crate::failure::{Failure, Finding, Kind};
use crate::linearizability::Criterion;
use crate::minimise::minimise;
use crate::model::Model;
use crate::report::{Drawing, Report};
use crate::scenario::{Scenario, Subject};
use crate::verdict::Verifiable;

type Generate<O> = Box<dyn Fn(&mut Rng) -> O>;

/// A check of a thing against a sequential model: made by [`linearizable`], run by [`check`](Self::check).
#[must_use = "nothing is run before check(..) or assert(..)"]
pub struct Linearizable<M: Model> {
    model: M,
    threads: usize,
    operations: usize,
    generate: Option<Generate<M::Operation>>,
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

    /// How to generate an operation. It must draw all that is random from the generator it is given, so that a seed
    /// repeats it; few different values make threads meet.
    pub fn generate(mut self, generate: impl Fn(&mut Rng) -> M::Operation + 'static) -> Self {
        self.generate = Some(Box::new(generate));
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

    /// After how long without the end of a run real threads are taken to hang; 10 s if not said.
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
        Session::new(self, subject)?.run()
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
            panic!("{failure}");
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

    /// [Explores](Self::explore) only the run that the token of a report stands for. `BRIGADE_CHECK_REPLAY` does
    /// the same.
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

/// The token of an explored run.
#[cfg(feature = "explore")]
fn token<O: Clone + Debug>(
    schedule: Schedule,
    scenario: &Scenario<O>,
    seed: u64,
    kept: Vec<bool>,
) -> Option<String> {
    let (choices, data_seed) = schedule?;
    let token = crate::explore::Token {
        seed,
        fingerprint: scenario.fingerprint(),
        kept,
        data_seed,
        choices,
    };
    Some(token.encode())
}

/// Without schedules there are no tokens.
#[cfg(not(feature = "explore"))]
fn token<O>(_: Schedule, _: &Scenario<O>, _: u64, _: Vec<bool>) -> Option<String> {
    None
}

/// One check under way.
struct Session<M: Model, T> {
    settings: Linearizable<M>,
    subject: Arc<Subject<T, M::Operation, M::Outcome>>,
    seed: u64,
    deadline: Option<Instant>,
    report: Report,
    engine: Engine,
}

/// How long minimising may take.
const MINIMISING: Duration = Duration::from_secs(10);

impl<M, T> Session<M, T>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    fn new(
        settings: Linearizable<M>,
        subject: Arc<Subject<T, M::Operation, M::Outcome>>,
    ) -> Result<Self, Failure> {
        if settings.threads == 0 {
            return Err(Failure::NoThreads);
        }
        if settings.operations == 0 {
            return Err(Failure::NoOperations);
        }
        if settings.generate.is_none() {
            return Err(Failure::NoGenerator);
        }
        if settings.scenarios == 0 || settings.runs == 0 {
            return Err(Failure::NoRuns);
        }
        let seed = environment::seed(settings.seed)?;
        Ok(Self {
            deadline: settings.time.map(|time| Instant::now() + time),
            engine: Engine::new(&settings),
            report: Report {
                seed,
                scenarios: 0,
                runs: 0,
                undecided: 0,
                exhausted: 0,
            },
            settings,
            subject,
            seed,
        })
    }

    fn run(mut self) -> Result<Report, Failure> {
        #[cfg(feature = "explore")]
        if let Some(exploration) = &self.settings.explore
            && let Some(token) = environment::token(exploration.replay.as_deref())?
        {
            return self.replay(&token);
        }
        for number in 0..self.settings.scenarios {
            // The first scenario is that of the seed itself, so that the seed of a failure repeats it at once.
            let seed = self.seed.wrapping_add(number as u64);
            let scenario = self.scenario(seed);
            self.judge().deterministic(&scenario)?;
            self.report.scenarios += 1;
            let before = self.report.runs;
            if let Some(failing) = self.try_scenario(scenario.clone(), seed, self.settings.runs)? {
                let runs = self.report.runs - before;
                return Err(self.finding(&scenario, seed, failing, runs));
            }
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                break;
            }
        }
        Ok(self.report)
    }

    fn judge(&self) -> Judge<M> {
        Judge {
            model: self.settings.model.clone(),
            criterion: self.settings.criterion,
        }
    }

    /// The scenario of a seed.
    fn scenario(&self, seed: u64) -> Scenario<M::Operation> {
        let mut rng = Rng::with_seed(seed);
        let generate = self
            .settings
            .generate
            .as_ref()
            .expect("checked at the start");
        let mut thread = || {
            (0..self.settings.operations)
                .map(|_| generate(&mut rng))
                .collect()
        };
        Scenario {
            before: self.settings.before.clone(),
            threads: (0..self.settings.threads).map(|_| thread()).collect(),
            after: self.settings.after.clone(),
        }
    }

    fn try_scenario(
        &mut self,
        scenario: Scenario<M::Operation>,
        seed: u64,
        runs: usize,
    ) -> Result<Option<Failing<M>>, Failure> {
        let judge = self.judge();
        let tried = self.engine.run(
            &self.subject,
            &Arc::new(scenario),
            judge,
            seed,
            runs,
            self.deadline,
        );
        self.report.runs += tried.runs;
        self.report.undecided += tried.undecided;
        self.report.exhausted += usize::from(tried.exhausted);
        if tried.spawned && !self.engine.may_spawn() {
            return Err(Failure::OperationSpawns);
        }
        Ok(tried.failing)
    }

    /// Makes the scenario smaller as long as it still fails, and draws what is left.
    fn finding(
        mut self,
        scenario: &Scenario<M::Operation>,
        seed: u64,
        failing: Failing<M>,
        runs: u64,
    ) -> Failure {
        let runs_needed = self.report.runs;
        let kept = vec![true; scenario.operations()];
        let places = scenario.thread_places();
        let minimising = Instant::now() + MINIMISING;
        self.deadline = Some(minimising);
        // A hang costs its limit and leaks its threads: not again and again.
        let (kept, failing) = if failing.kind == Kind::Hung {
            (kept, failing)
        } else {
            // A smaller scenario may need more runs, and what fails in one run of many is not to be missed.
            let runs = usize::try_from(runs)
                .unwrap_or(usize::MAX)
                .saturating_mul(4);
            let runs = runs.max(self.engine.least_runs_to_minimise());
            minimise(kept, failing, &places, minimising, |kept| {
                self.try_scenario(scenario.part(kept), seed, runs)
                    .ok()
                    .flatten()
            })
        };
        let smallest = scenario.part(&kept);
        Failure::Found(Box::new(Finding {
            kind: failing.kind,
            reason: failing.reason,
            seed,
            token: token(failing.schedule, &smallest, seed, kept),
            runs: runs_needed,
            operations: smallest.threads.iter().map(Vec::len).collect(),
            drawing: Drawing::of(&failing.run),
        }))
    }

    #[cfg(feature = "explore")]
    fn replay(mut self, token: &crate::explore::Token) -> Result<Report, Failure> {
        let mismatch = |why: &str| Err(Failure::TokenMismatch(why.to_owned()));
        let scenario = self.scenario(token.seed);
        if token.kept.len() != scenario.operations() {
            return mismatch("the number of threads or operations differs");
        }
        let smallest = scenario.part(&token.kept);
        if !token.fits(smallest.fingerprint()) {
            return mismatch("the operations differ");
        }
        let judge = self.judge();
        let tried = self
            .engine
            .replay(&self.subject, &Arc::new(smallest.clone()), judge, token);
        self.report.scenarios = 1;
        self.report.runs = tried.runs;
        match tried.failing {
            Some(failing) => Err(Failure::Found(Box::new(Finding {
                kind: failing.kind,
                reason: failing.reason,
                seed: token.seed,
                token: Some(token.encode()),
                runs: 1,
                operations: smallest.threads.iter().map(Vec::len).collect(),
                drawing: Drawing::of(&failing.run),
            }))),
            None if tried.misfits > 0 => mismatch("the threads take other steps"),
            None => Ok(self.report),
        }
    }
}
