//! What failed, made smaller as long as it still fails.

#[cfg(feature = "explore")]
use std::fmt::Debug;
use std::sync::Arc;
#[cfg(feature = "explore")]
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[cfg(feature = "explore")]
use super::running::Budget;
use super::running::{Failing, Schedule};
use super::session::{Caught, Session};
#[cfg(feature = "explore")]
use super::small::MOST_OPERATIONS;
#[cfg(feature = "explore")]
use crate::explore::{Counted, Exhaustive, SharedChooser, Token};
use crate::failure::{Failure, Finding, Kind};
use crate::minimise::Minimiser;
use crate::model::Model;
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
/// How many runs, and how long, a failing schedule with fewer preemptions is looked for.
#[cfg(feature = "explore")]
const SIMPLIFYING_RUNS: usize = 1_000;
#[cfg(feature = "explore")]
const SIMPLIFYING: Duration = Duration::from_secs(2);

impl<M, T> Session<M, T>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    /// Makes the scenario smaller as long as it still fails, and draws what is left.
    pub(super) async fn finding(mut self, caught: Caught<M>) -> Failure {
        let runs_needed = self.report.runs;
        self.deadline = Some(Instant::now() + MINIMISING);
        let Caught {
            failing,
            scenario,
            kept,
            seed,
            ..
        } = match caught.failing.kind {
            Kind::Hung => self.smaller_hang(caught).await,
            _ => self.smaller(caught).await,
        };
        let smallest = scenario.part(&kept);
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

    /// Drops operations for as long as it still fails.
    async fn smaller(&mut self, caught: Caught<M>) -> Caught<M> {
        let mut caught = self.in_sequence(caught).await;
        // What needs few preemptions in the whole needs no more in a part: then there are few schedules to be tried.
        #[cfg(feature = "explore")]
        {
            caught = self.simplest(caught).await;
        }
        let mut minimiser = Minimiser::new(caught.kept.clone(), caught.scenario.thread_places());
        while !self.is_over()
            && let Some(kept) = minimiser.next()
        {
            let boldly = minimiser.drops_several(&kept);
            if let Some(failing) = self.try_smaller(&mut caught, &kept, boldly).await {
                minimiser.fails(kept);
                caught.failing = failing;
            }
        }
        caught.kept = minimiser.smallest();
        #[cfg(feature = "explore")]
        {
            caught = self.simplest(caught).await;
        }
        caught
    }

    /// What is wrong with a part of the scenario that was caught, if something is.
    #[cfg_attr(
        not(feature = "explore"),
        expect(
            unused_variables,
            reason = "real threads are run the same way whatever is dropped"
        )
    )]
    async fn try_smaller(
        &mut self,
        caught: &mut Caught<M>,
        kept: &[bool],
        boldly: bool,
    ) -> Option<Failing<M>> {
        let (smaller, seed) = (Arc::new(caught.scenario.part(kept)), caught.seed);
        #[cfg(feature = "explore")]
        if !self.engine.uses_real_threads() && !caught.failing.draws() {
            // There are many ways to drop several at once, and what is missed so is found one by one.
            let efforts = &SCHEDULES[..if boldly { 1 } else { SCHEDULES.len() }];
            let preemptions = caught.failing.preemptions();
            let tried = self.try_schedules(&smaller, preemptions, efforts, seed);
            return tried.await;
        }
        let before = self.report.runs;
        let runs = match caught.in_sequence {
            true => 1,
            false => self.engine.runs_to_minimise(caught.runs),
        };
        let still = self.try_scenario(&smaller, seed, runs).await;
        let still = still.ok().flatten()?;
        caught.runs = self.report.runs - before;
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
        // Of few operations all orders can be tried first.
        let every = if part.operations() <= MOST_OPERATIONS {
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
        let failing = &caught.failing;
        if failing.preemptions() < 2 || failing.draws() {
            return caught;
        }
        let limit = failing.preemptions() - 1;
        let fewer: SharedChooser = Arc::new(Mutex::new(Exhaustive::up_to(limit, Counted::Amid)));
        let budget = Budget {
            runs: SIMPLIFYING_RUNS,
            deadline: Some(Instant::now() + SIMPLIFYING),
        };
        let part = Arc::new(caught.scenario.part(&caught.kept));
        let tried = self.explore(&part, &fewer, 0, budget).await;
        let other = tried.and_then(|tried| tried.failing);
        if let Some(other) = other.filter(|other| other.kind == failing.kind) {
            caught.failing = other;
        }
        caught
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
    let token = Token {
        seed,
        origin: origin.fingerprint(),
        fingerprint: scenario.fingerprint(),
        kept,
        simplifications: Vec::new(),
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
