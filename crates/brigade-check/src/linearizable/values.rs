//! The values of the operations of a failing scenario: how they become simpler, once it is small.

use std::sync::Arc;
use std::time::Duration;

use super::Linearizable;
use super::minimising::{Effort, Smallest};
use super::operations::{MakeStrategy, Operations};
#[cfg(feature = "explore")]
use super::running::Failing;
use super::simplify;
#[cfg(feature = "explore")]
use super::walk;
use super::way::Way;
use crate::deadline::Deadline;
#[cfg(feature = "explore")]
use crate::explore::Token;
use crate::failure::Kind;
use crate::model::{Model, SharedModel};
use crate::panics;
#[cfg(feature = "explore")]
use crate::scenario::Scenario;

/// How long simpler values are looked for.
const SIMPLIFYING_VALUES: Duration = Duration::from_secs(10);

/// Where the values of a check come from, if that can make them simpler.
pub(super) struct Values<O> {
    strategy: MakeStrategy<O>,
    /// How many operations are generated, and how many there are before them.
    generated: usize,
    before: usize,
}

impl<O> Values<O>
where
    O: Clone + std::fmt::Debug + Send + Sync + 'static,
{
    pub(super) fn of<M: Model<Operation = O>>(settings: &Linearizable<M>) -> Option<Self> {
        let Some(Operations::Strategy(strategy)) = &settings.generate else {
            return None;
        };
        Some(Self {
            strategy: Arc::clone(strategy),
            generated: settings.threads * settings.operations,
            before: settings.before.len(),
        })
    }

    /// Makes the values simpler as long as the scenario fails.
    ///
    /// Not where the check goes on: what makes values simpler cannot be sent to another thread. So each try is work of
    /// its own.
    pub(super) fn simplify<M, T>(&self, way: &Way<M, T>, smallest: Smallest<M>) -> Smallest<M>
    where
        M: SharedModel<Operation = O>,
        T: Send + Sync + 'static,
    {
        if smallest.caught.failing.kind == Kind::Hung {
            return smallest;
        }
        let Smallest {
            mut caught,
            scenario,
            runs,
            ..
        } = smallest;
        let (seed, mut effort) = (caught.seed, Effort::of(&caught));
        let numbers = self.numbers(&caught.kept, caught.in_sequence.as_deref());
        let deadline = Deadline::after(SIMPLIFYING_VALUES);
        let mut hung = false;
        let fails = |values: &[O]| {
            // A hang costs its limit and leaks its threads: not again and again.
            if hung {
                return None;
            }
            let simpler = Arc::new(scenario.with_values(values.to_vec()));
            let mut tried = effort;
            let attempt = || {
                way.carry_out(deadline, |mut trial| async move {
                    let failing = trial.try_smaller(&simpler, false, seed, &mut tried);
                    Some((failing.await?, tried))
                })
            };
            // A model that panics at simpler values says nothing about the thing.
            let tried = panics::catch(attempt).unwrap_or(Ok(None));
            let kind = match &tried {
                Ok(tried) => tried.as_ref().map(|(failing, _)| failing.kind),
                Err(failure) => failure.finding().map(|finding| finding.kind),
            };
            hung = kind == Some(Kind::Hung);
            let (failing, tried) = tried.ok().flatten().filter(|_| !hung)?;
            effort = tried;
            Some(failing)
        };
        let (failing, strategy) = (caught.failing, (self.strategy)());
        let (values, simplifications, failing) =
            simplify::simplify(&strategy, seed, &numbers, failing, deadline, fails);
        caught.failing = failing;
        let scenario = Arc::new(scenario.with_values(values));
        #[cfg(feature = "explore")]
        {
            caught.failing = simplest(way, &scenario, caught.failing);
        }
        Smallest {
            caught,
            scenario,
            simplifications,
            runs,
        }
    }

    /// The part of a scenario that a token is about, with its values as simple as they were.
    #[cfg(feature = "explore")]
    pub(super) fn repeat(&self, part: &Scenario<O>, token: &Token) -> Option<Scenario<O>> {
        let numbers = self.numbers(&token.kept, None);
        let walks = &token.simplifications;
        let values = walk::repeat(&(self.strategy)(), token.seed, &numbers, walks)?;
        Some(part.with_values(values))
    }

    /// The numbers of the operations that were kept of those that were generated, or of those that `order` says.
    fn numbers(&self, kept: &[bool], order: Option<&[usize]>) -> Vec<usize> {
        let kept = &kept[self.before..];
        let all: Vec<usize> = match order {
            Some(order) => order.to_vec(),
            None => (0..self.generated).collect(),
        };
        let kept = all.into_iter().zip(kept).filter(|&(_, &kept)| kept);
        kept.map(|(number, _)| number).collect()
    }
}

/// Of some runs of a scenario that fails so, that with the fewest preemptions.
#[cfg(feature = "explore")]
fn simplest<M, T>(
    way: &Way<M, T>,
    scenario: &Arc<Scenario<M::Operation>>,
    failing: Failing<M>,
) -> Failing<M>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    let (scenario, kind) = (Arc::clone(scenario), failing.kind);
    let preemptions = failing.preemptions();
    let simpler = way.carry_out(Deadline::NONE, |mut trial| async move {
        trial.simpler(&scenario, kind, preemptions).await
    });
    simpler.ok().flatten().unwrap_or(failing)
}
