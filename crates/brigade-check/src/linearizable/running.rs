//! Runs a scenario by one of the two ways, and judges each run.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::judge::{Found, Judge};
use crate::deadline::Deadline;
#[cfg(feature = "explore")]
use crate::explore::{Course, DataSeeds, Replay, Runs, SharedChooser, Strategy, Token, Trace};
use crate::failure::Kind;
use crate::lock::lock;
use crate::model::{Model, SharedModel};
use crate::scenario::{Ending, Run, Scenario, Subject};
use crate::stress::stress_scenario;

/// The way scenarios are run.
pub(super) enum Engine<M: Model, T> {
    Stress {
        subject: Arc<Subject<T, M::Operation, M::Outcome>>,
        hang_limit: Duration,
    },
    #[cfg(feature = "explore")]
    Explore(Exploring<M>),
}

/// Deterministic schedules.
#[cfg(feature = "explore")]
pub(super) struct Exploring<M: Model> {
    pub(super) runs: Runs<M::Operation, M::Outcome>,
    pub(super) strategy: Strategy,
    pub(super) may_spawn: bool,
    pub(super) steps: usize,
}

/// A run in which something is wrong.
pub(super) struct Failing<M: Model> {
    pub(super) kind: Kind,
    pub(super) reason: String,
    pub(super) run: Run<M::Operation, M::Outcome>,
    pub(super) schedule: Schedule,
}

impl<M: Model> Failing<M> {
    /// Not the thing under test hangs, but what looks at it.
    fn of_the_model() -> Self {
        Self {
            kind: Kind::Hung,
            reason: MODEL_HANGS.to_owned(),
            run: Run {
                calls: Vec::new(),
                points: Vec::new(),
                ending: Ending::Completed,
                spawned: false,
            },
            schedule: Schedule::default(),
        }
    }
}

pub(super) const MODEL_HANGS: &str = "the model, or what checks it, does not come to an end";

#[cfg(feature = "explore")]
impl<M: Model> Failing<M> {
    /// With how many preemptions it fails; `None` if its schedule does not say what the thing does, which drew from
    /// `shuttle::rand`, and of real threads, which have none.
    pub(super) fn preemptions(&self) -> Option<usize> {
        let trace = self.schedule.as_ref()?;
        (trace.data_seed == 0).then_some(trace.preemptions)
    }
}

/// The schedule of a run, if it was explored.
#[cfg(feature = "explore")]
pub(super) type Schedule = Option<Trace>;
#[cfg(not(feature = "explore"))]
pub(super) type Schedule = Option<std::convert::Infallible>;

/// How much a scenario is run.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    pub(super) runs: usize,
    pub(super) deadline: Deadline,
}

impl Budget {
    fn is_spent(self, runs: u64) -> bool {
        runs >= self.runs as u64 || self.deadline.has_passed()
    }
}

/// What came of a scenario.
pub(super) struct Tried<M: Model> {
    pub(super) runs: u64,
    pub(super) undecided: u64,
    /// It was not run, as real threads may wait for ever in it.
    pub(super) skipped: bool,
    /// There are no further schedules of the kind that was asked for.
    #[cfg(feature = "explore")]
    pub(super) ended: bool,
    /// There are no further schedules at all.
    pub(super) exhausted: bool,
    pub(super) spawned: bool,
    /// Whether a thread stood amid an operation where others could come between.
    #[cfg(feature = "explore")]
    pub(super) stops: bool,
    #[cfg(feature = "explore")]
    pub(super) misfits: usize,
    pub(super) failing: Option<Failing<M>>,
}

impl<M: Model> Tried<M> {
    fn new() -> Self {
        Self {
            runs: 0,
            undecided: 0,
            skipped: false,
            #[cfg(feature = "explore")]
            ended: false,
            exhausted: false,
            spawned: false,
            #[cfg(feature = "explore")]
            stops: false,
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
            taken.failing = Some(Failing::of_the_model());
        }
        taken
    }

    /// Takes note of a run, and says whether to go on.
    fn note(
        &mut self,
        judge: &Judge<M>,
        run: Run<M::Operation, M::Outcome>,
        schedule: Schedule,
    ) -> ControlFlow<()> {
        self.runs += 1;
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
                    schedule,
                });
                ControlFlow::Break(())
            }
        }
    }
}

impl<M, T> Engine<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    pub(super) fn may_spawn(&self) -> bool {
        match self {
            Self::Stress { .. } => true,
            #[cfg(feature = "explore")]
            Self::Explore(exploring) => exploring.may_spawn,
        }
    }

    /// After how long without the end of a run real threads hang.
    pub(super) fn hang_limit(&mut self) -> Option<&mut Duration> {
        match self {
            Self::Stress { hang_limit, .. } => Some(hang_limit),
            #[cfg(feature = "explore")]
            Self::Explore(_) => None,
        }
    }

    pub(super) fn uses_real_threads(&self) -> bool {
        matches!(self, Self::Stress { .. })
    }

    /// Whether it is left to us how schedules are chosen.
    #[cfg(feature = "explore")]
    pub(super) fn mixes(&self) -> bool {
        matches!(self, Self::Explore(exploring) if exploring.strategy == Strategy::Mixed)
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
            Self::Explore(_) => runs.max(200),
        }
    }

    /// Runs a scenario until something is wrong, or the budget is spent.
    pub(super) async fn run(
        &self,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: &Judge<M>,
        seed: u64,
        budget: Budget,
    ) -> Tried<M> {
        match self {
            Self::Stress {
                subject,
                hang_limit,
            } => stress(subject, scenario, judge, seed, budget, *hang_limit),
            #[cfg(feature = "explore")]
            Self::Explore(exploring) => {
                let chooser = exploring.strategy.chooser(seed);
                let seeds = DataSeeds::draw(seed);
                exploring
                    .explore(scenario, judge, &chooser, seeds, budget)
                    .await
            }
        }
    }
}

fn stress<M, T>(
    subject: &Arc<Subject<T, M::Operation, M::Outcome>>,
    scenario: &Arc<Scenario<M::Operation>>,
    judge: &Judge<M>,
    seed: u64,
    budget: Budget,
    hang_limit: Duration,
) -> Tried<M>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    if judge.may_block(scenario) {
        // Real threads that rightly block cannot be told from ones that hang, nor ended.
        return Tried {
            skipped: true,
            ..Tried::new()
        };
    }
    let tried = Arc::new(Mutex::new(Tried::new()));
    let (notes, judge) = (Arc::clone(&tried), judge.clone());
    let look = move |run| {
        let mut tried = lock(&notes);
        tried.note(&judge, run, Schedule::default())?;
        if budget.is_spent(tried.runs) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let ended = stress_scenario(subject, scenario, seed, hang_limit, Box::new(look));
    Tried::taken(&tried, ended.is_err())
}

#[cfg(feature = "explore")]
impl<M: Model> Exploring<M> {
    /// Runs a scenario under schedules until something is wrong, or the budget is spent, or there are no more.
    pub(super) async fn explore(
        &self,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: &Judge<M>,
        chooser: &SharedChooser,
        mut seeds: DataSeeds,
        budget: Budget,
    ) -> Tried<M> {
        let mut tried = Tried::new();
        while !budget.is_spent(tried.runs) {
            if !lock(chooser).begin() {
                tried.ended = true;
                break;
            }
            let course = Course::new(chooser, seeds.next(), self.steps);
            let ended = self.runs.run(scenario, course).await;
            tried.stops |= ended.trace.stops;
            if tried.note(judge, ended.run, Some(ended.trace)).is_break() {
                break;
            }
        }
        let chooser = lock(chooser);
        tried.exhausted = chooser.is_exhausted();
        tried.misfits = chooser.misfits();
        drop(chooser);
        tried
    }

    /// Runs a scenario under the schedule of a token.
    pub(super) async fn replay(
        &self,
        scenario: &Arc<Scenario<M::Operation>>,
        judge: &Judge<M>,
        token: &Token,
    ) -> Tried<M> {
        let (chooser, seeds) = (Replay::shared(token), DataSeeds::repeat(token));
        let once = Budget {
            runs: 1,
            deadline: Deadline::NONE,
        };
        self.explore(scenario, judge, &chooser, seeds, once).await
    }
}
