//! What failed, made smaller as long as it still fails.

#[cfg(feature = "explore")]
use std::fmt::Debug;
use std::sync::Arc;
#[cfg(feature = "explore")]
use std::sync::Mutex;
use std::time::Duration;

#[cfg(feature = "explore")]
use super::running::Budget;
use super::running::{Failing, Schedule};
use super::trial::{Caught, Trial};
use crate::deadline::Deadline;
#[cfg(feature = "explore")]
use crate::explore::{Counted, Exhaustive, SharedChooser, Token};
use crate::failure::{Failure, Finding, Kind};
use crate::minimise::Minimiser;
use crate::model::{Model, SharedModel};
use crate::origin::Origin;
use crate::report::Drawing;
use crate::scenario::Scenario;

/// How long minimising may take.
const MINIMISING: Duration = Duration::from_secs(10);
/// So many schedules of a smaller scenario are run one after the other, and then as many by the strategy. Most small
/// scenarios have not more, which says for certain whether they fail; of the others, the strategy often finds sooner
/// what is wrong.
#[cfg(feature = "explore")]
const SCHEDULES: [usize; 2] = [100, 1_000];
/// With so many orders of the operations of a part, schedules are counted by preemptions amid operations only.
#[cfg(feature = "explore")]
const MOST_ORDERS: usize = 100;
/// How many runs, and how long, a failing schedule with fewer preemptions is looked for.
#[cfg(feature = "explore")]
const SIMPLIFYING_RUNS: usize = 1_000;
#[cfg(feature = "explore")]
const SIMPLIFYING: Duration = Duration::from_secs(2);

/// What was caught, as small as it gets.
pub(super) struct Smallest<M: Model> {
    pub(super) caught: Caught<M>,
    /// What was kept of its scenario, with values as simple as they are by now.
    pub(super) scenario: Arc<Scenario<M::Operation>>,
    /// How the values were made so simple, as tokens tell it.
    pub(super) simplifications: Vec<u8>,
    /// How many runs the check took until something failed.
    pub(super) runs: u64,
}

impl<M: Model> Smallest<M> {
    pub(super) fn finding(self, origin: &Origin) -> Failure {
        let Caught {
            failing,
            kept,
            seed,
            ..
        } = self.caught;
        Failure::Found(Box::new(Finding {
            kind: failing.kind,
            reason: failing.reason,
            seed,
            token: token(
                failing.schedule,
                &self.scenario,
                seed,
                kept,
                self.simplifications,
                origin,
            ),
            test: origin.test(),
            runs: self.runs,
            operations: self.scenario.threads.iter().map(Vec::len).collect(),
            drawing: Drawing::of(&failing.run),
        }))
    }
}

/// The token of an explored run.
#[cfg(feature = "explore")]
fn token<O: Clone + Debug>(
    schedule: Schedule,
    scenario: &Scenario<O>,
    seed: u64,
    kept: Vec<bool>,
    simplifications: Vec<u8>,
    origin: &Origin,
) -> Option<String> {
    let trace = schedule?;
    let token = Token {
        seed,
        origin: origin.fingerprint(),
        fingerprint: scenario.fingerprint(),
        kept,
        simplifications,
        data_seed: trace.data_seed,
        choices: trace.choices,
    };
    Some(token.encode())
}

/// Without schedules there are no tokens.
#[cfg(not(feature = "explore"))]
fn token<O>(
    _: Schedule,
    _: &Scenario<O>,
    _: u64,
    _: Vec<bool>,
    _: Vec<u8>,
    _: &Origin,
) -> Option<String> {
    None
}

/// How something smaller is tried than what has failed.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Within so many runs it failed.
    pub(super) runs: u64,
    in_sequence: bool,
    /// Under a schedule with so many preemptions, if that says all.
    #[cfg(feature = "explore")]
    preemptions: Option<usize>,
}

impl Effort {
    pub(super) fn of<M: Model>(caught: &Caught<M>) -> Self {
        Self {
            runs: caught.runs,
            in_sequence: caught.in_sequence.is_some(),
            #[cfg(feature = "explore")]
            preemptions: caught.failing.preemptions(),
        }
    }
}

impl<M, T> Trial<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    /// Makes the scenario smaller as long as it still fails.
    pub(super) async fn smallest(mut self, caught: Caught<M>) -> Smallest<M> {
        let runs = self.report.runs;
        self.deadline = Deadline::after(MINIMISING);
        let caught = match caught.failing.kind {
            Kind::Hung => self.smaller_hang(caught).await,
            _ => self.smaller(caught).await,
        };
        Smallest {
            scenario: Arc::new(caught.scenario.part(&caught.kept)),
            caught,
            simplifications: Vec::new(),
            runs,
        }
    }

    /// Drops operations for as long as it still fails.
    async fn smaller(&mut self, caught: Caught<M>) -> Caught<M> {
        let mut caught = self.in_sequence(caught).await;
        // What needs few preemptions in the whole needs no more in a part: then there are few schedules to be tried.
        #[cfg(feature = "explore")]
        {
            caught = self.simplest(caught).await;
        }
        let mut effort = Effort::of(&caught);
        let mut minimiser = Minimiser::new(caught.kept.clone(), caught.scenario.thread_places());
        while !self.is_over()
            && let Some(kept) = minimiser.next()
        {
            let smaller = Arc::new(caught.scenario.part(&kept));
            let boldly = minimiser.drops_several(&kept);
            let tried = self.try_smaller(&smaller, boldly, caught.seed, &mut effort);
            if let Some(failing) = tried.await {
                minimiser.fails(kept);
                caught.failing = failing;
            }
        }
        caught.kept = minimiser.smallest();
        caught.runs = effort.runs;
        #[cfg(feature = "explore")]
        {
            caught = self.simplest(caught).await;
        }
        caught
    }

    /// What is wrong with a scenario that is smaller than one that failed, if something is.
    #[cfg_attr(
        not(feature = "explore"),
        expect(
            unused_variables,
            reason = "real threads are run the same way whatever is dropped"
        )
    )]
    pub(super) async fn try_smaller(
        &mut self,
        smaller: &Arc<Scenario<M::Operation>>,
        boldly: bool,
        seed: u64,
        effort: &mut Effort,
    ) -> Option<Failing<M>> {
        #[cfg(feature = "explore")]
        if let Some(preemptions) = effort.preemptions {
            // There are many ways to drop several at once, and what is missed so is found one by one.
            let (efforts, preemptions) = match boldly {
                true => (&SCHEDULES[..1], preemptions),
                // Now and then a part needs one more than the whole.
                false => (&SCHEDULES[..], preemptions + 1),
            };
            let still = self.try_schedules(smaller, preemptions, efforts, seed);
            let mut still = still.await?;
            // What was drawn may have many more than it needs.
            let now = still.preemptions();
            if now > effort.preemptions
                && let Some(simpler) = self.simpler(smaller, still.kind, now).await
            {
                still = simpler;
            }
            effort.preemptions = still.preemptions();
            return Some(still);
        }
        let before = self.report.runs;
        let runs = match effort.in_sequence {
            true => 1,
            false => self.engine.runs_to_minimise(effort.runs),
        };
        let still = self.try_scenario(smaller, seed, runs).await;
        let still = still.ok().flatten()?;
        effort.runs = self.report.runs - before;
        #[cfg(feature = "explore")]
        {
            effort.preemptions = still.preemptions();
        }
        Some(still)
    }

    /// What is wrong with a part of a scenario, as far as some schedules say: all with at most so many preemptions, if
    /// they are few, or those among which the strategy finds something.
    #[cfg(feature = "explore")]
    async fn try_schedules(
        &mut self,
        part: &Arc<Scenario<M::Operation>>,
        preemptions: usize,
        efforts: &[usize],
        seed: u64,
    ) -> Option<Failing<M>> {
        let fingerprint = part.fingerprint();
        let sound = self.sound.get(&fingerprint);
        if sound.is_some_and(|&sound| sound >= preemptions) {
            return None;
        }
        // Of few orders all can be tried first.
        let every = if part.orders() <= MOST_ORDERS {
            Exhaustive::up_to(preemptions, Counted::Amid)
        } else {
            Exhaustive::new(Counted::All)
        };
        let every: SharedChooser = Arc::new(Mutex::new(every));
        for &schedules in efforts {
            let budget = self.budget(schedules);
            let tried = self.explore(part, &every, seed, budget).await?;
            let ended = tried.ended;
            let failing = self.note(tried).ok()?;
            if ended && failing.is_none() {
                self.sound.insert(fingerprint, preemptions);
            }
            if ended || failing.is_some() {
                return failing;
            }
            let drawn = self.try_scenario(part, seed, schedules).await;
            if let Ok(Some(failing)) = drawn {
                return Some(failing);
            }
        }
        None
    }

    /// With the failing run of the fewest preemptions, of some; real threads have none to count.
    #[cfg(feature = "explore")]
    async fn simplest(&mut self, mut caught: Caught<M>) -> Caught<M> {
        let part = Arc::new(caught.scenario.part(&caught.kept));
        let (kind, preemptions) = (caught.failing.kind, caught.failing.preemptions());
        if let Some(simpler) = self.simpler(&part, kind, preemptions).await {
            caught.failing = simpler;
        }
        caught
    }

    /// A run of a scenario that fails with fewer preemptions than this one, if they can be counted.
    #[cfg(feature = "explore")]
    pub(super) async fn simpler(
        &mut self,
        scenario: &Arc<Scenario<M::Operation>>,
        kind: Kind,
        preemptions: Option<usize>,
    ) -> Option<Failing<M>> {
        let fewer = preemptions?.checked_sub(1).filter(|&fewer| fewer > 0)?;
        let fewer: SharedChooser = Arc::new(Mutex::new(Exhaustive::up_to(fewer, Counted::Amid)));
        let budget = Budget {
            runs: SIMPLIFYING_RUNS,
            deadline: Deadline::after(SIMPLIFYING),
        };
        let tried = self.explore(scenario, &fewer, 0, budget).await;
        let other = tried.and_then(|tried| tried.failing);
        other.filter(|other| other.kind == kind)
    }
}
