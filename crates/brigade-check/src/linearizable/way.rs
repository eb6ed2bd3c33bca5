//! The way a check goes: by real threads, or under deterministic schedules.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[cfg(feature = "explore")]
use super::Exploration;
use super::judge::Judge;
use super::running::Engine;
#[cfg(feature = "explore")]
use super::running::{Exploring, MODEL_HANGS};
use super::trial::Trial;
use crate::deadline::Deadline;
#[cfg(feature = "explore")]
use crate::explore::{STEPS, Stuck, explore_scenarios};
use crate::failure::Failure;
#[cfg(feature = "explore")]
use crate::failure::{Finding, Kind};
use crate::model::{Model, SharedModel};
use crate::origin::Origin;
#[cfg(feature = "explore")]
use crate::report::Drawing;
use crate::scenario::Subject;

/// What is tried, and how.
pub(super) struct Way<M: Model, T> {
    pub(super) subject: Arc<Subject<T, M::Operation, M::Outcome>>,
    pub(super) judge: Judge<M>,
    pub(super) origin: Origin,
    pub(super) seed: u64,
    pub(super) hang_limit: Duration,
    #[cfg(feature = "explore")]
    pub(super) exploration: Option<Exploration>,
}

impl<M, T> Way<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    /// Brings `work` to its end, which is given what tries scenarios until the deadline.
    pub(super) fn carry_out<V, W>(
        &self,
        deadline: Deadline,
        work: impl FnOnce(Trial<M, T>) -> W,
    ) -> Result<V, Failure>
    where
        V: Send + 'static,
        W: Future<Output = V> + Send + 'static,
    {
        let begin = |engine| work(Trial::new(self.judge.clone(), engine, self.seed, deadline));
        #[cfg(feature = "explore")]
        if let Some(exploration) = &self.exploration {
            let begin = |runs| {
                begin(Engine::Explore(Exploring {
                    runs,
                    strategy: exploration.strategy,
                    may_spawn: exploration.may_spawn,
                    steps: exploration.steps.unwrap_or(STEPS),
                }))
            };
            return explore_scenarios(Arc::clone(&self.subject), self.hang_limit, begin)
                .map_err(|stuck| of_itself(stuck, self.seed, self.origin.test()));
        }
        let work = begin(Engine::Stress {
            subject: Arc::clone(&self.subject),
            hang_limit: self.hang_limit,
        });
        // Real threads are waited for where they are started: it never waits here.
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Ok(end),
            Poll::Pending => unreachable!("nothing of real threads is waited for here"),
        }
    }
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
