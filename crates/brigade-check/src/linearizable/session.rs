//! One check: scenario after scenario, until something is found.

#[cfg(feature = "explore")]
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use fastrand::Rng;

#[cfg(feature = "explore")]
use super::Exploration;
use super::Linearizable;
use super::judge::Judge;
use super::running::{Budget, Engine, Failing, Tried};
#[cfg(feature = "explore")]
use super::running::{Exploring, MODEL_HANGS};
use crate::environment;
#[cfg(feature = "explore")]
use crate::explore::{DataSeeds, SharedChooser, Stuck, Token, explore_scenarios};
use crate::failure::Failure;
#[cfg(feature = "explore")]
use crate::failure::{Finding, Kind};
use crate::model::Model;
use crate::origin::Origin;
#[cfg(feature = "explore")]
use crate::report::Drawing;
use crate::report::Report;
use crate::scenario::{Scenario, Subject};

/// One check under way.
pub(super) struct Session<M: Model, T> {
    pub(super) settings: Linearizable<M>,
    pub(super) engine: Engine<M, T>,
    pub(super) origin: Origin,
    pub(super) begun: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) report: Report,
    /// Fingerprints of scenarios that do not fail under any schedule with at most so many preemptions.
    #[cfg(feature = "explore")]
    pub(super) sound: HashMap<u64, usize>,
}

/// What failed, in which scenario and of which seed, and within how many runs of it.
pub(super) struct Caught<M: Model> {
    pub(super) failing: Failing<M>,
    /// Whole, of the seed.
    pub(super) scenario: Arc<Scenario<M::Operation>>,
    /// Which of its operations were run.
    pub(super) kept: Vec<bool>,
    pub(super) seed: u64,
    pub(super) runs: u64,
    /// It fails on one thread alone: what it does once it does always.
    pub(super) in_sequence: bool,
}

/// Runs a check from its beginning to its end.
pub(super) fn run<M, T>(
    mut settings: Linearizable<M>,
    subject: Arc<Subject<T, M::Operation, M::Outcome>>,
) -> Result<Report, Failure>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    settings.validate()?;
    let report = Report::new(environment::seed(settings.seed)?);
    if let Some(time) = environment::time()? {
        (settings.time, settings.scenarios) = (Some(time), usize::MAX);
    }
    let origin = Origin::begin();
    #[cfg(feature = "explore")]
    if let Some(exploration) = settings.explore.take() {
        return explored(settings, exploration, subject, origin, report);
    }
    let engine = Engine::Stress {
        subject,
        hang_limit: settings.hang_limit,
    };
    let session = Session::new(settings, engine, origin, report);
    // Real threads are waited for where they are started: it never waits here.
    match pin!(session.run()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(end) => end,
        Poll::Pending => unreachable!("nothing of real threads is waited for here"),
    }
}

/// The same under deterministic schedules.
#[cfg(feature = "explore")]
fn explored<M, T>(
    settings: Linearizable<M>,
    exploration: Exploration,
    subject: Arc<Subject<T, M::Operation, M::Outcome>>,
    origin: Origin,
    report: Report,
) -> Result<Report, Failure>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    let token = environment::token(exploration.replay.as_deref(), &origin)?;
    let (seed, test, hang_limit) = (report.seed, origin.test(), settings.hang_limit);
    let check = |runs| {
        let engine = Engine::Explore(Exploring {
            runs,
            strategy: exploration.strategy,
            may_spawn: exploration.may_spawn,
            steps: exploration.steps.unwrap_or(crate::explore::STEPS),
        });
        let session = Session::<M, T>::new(settings, engine, origin, report);
        async {
            match token {
                Some(token) => session.replay(token).await,
                None => session.run().await,
            }
        }
    };
    explore_scenarios(subject, hang_limit, check)
        .unwrap_or_else(|stuck| Err(of_itself(stuck, seed, test)))
}

/// The check itself hangs or panics: the model does, or what generates the operations.
#[cfg(feature = "explore")]
fn of_itself(stuck: Stuck, seed: u64, test: Option<String>) -> Failure {
    let (kind, reason) = match stuck {
        Stuck::Panicked(message) => (
            Kind::Panicked,
            format!("the model, or what checks it: {message}"),
        ),
        Stuck::Hung => (Kind::Hung, MODEL_HANGS.to_owned()),
    };
    Failure::Found(Box::new(Finding {
        kind,
        reason,
        seed,
        token: None,
        test,
        runs: 0,
        operations: Vec::new(),
        drawing: Drawing::default(),
    }))
}

impl<M, T> Session<M, T>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    fn new(
        settings: Linearizable<M>,
        engine: Engine<M, T>,
        origin: Origin,
        report: Report,
    ) -> Self {
        Self {
            origin,
            begun: Instant::now(),
            deadline: settings.time.map(|time| Instant::now() + time),
            settings,
            engine,
            report,
            #[cfg(feature = "explore")]
            sound: HashMap::new(),
        }
    }

    async fn run(mut self) -> Result<Report, Failure> {
        #[cfg(feature = "explore")]
        if let Some(caught) = self.try_small_scenarios().await? {
            return Err(self.finding(caught).await);
        }
        for number in 0..self.settings.scenarios {
            // The first scenario is that of the seed itself, so that the seed of a failure repeats it at once.
            let seed = self.report.seed.wrapping_add(number as u64);
            let scenario = self.scenario(seed);
            self.judge().deterministic(&scenario)?;
            self.report.scenarios += 1;
            let scenario = Arc::new(scenario);
            let before = self.report.runs;
            let tried = self.try_scenario(&scenario, seed, self.settings.runs).await;
            if let Some(failing) = tried? {
                let caught = Caught {
                    failing,
                    kept: vec![true; scenario.operations()],
                    scenario,
                    seed,
                    runs: self.report.runs - before,
                    in_sequence: false,
                };
                return Err(self.finding(caught).await);
            }
            if self.is_over() {
                break;
            }
        }
        Ok(self.report)
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(super) fn judge(&self) -> Judge<M> {
        Judge {
            model: self.settings.model.clone(),
            criterion: self.settings.criterion,
        }
    }

    /// The scenario of a seed.
    pub(super) fn scenario(&self, seed: u64) -> Scenario<M::Operation> {
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

    /// Runs a scenario by the way of this check, at the most so often.
    pub(super) async fn try_scenario(
        &mut self,
        scenario: &Arc<Scenario<M::Operation>>,
        seed: u64,
        runs: usize,
    ) -> Result<Option<Failing<M>>, Failure> {
        let (judge, budget) = (self.judge(), self.budget(runs));
        let tried = self.engine.run(scenario, &judge, seed, budget).await;
        self.note(tried)
    }

    pub(super) fn budget(&self, runs: usize) -> Budget {
        Budget {
            runs,
            deadline: self.deadline,
        }
    }

    pub(super) fn note(&mut self, tried: Tried<M>) -> Result<Option<Failing<M>>, Failure> {
        self.report.runs += tried.runs;
        self.report.undecided += tried.undecided;
        self.report.exhausted += usize::from(tried.exhausted);
        if tried.spawned && !self.engine.may_spawn() {
            return Err(Failure::OperationSpawns);
        }
        Ok(tried.failing)
    }

    /// Runs a scenario under the schedules of `chooser`; `None` by real threads, which go by none.
    #[cfg(feature = "explore")]
    pub(super) async fn explore(
        &mut self,
        scenario: &Arc<Scenario<M::Operation>>,
        chooser: &SharedChooser,
        seed: u64,
        budget: Budget,
    ) -> Option<Tried<M>> {
        let Engine::Explore(exploring) = &self.engine else {
            return None;
        };
        let (judge, seeds) = (self.judge(), DataSeeds::draw(seed));
        Some(
            exploring
                .explore(scenario, &judge, chooser, seeds, budget)
                .await,
        )
    }

    #[cfg(feature = "explore")]
    async fn replay(mut self, token: Token) -> Result<Report, Failure> {
        let Engine::Explore(exploring) = &self.engine else {
            unreachable!("only schedules have tokens");
        };
        let mismatch = |why: &str| Err(Failure::TokenMismatch(why.to_owned()));
        let scenario = self.scenario(token.seed);
        if token.kept.len() != scenario.operations() {
            return mismatch("the number of threads or operations differs");
        }
        let smallest = scenario.part(&token.kept);
        if !token.fits(smallest.fingerprint()) {
            return mismatch("the operations differ");
        }
        let scenario = Arc::new(smallest.clone());
        let tried = exploring.replay(&scenario, &self.judge(), &token).await;
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
