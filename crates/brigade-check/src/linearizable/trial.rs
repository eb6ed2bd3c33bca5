//! Scenarios, tried: whether something is wrong with them.

#[cfg(feature = "explore")]
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::judge::Judge;
use super::running::{Budget, Engine, Failing, Tried};
use crate::deadline::Deadline;
#[cfg(feature = "explore")]
use crate::explore::{DataSeeds, SharedChooser};
use crate::failure::Failure;
use crate::model::{Model, SharedModel};
use crate::report::Report;
use crate::scenario::Scenario;

/// Tries scenarios, and adds up what came of them.
pub(super) struct Trial<M: Model, T> {
    pub(super) judge: Judge<M>,
    pub(super) engine: Engine<M, T>,
    pub(super) begun: Instant,
    pub(super) deadline: Deadline,
    pub(super) report: Report,
    /// Whether a thread ever stood amid an operation where others could come between.
    #[cfg(feature = "explore")]
    pub(super) stops: bool,
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
    /// It fails on one thread alone, which does the generated operations of these numbers one after the other: what it
    /// does once it does always.
    pub(super) in_sequence: Option<Vec<usize>>,
}

impl<M, T> Trial<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    pub(super) fn new(
        judge: Judge<M>,
        engine: Engine<M, T>,
        seed: u64,
        deadline: Deadline,
    ) -> Self {
        Self {
            judge,
            engine,
            begun: Instant::now(),
            deadline,
            report: Report::new(seed),
            #[cfg(feature = "explore")]
            stops: false,
            #[cfg(feature = "explore")]
            sound: HashMap::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline.has_passed()
    }

    pub(super) fn budget(&self, runs: usize) -> Budget {
        Budget {
            runs,
            deadline: self.deadline,
        }
    }

    /// Runs a scenario by the way of this check, at the most so often.
    pub(super) async fn try_scenario(
        &mut self,
        scenario: &Arc<Scenario<M::Operation>>,
        seed: u64,
        runs: usize,
    ) -> Result<Option<Failing<M>>, Failure> {
        let budget = self.budget(runs);
        let tried = self.engine.run(scenario, &self.judge, seed, budget).await;
        self.note(tried)
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
        let seeds = DataSeeds::draw(seed);
        Some(
            exploring
                .explore(scenario, &self.judge, chooser, seeds, budget)
                .await,
        )
    }

    pub(super) fn note(&mut self, tried: Tried<M>) -> Result<Option<Failing<M>>, Failure> {
        self.report.runs += tried.runs;
        self.report.undecided += tried.undecided;
        self.report.skipped += usize::from(tried.skipped);
        self.report.exhausted += usize::from(tried.exhausted);
        #[cfg(feature = "explore")]
        {
            self.stops |= tried.stops;
        }
        if tried.spawned && !self.engine.may_spawn() {
            return Err(Failure::OperationSpawns);
        }
        Ok(tried.failing)
    }
}
