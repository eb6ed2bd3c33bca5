//! Small scenarios first: what fails there needs hardly be made smaller.

use std::collections::HashSet;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use super::running::{Failing, Tried};
use super::session::Session;
use super::trial::Caught;
use crate::explore::{Counted, Exhaustive, SharedChooser};
use crate::failure::Failure;
use crate::lock::lock;
use crate::model::{Model, SharedModel};
use crate::scenario::Scenario;

/// Most bugs need few operations and few preemptions.
const MOST_OPERATIONS: usize = 4;
/// The small scenarios' share of a check's runs, and the most they take of them.
const SHARE: usize = 4;
const MOST_RUNS: usize = 1_000;
/// So many parts of each size are tried. After so many in a row that were like an earlier one no other is looked for.
const MOST_OF_A_SIZE: usize = 20;
const LIKE_OTHERS: usize = 5;

/// A part of a generated scenario, under way.
struct Small<M: Model> {
    part: Arc<Scenario<M::Operation>>,
    whole: Arc<Scenario<M::Operation>>,
    kept: Vec<bool>,
    seed: u64,
    schedules: Arc<Mutex<Exhaustive>>,
    runs: u64,
    done: bool,
}

impl<M, T> Session<M, T>
where
    M: SharedModel,
    T: Send + Sync + 'static,
{
    /// Runs small parts of the scenarios under all schedules with few preemptions: at first those whose operations and
    /// preemptions together are one, then two, and so on, until their share of the runs is used up.
    pub(super) async fn try_small_scenarios(&mut self) -> Result<Option<Caught<M>>, Failure> {
        if !self.trial.engine.mixes() {
            return Ok(None);
        }
        let all = self.settings.scenarios.saturating_mul(self.settings.runs);
        let mut left = (all / SHARE).min(MOST_RUNS);
        let (mut wholes, mut sizes) = (Vec::new(), Vec::<Vec<Small<M>>>::new());
        for sum in 1.. {
            for operations in 1..=sum.min(MOST_OPERATIONS) {
                if sizes.len() < operations {
                    sizes.push(self.small_scenarios(operations, &mut wholes)?);
                }
                let open = |small: &&mut Small<M>| !small.done;
                for small in sizes[operations - 1].iter_mut().filter(open) {
                    if left == 0 || self.trial.is_over() {
                        return Ok(None);
                    }
                    let before = small.runs;
                    let failing = self.try_small(small, sum - operations, left).await?;
                    left = left.saturating_sub((small.runs - before) as usize);
                    if let Some(failing) = failing {
                        return Ok(Some(small.caught(failing)));
                    }
                }
            }
            if sum > MOST_OPERATIONS && sizes.iter().flatten().all(|small| small.done) {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Goes on with a small scenario, up to so many preemptions.
    async fn try_small(
        &mut self,
        small: &mut Small<M>,
        preemptions: usize,
        runs: usize,
    ) -> Result<Option<Failing<M>>, Failure> {
        lock(&small.schedules).raise(preemptions);
        let schedules: SharedChooser = Arc::clone(&small.schedules) as SharedChooser;
        // So that `shuttle::rand` draws other numbers than before.
        let seed = small.seed.wrapping_add(small.runs);
        let budget = self.trial.budget(runs);
        let tried = self.trial.explore(&small.part, &schedules, seed, budget);
        let tried = tried.await;
        let Some(tried) = tried else {
            return Ok(None);
        };
        small.runs += tried.runs;
        small.done = tried.exhausted;
        if tried.ended && tried.failing.is_none() {
            let sound = &mut self.trial.sound;
            sound.insert(small.part.fingerprint(), preemptions);
        }
        // What is reported of that is about whole scenarios.
        self.trial.note(Tried {
            exhausted: false,
            ..tried
        })
    }

    /// Parts of so many operations, each of another kind than those before.
    fn small_scenarios(
        &self,
        operations: usize,
        wholes: &mut Vec<Arc<Scenario<M::Operation>>>,
    ) -> Result<Vec<Small<M>>, Failure> {
        let mut small = Vec::new();
        for lengths in shapes(operations, self.settings.threads, self.settings.operations) {
            let mut kinds = HashSet::new();
            let mut in_vain = 0;
            for number in 0.. {
                if in_vain == LIKE_OTHERS || kinds.len() == MOST_OF_A_SIZE {
                    break;
                }
                let seed = self.trial.report.seed.wrapping_add(number as u64);
                if number == wholes.len() {
                    let whole = self.scenario(seed)?;
                    self.trial.judge.deterministic(&whole)?;
                    wholes.push(Arc::new(whole));
                }
                let whole = &wholes[number];
                let kept = whole.beginnings(&lengths);
                let part = whole.part(&kept);
                if !kinds.insert(kind(&part)) {
                    in_vain += 1;
                    continue;
                }
                in_vain = 0;
                small.push(Small {
                    part: Arc::new(part),
                    whole: Arc::clone(whole),
                    kept,
                    seed,
                    schedules: Arc::new(Mutex::new(Exhaustive::up_to(0, Counted::Amid))),
                    runs: 0,
                    done: false,
                });
            }
        }
        Ok(small)
    }
}

impl<M: Model> Small<M> {
    fn caught(&self, failing: Failing<M>) -> Caught<M> {
        Caught {
            failing,
            scenario: Arc::clone(&self.whole),
            kept: self.kept.clone(),
            seed: self.seed,
            runs: self.runs,
            in_sequence: None,
        }
    }
}

/// In how many ways so many operations can be those of at most so many threads, none with more than `most`, and none
/// with more than the one before. Those of few threads come first: they are easier to understand.
fn shapes(operations: usize, threads: usize, most: usize) -> Vec<Vec<usize>> {
    if operations == 0 {
        return vec![Vec::new()];
    }
    if threads == 0 {
        return Vec::new();
    }
    let mut all = Vec::new();
    for first in (1..=most.min(operations)).rev() {
        for mut rest in shapes(operations - first, threads - 1, first) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

/// What scenarios have in common that differ only in numbers and in the order of their threads: the same numbers are
/// the same in both, but which they are is left out.
fn kind<O: Debug>(scenario: &Scenario<O>) -> String {
    let mut threads: Vec<(String, Vec<u64>)> = scenario
        .threads
        .iter()
        .map(|operations| without_numbers(&format!("{operations:?}")))
        .collect();
    threads.sort();
    let mut seen = Vec::new();
    let mut kind = String::new();
    for (text, numbers) in threads {
        kind += &text;
        for number in numbers {
            let place = seen.iter().position(|&other| other == number);
            let place = place.unwrap_or_else(|| {
                seen.push(number);
                seen.len() - 1
            });
            let _ = write!(kind, " {place}");
        }
    }
    kind
}

/// The text with its numbers taken out, and the numbers.
fn without_numbers(text: &str) -> (String, Vec<u64>) {
    let mut rest = String::with_capacity(text.len());
    let mut numbers: Vec<u64> = Vec::new();
    let mut within = false;
    for character in text.chars() {
        match character.to_digit(10) {
            Some(digit) => {
                if !within {
                    rest.push('#');
                    numbers.push(0);
                }
                if let Some(number) = numbers.last_mut() {
                    *number = number.wrapping_mul(10) + u64::from(digit);
                }
            }
            None => rest.push(character),
        }
        within = character.is_ascii_digit();
    }
    (rest, numbers)
}
