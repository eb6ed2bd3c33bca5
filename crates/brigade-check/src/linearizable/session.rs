//! One check: scenario after scenario, until something is found.

use std::sync::Arc;

use super::Linearizable;
use super::judge::Judge;
use super::minimising::Smallest;
#[cfg(all(feature = "proptest", feature = "explore"))]
use super::operations::Operations;
#[cfg(feature = "explore")]
use super::running::Engine;
use super::trial::{Caught, Trial};
#[cfg(feature = "proptest")]
use super::values::Values;
use super::way::Way;
use crate::deadline::Deadline;
use crate::environment;
#[cfg(feature = "explore")]
use crate::explore::Token;
use crate::failure::Failure;
#[cfg(feature = "explore")]
use crate::failure::Finding;
use crate::model::{Model, SharedModel};
use crate::origin::Origin;
#[cfg(feature = "explore")]
use crate::report::Drawing;
use crate::report::Report;
use crate::scenario::{Scenario, Subject};

/// One check under way.
pub(super) struct Session<M: Model, T> {
    pub(super) settings: Linearizable<M>,
    pub(super) trial: Trial<M, T>,
}

/// How a check ends that does not pass.
pub(super) enum End<M: Model> {
    Failed(Failure),
    /// What fails, as small as it was made, but for its values.
    Caught(Box<Smallest<M>>),
}

impl<M: Model> From<Failure> for End<M> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Runs a check from its beginning to its end.
pub(super) fn run<M, T>(
    mut settings: Linearizable<M>,
    subject: Arc<Subject<T, M::Operation, M::Outcome>>,
) -> Result<Report, Failure>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    settings.validate()?;
    let seed = environment::seed(settings.seed)?;
    if let Some(time) = environment::time()? {
        (settings.time, settings.scenarios) = (Some(time), usize::MAX);
    }
    let way = Way {
        subject,
        judge: Judge {
            model: settings.model.clone(),
            criterion: settings.criterion,
        },
        origin: Origin::begin(),
        seed,
        hang_limit: settings.hang_limit,
        #[cfg(feature = "explore")]
        exploration: settings.explore.take(),
    };
    #[cfg(feature = "explore")]
    let token = match &way.exploration {
        Some(exploration) => environment::token(exploration.replay.as_deref(), &way.origin)?,
        None => None,
    };
    #[cfg(feature = "explore")]
    let test = way.origin.test();
    #[cfg(feature = "proptest")]
    let values = Values::of(&settings);
    let deadline = Deadline::from(settings.time);
    let end = way.carry_out(deadline, |trial| {
        let session = Session { settings, trial };
        async move {
            #[cfg(feature = "explore")]
            if let Some(token) = token {
                return Ok(session.replay(token, test).await?);
            }
            session.run().await
        }
    });
    match end? {
        Ok(report) => Ok(report),
        Err(End::Failed(failure)) => Err(failure),
        Err(End::Caught(smallest)) => {
            #[cfg(feature = "proptest")]
            let smallest = match values {
                Some(values) => values.simplify(&way, *smallest),
                None => *smallest,
            };
            Err(smallest.finding(&way.origin))
        }
    }
}

impl<M, T> Session<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    async fn run(mut self) -> Result<Report, End<M>> {
        #[cfg(feature = "explore")]
        if let Some(caught) = self.try_small_scenarios().await? {
            return Err(End::Caught(Box::new(self.trial.smallest(caught).await)));
        }
        for number in 0..self.settings.scenarios {
            // The first scenario is that of the seed itself, so that the seed of a failure repeats it at once.
            let seed = self.trial.report.seed.wrapping_add(number as u64);
            let scenario = self.scenario(seed)?;
            self.trial.judge.deterministic(&scenario)?;
            self.trial.report.scenarios += 1;
            let scenario = Arc::new(scenario);
            let before = self.trial.report.runs;
            let runs = self.settings.runs;
            let tried = self.trial.try_scenario(&scenario, seed, runs).await;
            if let Some(failing) = tried? {
                let caught = Caught {
                    failing,
                    kept: vec![true; scenario.operations()],
                    scenario,
                    seed,
                    runs: self.trial.report.runs - before,
                    in_sequence: None,
                };
                return Err(End::Caught(Box::new(self.trial.smallest(caught).await)));
            }
            if self.trial.is_over() {
                break;
            }
        }
        #[cfg(feature = "explore")]
        if self.explores_nothing() {
            return Err(Failure::NothingToExplore.into());
        }
        let report = self.trial.report;
        if report.skipped == report.scenarios {
            return Err(Failure::EveryScenarioMayBlock(report.skipped).into());
        }
        Ok(report)
    }

    /// Whether schedules were asked for, of operations that ran one after the other, each in one piece: to pass so
    /// says nothing.
    #[cfg(feature = "explore")]
    fn explores_nothing(&self) -> bool {
        let explores = !self.trial.engine.uses_real_threads();
        explores && self.settings.threads > 1 && self.trial.report.runs > 0 && !self.trial.stops
    }

    /// The scenario of a seed.
    pub(super) fn scenario(&self, seed: u64) -> Result<Scenario<M::Operation>, Failure> {
        let generate = self
            .settings
            .generate
            .as_ref()
            .expect("checked at the start");
        let (threads, each) = (self.settings.threads, self.settings.operations);
        let operations = generate.generate(seed, threads * each)?;
        Ok(Scenario {
            before: self.settings.before.clone(),
            threads: operations.chunks(each).map(<[_]>::to_vec).collect(),
            after: self.settings.after.clone(),
        })
    }

    #[cfg(feature = "explore")]
    async fn replay(mut self, token: Token, test: Option<String>) -> Result<Report, Failure> {
        let Engine::Explore(exploring) = &self.trial.engine else {
            unreachable!("only schedules have tokens");
        };
        let mismatch = |why: &str| Err(Failure::TokenMismatch(why.to_owned()));
        let scenario = self.scenario(token.seed)?;
        if token.kept.len() != scenario.operations() {
            return mismatch("the number of threads or operations differs");
        }
        let Some(smallest) = self.repeat_values(scenario.part(&token.kept), &token) else {
            return mismatch("the operations come from elsewhere");
        };
        if !token.fits(smallest.fingerprint()) {
            return mismatch("the operations differ");
        }
        let scenario = Arc::new(smallest.clone());
        let judge = &self.trial.judge;
        let tried = exploring.replay(&scenario, judge, &token).await;
        let report = &mut self.trial.report;
        report.scenarios = 1;
        report.runs = tried.runs;
        match tried.failing {
            Some(failing) => Err(Failure::Found(Box::new(Finding {
                kind: failing.kind,
                reason: failing.reason,
                seed: token.seed,
                token: Some(token.encode()),
                test,
                runs: 1,
                operations: smallest.threads.iter().map(Vec::len).collect(),
                drawing: Drawing::of(&failing.run),
            }))),
            None if tried.misfits > 0 => mismatch("the threads take other steps"),
            None => Ok(self.trial.report),
        }
    }

    /// A part of a scenario with its values as simple as they were for its token; `None` if they come from elsewhere.
    #[cfg(feature = "explore")]
    fn repeat_values(
        &self,
        part: Scenario<M::Operation>,
        token: &Token,
    ) -> Option<Scenario<M::Operation>> {
        if token.simplifications.is_empty() {
            return Some(part);
        }
        match &self.settings.generate {
            #[cfg(feature = "proptest")]
            Some(Operations::Strategy(_)) => Values::of(&self.settings)?.repeat(&part, token),
            _ => None,
        }
    }
}
