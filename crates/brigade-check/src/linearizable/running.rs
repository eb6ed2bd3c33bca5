//! Runs a scenario by one of the two ways, and judges each run.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Linearizable;
use super::judge::{Found, Judge};
#[cfg(feature = "explore")]
use crate::explore::{Plan, Strategy, Token, Trace, explore_scenario};
use crate::failure::Kind;
use crate::model::Model;
use crate::scenario::{Ending, Run, Scenario, Subject};
use crate::stress::stress_scenario;

/// The way scenarios are run.
pub(super) enum Engine {
    Stress {
        hang_limit: Duration,
    },
    #[cfg(feature = "explore")]
    Explore {
        strategy: Strategy,
        may_spawn: bool,
        steps: usize,
        hang_limit: Duration,
    },
}

/// A run in which something is wrong.
pub(super) struct Failing<M: Model> {
    pub(super) kind: Kind,
    pub(super) reason: String,
    pub(super) run: Run<M::Operation, M::Outcome>,
    pub(super) schedule: Schedule,
}

#[cfg(feature = "explore")]
impl<M: Model> Failing<M> {
    fn switches(&self) -> usize {
        self.schedule.as_ref().map_or(0, |trace| trace.switches)
    }

    /// Whether the thing drew from `shuttle::rand`: then its schedule alone does not say what it does.
    pub(super) fn draws(&self) -> bool {
        let data_seed = self.schedule.as_ref().map(|trace| trace.data_seed);
        data_seed.is_some_and(|seed| seed != 0)
    }
}

/// The schedule of a run, if it was explored.
#[cfg(feature = "explore")]
pub(super) type Schedule = Option<Trace>;
#[cfg(not(feature = "explore"))]
pub(super) type Schedule = Option<std::convert::Infallible>;

/// After so many attempts in a row without a failing run of fewer switches none is looked for any more; the runs of
/// each attempt, and the time for all of them.
#[cfg(feature = "explore")]
const ATTEMPTS: u64 = 10;
#[cfg(feature = "explore")]
const SIMPLIFYING: Duration = Duration::from_secs(2);
#[cfg(feature = "explore")]
const ATTEMPT_RUNS: usize = 200;

/// What came of a scenario.
pub(super) struct Tried<M: Model> {
    pub(super) runs: u64,
    pub(super) undecided: u64,
    pub(super) exhausted: bool,
    pub(super) spawned: bool,
    #[cfg(feature = "explore")]
    pub(super) misfits: usize,
    pub(super) failing: Option<Failing<M>>,
}

impl<M: Model> Tried<M> {
    fn new() -> Self {
        Self {
            runs: 0,
            undecided: 0,
            exhausted: false,
            spawned: false,
            #[cfg(feature = "explore")]
            misfits: 0,
            failing: None,
        }
    }

    /// What was noted. Of a hang nothing was if it is the model that hangs, and the notes are still locked.
    fn taken(tried: &Mutex<Self>, hung: bool) -> Self {
        let mut taken = match tried.try_lock() {
            Ok(mut tried) => std::mem::replace(&mut *tried, Self::new()),
            Err(_) => Self::new(),
        };
        if hung && taken.failing.is_none() {
            taken.failing = Some(Failing {
                kind: Kind::Hung,
                reason: "the model, or what checks it, does not come to an end".to_owned(),
                run: Run {
                    calls: Vec::new(),
                    points: Vec::new(),
                    ending: Ending::Completed,
                    spawned: false,
                },
                schedule: Schedule::default(),
            });
        }
        taken
    }

    /// Takes note of a run, and says whether to go on.
    fn note(
        &mut self,
        judge: &Judge<M>,
        run: Run<M::Operation, M::Outcome>,
        schedule: impl FnOnce() -> Schedule,
    ) -> ControlFlow<()> {
        self.spawned |= run.spawned;
        match judge.look(&run) {
            Found::Nothing => ControlFlow::Continue(()),
            Found::Undecided => {
                self.undecided += 1;
                ControlFlow::Continue(())
            }
            Found::Trouble(kind, reason) => {
                self.failing = Some(Failing {
                    kind,
                    reason,
                    run,
                    schedule: schedule(),
                });
                ControlFlow::Break(())
            }
        }
    }
}

impl Engine {
    pub(super) fn new<M: Model>(settings: &Linearizable<M>) -> Self {
        #[cfg(feature = "explore")]
        if let Some(exploration) = &settings.explore {
            return Self::Explore {
                strategy: exploration.strategy,
                may_spawn: exploration.may_spawn,
                steps: exploration.steps.unwrap_or(crate::explore::STEPS),
                hang_limit: settings.hang_limit,
            };
        }
        Self::Stress {
            hang_limit: settings.hang_limit,
        }
    }

    pub(super) fn may_spawn(&self) -> bool {
        match self {
            Self::Stress { .. } => true,
            #[cfg(feature = "explore")]
            Self::Explore { may_spawn, .. } => *may_spawn,
        }
    }

    /// After how long without the end of a run, or a step of it, its threads hang.
    pub(super) fn hang_limit(&mut self) -> &mut Duration {
        match self {
            Self::Stress { hang_limit } => hang_limit,
            #[cfg(feature = "explore")]
            Self::Explore { hang_limit, .. } => hang_limit,
        }
    }

    pub(super) fn uses_real_threads(&self) -> bool {
        matches!(self, Self::Stress { .. })
    }

    /// How often a scenario is run before it is taken for one that does not fail, if a larger one failed within
    /// `runs_to_find` runs: what fails in one run of many is not to be missed, and what fails at once is soon seen.
    pub(super) fn runs_to_minimise(&self, runs_to_find: u64) -> usize {
        let runs = usize::try_from(runs_to_find).unwrap_or(usize::MAX);
        let runs = runs.saturating_mul(20);
        match self {
            // Runs of real threads are slow, and each a matter of luck.
            Self::Stress { .. } => runs.clamp(500, 3_000),
            #[cfg(feature = "explore")]
            Self::Explore { .. } => runs.max(200),
        }
    }

    /// The same way, but under every schedule, as far as that is to be had.
    #[cfg(feature = "explore")]
    pub(super) fn every_schedule(&self) -> Option<Self> {
        match *self {
            Self::Explore {
                may_spawn,
                steps,
                hang_limit,
                ..
            } => Some(Self::Explore {
                strategy: Strategy::Exhaustive,
                may_spawn,
                steps,
                hang_limit,
            }),
            Self::Stress { .. } => None,
        }
    }

    /// Runs a scenario up to `runs` times, or until `deadline`.
    pub(super) fn run<T, M>(
        &self,
        subject: &Arc<Subject<T, M::Operation, M::Outcome>>,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: Judge<M>,
        seed: u64,
        runs: usize,
        deadline: Option<Instant>,
    ) -> Tried<M>
    where
        M: Model + Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        match *self {
            Self::Stress { hang_limit } => {
                if judge.may_block(scenario) {
                    // Real threads that rightly block cannot be told from ones that hang, nor ended.
                    return Tried::new();
                }
                let tried = Arc::new(Mutex::new(Tried::new()));
                let notes = Arc::clone(&tried);
                let look = move |run| {
                    let mut tried = notes.lock().unwrap_or_else(PoisonError::into_inner);
                    tried.runs += 1;
                    tried.note(&judge, run, Schedule::default)?;
                    let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                    if over || tried.runs >= runs as u64 {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                };
                let ended = stress_scenario(subject, scenario, seed, hang_limit, Box::new(look));
                Tried::taken(&tried, ended.is_err())
            }
            #[cfg(feature = "explore")]
            Self::Explore {
                strategy,
                steps,
                hang_limit,
                ..
            } => {
                let mut plan = Plan::new(strategy, seed, runs, steps);
                plan.hang_limit = hang_limit;
                plan.deadline = deadline;
                explore(subject, scenario, judge, plan)
            }
        }
    }

    /// Of some runs of a scenario that fails so, that with the fewest switches; real threads have none to count.
    #[cfg(feature = "explore")]
    pub(super) fn simplest<T, M>(
        &self,
        subject: &Arc<Subject<T, M::Operation, M::Outcome>>,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: &Judge<M>,
        seed: u64,
        mut failing: Failing<M>,
    ) -> Failing<M>
    where
        M: Model + Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let Self::Explore {
            strategy,
            steps,
            hang_limit,
            ..
        } = *self
        else {
            return failing;
        };
        let deadline = Instant::now() + SIMPLIFYING;
        let (mut attempt, mut in_vain) = (0, 0);
        while failing.switches() > 1 && in_vain < ATTEMPTS && Instant::now() < deadline {
            let mut plan = Plan::new(strategy, seed.wrapping_add(attempt), ATTEMPT_RUNS, steps);
            (plan.deadline, plan.hang_limit) = (Some(deadline), hang_limit);
            attempt += 1;
            in_vain += 1;
            let other = explore(subject, scenario, judge.clone(), plan).failing;
            let simpler = |other: &Failing<M>| {
                other.kind == failing.kind && other.switches() < failing.switches()
            };
            if let Some(other) = other.filter(simpler) {
                failing = other;
                in_vain = 0;
            }
        }
        failing
    }

    /// Runs a scenario under the schedule of a token.
    #[cfg(feature = "explore")]
    pub(super) fn replay<T, M>(
        &self,
        subject: &Arc<Subject<T, M::Operation, M::Outcome>>,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: Judge<M>,
        token: &Token,
    ) -> Tried<M>
    where
        M: Model + Send + Sync + 'static,
        M::Operation: Send + Sync + 'static,
        M::Outcome: Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let mut plan = Plan::replay(token, crate::explore::STEPS);
        if let Self::Explore {
            steps, hang_limit, ..
        } = *self
        {
            (plan.step_limit, plan.hang_limit) = (steps, hang_limit);
        }
        explore(subject, scenario, judge, plan)
    }
}

#[cfg(feature = "explore")]
fn explore<T, M>(
    subject: &Arc<Subject<T, M::Operation, M::Outcome>>,
    scenario: &Arc<Scenario<M::Operation>>,
    judge: Judge<M>,
    plan: Plan,
) -> Tried<M>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    let tried = Arc::new(Mutex::new(Tried::new()));
    let notes = Arc::clone(&tried);
    let look = move |run, trace: &Trace| {
        let mut tried = notes.lock().unwrap_or_else(PoisonError::into_inner);
        tried.note(&judge, run, || Some(trace.clone()))
    };
    let summary = explore_scenario(subject, scenario, plan, look);
    let mut tried = Tried::taken(&tried, summary.hung.is_some());
    tried.runs = summary.schedules as u64;
    tried.exhausted = summary.exhausted;
    tried.misfits = summary.misfits;
    tried
}
