//! What is wrong with a run, if something is.

use std::collections::HashSet;

use crate::failure::{Failure, Kind};
use crate::linearizability::{self, Criterion, Verdict};
use crate::model::Model;
use crate::scenario::{Ending, Run, Scenario, list};

#[derive(Clone)]
pub(super) struct Judge<M> {
    pub(super) model: M,
    pub(super) criterion: Criterion,
}

/// So many configurations of a scenario are looked at for one in which no thread can go on: a moment's work.
const MOST_CONFIGURATIONS: usize = 20_000;

/// What [`Judge::look`] finds.
pub(super) enum Found {
    Nothing,
    /// The history took too long to check.
    Undecided,
    Trouble(Kind, String),
}

impl<M: Model> Judge<M> {
    pub(super) fn look(&self, run: &Run<M::Operation, M::Outcome>) -> Found {
        let trouble = |kind, reason: &str| Found::Trouble(kind, reason.to_owned());
        match &run.ending {
            Ending::Completed => self.explain(run, false),
            #[cfg(feature = "explore")]
            Ending::Deadlocked(at) => match self.explain(run, true) {
                Found::Trouble(..) => {
                    Found::Trouble(Kind::Deadlocked, list("no thread can go on", at))
                }
                rightly_blocked => rightly_blocked,
            },
            // Only real threads come to rest so; scenarios in which they may are not run by them.
            Ending::Hung(limit, at) => {
                let what = format!("no end after {limit:?}; the threads are left behind");
                Found::Trouble(Kind::Hung, list(&what, at))
            }
            #[cfg(feature = "explore")]
            Ending::Livelocked(steps, at) => {
                let what = format!("no end after {steps} steps (steps(..) allows more)");
                Found::Trouble(Kind::Livelocked, list(&what, at))
            }
            Ending::Panicked(message) => trouble(Kind::Panicked, message),
            Ending::Broken(message) => trouble(Kind::Broken, message),
        }
    }

    fn explain(&self, run: &Run<M::Operation, M::Outcome>, stuck: bool) -> Found {
        match linearizability::check(&run.calls, &self.model, self.criterion, stuck) {
            Verdict::Explained(_) => Found::Nothing,
            Verdict::Undecided(_) => Found::Undecided,
            Verdict::Unexplained(why) => {
                let name = |thread| match thread {
                    0 => "before/after".to_owned(),
                    _ => format!("thread {thread}"),
                };
                Found::Trouble(Kind::Unexplained, why.describe(name))
            }
        }
    }

    /// Whether some order of the scenario's operations comes to where no thread can go on. Of a scenario with too many
    /// orders, whether any operation ever has to wait, as far as it was looked.
    pub(super) fn may_block(&self, scenario: &Scenario<M::Operation>) -> bool {
        let mut state = self.model.clone();
        for operation in &scenario.before {
            if !state.is_ready(operation) {
                return true;
            }
            state.apply(operation);
        }
        let mut seen = HashSet::new();
        let mut open = vec![(vec![0; scenario.threads.len()], state)];
        let mut some_wait = false;
        while let Some((done, state)) = open.pop() {
            if seen.len() > MOST_CONFIGURATIONS {
                return some_wait;
            }
            let (mut blocked, mut goes_on) = (false, false);
            for (thread, operations) in scenario.threads.iter().enumerate() {
                let Some(operation) = operations.get(done[thread]) else {
                    continue;
                };
                if !state.is_ready(operation) {
                    (blocked, some_wait) = (true, true);
                    continue;
                }
                goes_on = true;
                let (mut next_done, mut next) = (done.clone(), state.clone());
                next_done[thread] += 1;
                next.apply(operation);
                if seen.insert((next_done.clone(), next.clone())) {
                    open.push((next_done, next));
                }
            }
            let mut state = state;
            let blocks_after = |operation| {
                let blocks = !state.is_ready(operation);
                if !blocks {
                    state.apply(operation);
                }
                blocks
            };
            if !goes_on && (blocked || scenario.after.iter().any(blocks_after)) {
                return true;
            }
        }
        false
    }

    /// Applies the scenario's operations twice, side by side.
    pub(super) fn deterministic(&self, scenario: &Scenario<M::Operation>) -> Result<(), Failure> {
        let mut state = self.model.clone();
        let operations = scenario
            .before
            .iter()
            .chain(scenario.threads.iter().flatten());
        for operation in operations.chain(&scenario.after) {
            if !state.is_ready(operation) {
                continue;
            }
            let (mut once, mut again) = (state.clone(), state);
            if once.apply(operation) != again.apply(operation) || once != again {
                return Err(Failure::ModelNotDeterministic(format!("{operation:?}")));
            }
            state = once;
        }
        Ok(())
    }
}
