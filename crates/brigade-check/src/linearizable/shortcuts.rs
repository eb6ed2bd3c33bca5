//! Smaller scenarios that are not found by trying again and again: where that needs no luck, or costs too much.

use std::time::Instant;

use super::running::Failing;
use super::session::Session;
use crate::failure::Kind;
use crate::minimise::minimise;
use crate::model::Model;
use crate::scenario::Scenario;
use crate::watch::{FURTHER_HANGS, shorter_limit};

/// So many smaller scenarios are tried after a hang, of which the fewest may hang.
const TRIES: usize = 20;

impl<M, T> Session<M, T>
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    /// The operations of a scenario that real threads failed, one after the other on one thread, if that fails
    /// likewise. Then it has nothing to do with concurrency, and each further try says for certain what it is about.
    pub(super) fn in_sequence(
        &mut self,
        scenario: &Scenario<M::Operation>,
        seed: u64,
        failing: &Failing<M>,
    ) -> Option<(Scenario<M::Operation>, Failing<M>)> {
        if !self.engine.uses_real_threads() || scenario.threads.len() < 2 {
            return None;
        }
        let calls = failing.run.calls.iter().filter(|call| call.thread > 0);
        let sequence = Scenario {
            before: scenario.before.clone(),
            threads: vec![calls.map(|call| call.operation.clone()).collect()],
            after: scenario.after.clone(),
        };
        if sequence.threads[0].is_empty() {
            return None;
        }
        let tried = self.try_scenario(sequence.clone(), seed, 1).ok().flatten();
        let likewise = tried.filter(|tried| tried.kind == failing.kind)?;
        Some((sequence, likewise))
    }

    /// From now on, threads hang sooner: after some time that none of the runs took which did not hang.
    pub(super) fn shorten_hang_limit(&mut self) {
        let (taken, runs) = (self.begun.elapsed(), self.report.runs);
        let limit = self.engine.hang_limit();
        *limit = shorter_limit(*limit, taken, runs);
    }

    /// Which operations of a scenario that hangs are enough for it, by few tries: each costs the limit and leaves its
    /// threads behind.
    pub(super) fn smaller_hang(
        &mut self,
        scenario: &Scenario<M::Operation>,
        seed: u64,
        failing: Failing<M>,
        runs: usize,
        deadline: Instant,
    ) -> (Vec<bool>, Failing<M>) {
        let begun = begun(scenario, &failing);
        let threads = scenario.thread_places();
        if !threads
            .iter()
            .any(|places| begun[places.clone()].contains(&true))
        {
            // It does not even come to the threads, or it is the model that hangs.
            return (vec![true; scenario.operations()], failing);
        }
        let (mut tries, mut hangs) = (TRIES, FURTHER_HANGS);
        let mut hung = |kept: &[bool]| {
            tries = tries.checked_sub(1)?;
            if hangs == 0 {
                return None;
            }
            let tried = self.try_scenario(scenario.part(kept), seed, runs).ok()?;
            let hung = tried.filter(|tried| tried.kind == Kind::Hung)?;
            hangs -= 1;
            Some(hung)
        };
        // Most often it is about what the threads began last, if not only about what did not return.
        let last = |only_pending: bool| {
            let mut kept = vec![false; begun.len()];
            for (number, places) in threads.iter().enumerate() {
                let mut calls = failing.run.calls.iter();
                let pending =
                    calls.any(|call| call.thread == number + 1 && call.returned.is_none());
                let last = places.clone().rfind(|&place| begun[place]);
                if let Some(last) = last.filter(|_| pending || !only_pending) {
                    kept[last] = true;
                }
            }
            kept
        };
        let guesses = [last(true), last(false)];
        let guess = guesses.into_iter().find_map(|kept| {
            let hung = (kept != begun).then(|| hung(&kept)).flatten()?;
            Some((kept, hung))
        });
        // What did not begin had no part in it.
        let (kept, failing) = guess.unwrap_or((begun, failing));
        minimise(kept, failing, &threads, deadline, hung)
    }
}

/// Which operations began in the failing run.
fn begun<M: Model>(scenario: &Scenario<M::Operation>, failing: &Failing<M>) -> Vec<bool> {
    let calls = |thread| {
        failing
            .run
            .calls
            .iter()
            .filter(move |call| call.thread == thread)
    };
    let part = |began: usize, of: usize| (0..of).map(move |place| place < began);
    let outside = calls(0).count();
    let before = scenario.before.len();
    part(outside, before)
        .chain(
            scenario
                .threads
                .iter()
                .enumerate()
                .flat_map(|(thread, operations)| part(calls(thread + 1).count(), operations.len())),
        )
        .chain(part(outside.saturating_sub(before), scenario.after.len()))
        .collect()
}
