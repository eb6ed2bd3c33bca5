//! One check: scenario after scenario, until something is found, and what is made of it.

#[cfg(feature = "explore")]
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::Linearizable;
use super::judge::Judge;
use super::running::{Engine, Failing, Schedule};
use crate::environment;
use crate::failure::{Failure, Finding, Kind};
use crate::minimise::minimise;
use crate::model::Model;
use crate::origin::Origin;
use crate::report::{Drawing, Report};
use crate::scenario::{Scenario, Subject};

/// One check under way.
pub(super) struct Session<M: Model, T> {
    settings: Linearizable<M>,
    subject: Arc<Subject<T, M::Operation, M::Outcome>>,
    seed: u64,
    deadline: Option<Instant>,
    origin: Origin,
    pub(super) begun: Instant,
    pub(super) report: Report,
    pub(super) engine: Engine,
}

/// How long minimising may take.
const MINIMISING: Duration = Duration::from_secs(10);
/// So many schedules of a smaller scenario are run one after the other, and then as many by the strategy. Most small
/// scenarios have not more, which says for certain whether they fail; of the others, the strategy often finds sooner
/// what is wrong.
#[cfg(feature = "explore")]
const SCHEDULES: [usize; 2] = [100, 1_000];

impl<M, T> Session<M, T>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    pub(super) fn new(
        mut settings: Linearizable<M>,
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
        if let Some(time) = environment::time()? {
            (settings.time, settings.scenarios) = (Some(time), usize::MAX);
        }
        Ok(Self {
            origin: Origin::begin(),
            begun: Instant::now(),
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

    pub(super) fn run(mut self) -> Result<Report, Failure> {
        #[cfg(feature = "explore")]
        if let Some(exploration) = &self.settings.explore
            && let Some(token) = environment::token(exploration.replay.as_deref(), &self.origin)?
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

    pub(super) fn try_scenario(
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

    /// What is wrong with a scenario, if something is, as far as some schedules say: all, if they are few, or those
    /// among which the strategy finds something; `None` if that leaves it open.
    #[cfg(feature = "explore")]
    fn try_every_schedule(
        &mut self,
        scenario: &Scenario<M::Operation>,
        seed: u64,
    ) -> Option<Option<Failing<M>>> {
        let every = self.engine.every_schedule()?;
        for schedules in SCHEDULES {
            let tried = every.run(
                &self.subject,
                &Arc::new(scenario.clone()),
                self.judge(),
                seed,
                schedules,
                self.deadline,
            );
            if tried.exhausted || tried.failing.is_some() {
                return Some(tried.failing);
            }
            let drawn = self.try_scenario(scenario.clone(), seed, schedules);
            if let Ok(Some(failing)) = drawn {
                return Some(Some(failing));
            }
        }
        None
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
        let minimising = Instant::now() + MINIMISING;
        self.deadline = Some(minimising);
        if failing.kind == Kind::Hung {
            self.shorten_hang_limit();
        }
        let sequence = self.in_sequence(scenario, seed, &failing);
        let in_sequence = sequence.is_some();
        let (scenario, failing) = sequence.unwrap_or_else(|| (scenario.clone(), failing));
        let kept = vec![true; scenario.operations()];
        let places = scenario.thread_places();
        let (kept, failing) = if failing.kind == Kind::Hung {
            let runs = self.engine.runs_to_minimise(runs);
            self.smaller_hang(&scenario, seed, failing, runs, minimising)
        } else {
            let mut runs_to_find = runs;
            #[cfg(feature = "explore")]
            let draws = failing.draws();
            minimise(kept, failing, &places, minimising, |kept| {
                let smaller = scenario.part(kept);
                #[cfg(feature = "explore")]
                if !draws && let Some(settled) = self.try_every_schedule(&smaller, seed) {
                    return settled;
                }
                let before = self.report.runs;
                let runs = match in_sequence {
                    true => 1,
                    false => self.engine.runs_to_minimise(runs_to_find),
                };
                let failing = self.try_scenario(smaller, seed, runs).ok().flatten()?;
                runs_to_find = self.report.runs - before;
                Some(failing)
            })
        };
        let smallest = scenario.part(&kept);
        #[cfg(feature = "explore")]
        let failing = {
            let smallest = Arc::new(smallest.clone());
            self.engine
                .simplest(&self.subject, &smallest, &self.judge(), seed, failing)
        };
        Failure::Found(Box::new(Finding {
            kind: failing.kind,
            reason: failing.reason,
            seed,
            token: token(failing.schedule, &smallest, seed, kept, &self.origin),
            test: self.origin.test(),
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
                test: self.origin.test(),
                runs: 1,
                operations: smallest.threads.iter().map(Vec::len).collect(),
                drawing: Drawing::of(&failing.run),
            }))),
            None if tried.misfits > 0 => mismatch("the threads take other steps"),
            None => Ok(self.report),
        }
    }
}

/// The token of an explored run.
#[cfg(feature = "explore")]
fn token<O: Clone + Debug>(
    schedule: Schedule,
    scenario: &Scenario<O>,
    seed: u64,
    kept: Vec<bool>,
    origin: &Origin,
) -> Option<String> {
    let trace = schedule?;
    let token = crate::explore::Token {
        seed,
        origin: origin.fingerprint(),
        fingerprint: scenario.fingerprint(),
        kept,
        data_seed: trace.data_seed,
        choices: trace.choices,
    };
    Some(token.encode())
}

/// Without schedules there are no tokens.
#[cfg(not(feature = "explore"))]
fn token<O>(_: Schedule, _: &Scenario<O>, _: u64, _: Vec<bool>, _: &Origin) -> Option<String> {
    None
}
