//! Smaller scenarios that are not found by trying again and again: where that needs no luck, or costs too much.

use std::ops::Range;
use std::sync::Arc;

use super::running::Failing;
use super::trial::{Caught, Trial};
use crate::failure::Kind;
use crate::minimise::Minimiser;
use crate::model::{Model, SharedModel};
use crate::scenario::Scenario;
use crate::watch::{FURTHER_HANGS, shorter_limit};

/// So many smaller scenarios are tried after a hang, of which the fewest may hang.
const TRIES: usize = 20;

impl<M, T> Trial<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    /// The operations of a scenario that real threads failed, one after the other on one thread, if that fails
    /// likewise. Then it has nothing to do with concurrency, and each further try says for certain what it is about.
    pub(super) async fn in_sequence(&mut self, caught: Caught<M>) -> Caught<M> {
        if !self.engine.uses_real_threads() || caught.scenario.threads.len() < 2 {
            return caught;
        }
        let calls = caught.failing.run.calls.iter();
        let calls = calls.filter(|call| call.thread > 0);
        // Of each thread the number of the next operation.
        let places = caught.scenario.thread_places().into_iter();
        let before = caught.scenario.before.len();
        let mut next: Vec<usize> = places.map(|places| places.start - before).collect();
        let numbers = calls.clone().map(|call| {
            let next = &mut next[call.thread - 1];
            *next += 1;
            *next - 1
        });
        let numbers = numbers.collect();
        let sequence = Scenario {
            before: caught.scenario.before.clone(),
            threads: vec![calls.map(|call| call.operation.clone()).collect()],
            after: caught.scenario.after.clone(),
        };
        if sequence.threads[0].is_empty() {
            return caught;
        }
        let sequence = Arc::new(sequence);
        let tried = self.try_scenario(&sequence, caught.seed, 1).await;
        match tried.ok().flatten() {
            Some(failing) if failing.kind == caught.failing.kind => Caught {
                failing,
                kept: vec![true; sequence.operations()],
                scenario: sequence,
                in_sequence: Some(numbers),
                ..caught
            },
            _ => caught,
        }
    }

    /// Drops operations of a scenario that hangs, by few tries: each costs the limit and leaves its threads behind.
    pub(super) async fn smaller_hang(&mut self, caught: Caught<M>) -> Caught<M> {
        let (taken, runs) = (self.begun.elapsed(), self.report.runs);
        let Some(limit) = self.engine.hang_limit() else {
            // Code that waits for something outside of shuttle should not be explored at all.
            return caught;
        };
        // After some time that none of the runs took which did not hang.
        *limit = shorter_limit(*limit, taken, runs);
        let mut caught = self.in_sequence(caught).await;
        let begun = begun(&caught.scenario, &caught.failing);
        let threads = caught.scenario.thread_places();
        if !threads
            .iter()
            .any(|places| begun[places.clone()].contains(&true))
        {
            // It does not even come to the threads, or it is the model that hangs.
            return caught;
        }
        let mut tries = Tries {
            left: TRIES,
            hangs_left: FURTHER_HANGS,
            runs: self.engine.runs_to_minimise(caught.runs),
        };
        // Most often it is about what the threads began last, if not only about what did not return. What did not begin
        // had no part in it.
        let mut kept = begun.clone();
        for only_pending in [true, false] {
            let guess = last_begun(&caught, &begun, &threads, only_pending);
            if guess != begun
                && let Some(hung) = self.try_hang(&caught, &guess, &mut tries).await
            {
                caught.failing = hung;
                kept = guess;
                break;
            }
        }
        let mut minimiser = Minimiser::new(kept, threads);
        while !self.is_over()
            && let Some(kept) = minimiser.next()
        {
            if let Some(hung) = self.try_hang(&caught, &kept, &mut tries).await {
                minimiser.fails(kept);
                caught.failing = hung;
            }
        }
        caught.kept = minimiser.smallest();
        caught
    }

    async fn try_hang(
        &mut self,
        caught: &Caught<M>,
        kept: &[bool],
        tries: &mut Tries,
    ) -> Option<Failing<M>> {
        if tries.left == 0 || tries.hangs_left == 0 {
            return None;
        }
        tries.left -= 1;
        let part = Arc::new(caught.scenario.part(kept));
        let tried = self.try_scenario(&part, caught.seed, tries.runs).await;
        let hung = tried.ok().flatten();
        let hung = hung.filter(|tried| tried.kind == Kind::Hung)?;
        tries.hangs_left -= 1;
        Some(hung)
    }
}

/// What smaller scenarios that may hang can still cost.
struct Tries {
    left: usize,
    hangs_left: usize,
    /// Of each.
    runs: usize,
}

/// Of each thread the last operation that began, or only of those that did not return from it.
fn last_begun<M: Model>(
    caught: &Caught<M>,
    begun: &[bool],
    threads: &[Range<usize>],
    only_pending: bool,
) -> Vec<bool> {
    let mut kept = vec![false; begun.len()];
    for (number, places) in threads.iter().enumerate() {
        let mut calls = caught.failing.run.calls.iter();
        let pending = calls.any(|call| call.thread == number + 1 && call.returned.is_none());
        let last = places.clone().rfind(|&place| begun[place]);
        if let Some(last) = last.filter(|_| pending || !only_pending) {
            kept[last] = true;
        }
    }
    kept
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
