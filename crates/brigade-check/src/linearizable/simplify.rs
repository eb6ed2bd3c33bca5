//! Simpler values for the operations of a scenario that fails.

use std::collections::HashSet;
use std::fmt::Debug;

use proptest::strategy::BoxedStrategy;

use super::operations::tree;
use super::walk::Step::{Complicate, Simplify};
use super::walk::{Walk, Walker, encode};
use crate::deadline::Deadline;
use crate::panics::Quiet;

/// A walk that leads on and on ends there.
const LONGEST_WALK: usize = 1_000;
/// With more operations than that there are too many groups of them: then only pairs and all.
const MOST_FOR_GROUPS: usize = 5;
/// From so many of the walks to its value an operation goes on together with others.
const MOST_STARTS: usize = 4;
/// And a group of them from so many combinations of these.
const MOST_COMBINATIONS: usize = 64;

/// Simplifies the operations of a seed with these numbers as long as `fails` still finds something, and the time is
/// not over. Returns them, how they were come by, as tokens keep it, and what was found with them.
///
/// All operations are simplified at once as far as that goes: what depends on how values compare stays as it is when
/// all are halved. Then one by one, each as proptest does and again when others have become simpler, until none can be
/// any further; then some in step with each other, as values that have to be equal (two keys that clash) can only
/// change together.
pub(super) fn simplify<O: Clone + Debug, F>(
    strategy: &BoxedStrategy<O>,
    seed: u64,
    numbers: &[usize],
    found: F,
    deadline: Deadline,
    fails: impl FnMut(&[O]) -> Option<F>,
) -> (Vec<O>, Vec<u8>, F) {
    let _quiet = Quiet::new();
    let operations = numbers.iter().filter_map(|&number| {
        // Each has been generated before.
        let value = tree(strategy, seed, number).ok()?.current();
        Some(Simplified {
            number,
            text: format!("{value:?}"),
            value,
            walk: Walk::new(),
            starts: Vec::new(),
        })
    });
    let mut simplifier = Simplifier {
        strategy,
        seed,
        deadline,
        operations: operations.collect(),
        passed: HashSet::new(),
        found,
        fails,
    };
    simplifier.all_at_once();
    while simplifier.one_by_one() || simplifier.together() {}
    let operations = simplifier.operations;
    let walks = encode(operations.iter().map(|operation| &operation.walk));
    let values = operations.into_iter().map(|operation| operation.value);
    (values.collect(), walks, simplifier.found)
}

/// An operation, as simple as it is by now.
struct Simplified<O> {
    number: usize,
    value: O,
    /// The value as text, by which values are compared.
    text: String,
    /// The first that led to the value.
    walk: Walk,
    /// Those of the last walk alone that led to the value, and from which it could be walked on, if in vain.
    starts: Vec<Walk>,
}

struct Simplifier<'a, O, F, T> {
    strategy: &'a BoxedStrategy<O>,
    seed: u64,
    deadline: Deadline,
    operations: Vec<Simplified<O>>,
    /// Operations, as text, with which nothing was found.
    passed: HashSet<Vec<String>>,
    /// What was found with the operations as they are.
    found: F,
    fails: T,
}

/// What a walk does where nothing is found.
#[derive(PartialEq, Eq)]
enum AtPassed {
    Complicate,
    Stop,
}

/// What is found with operations as they are at some step of a walk.
#[derive(PartialEq, Eq)]
enum Look {
    /// They are as before.
    Same,
    /// They are simpler, and fail.
    Simpler,
    /// Nothing is found.
    Passed,
}

impl<O: Clone + Debug, F, T: FnMut(&[O]) -> Option<F>> Simplifier<'_, O, F, T> {
    fn all_at_once(&mut self) {
        let all: Vec<usize> = (0..self.operations.len()).collect();
        let starts = vec![Walk::new(); all.len()];
        // Not back and forth: what one of them cannot do without would be kept by all.
        self.walk(&all, starts, AtPassed::Stop);
    }

    /// Whether any has become simpler.
    fn one_by_one(&mut self) -> bool {
        let mut simpler = false;
        for place in 0..self.operations.len() {
            simpler |= self.reconsider(place);
            let start = self.operations[place].walk.clone();
            self.operations[place].starts = vec![start.clone()];
            simpler |= self.walk(&[place], vec![start], AtPassed::Complicate);
        }
        simpler
    }

    /// Looks again at what was too simple for an operation on its way, as the others were then: they are simpler now.
    /// Whether it is not any more.
    fn reconsider(&mut self, place: usize) -> bool {
        let operation = &self.operations[place];
        let Ok(tree) = tree(self.strategy, self.seed, operation.number) else {
            return false;
        };
        let walk = operation.walk.clone();
        let mut walker = [Walker::new(tree)];
        for step in walk {
            let in_time = !self.deadline.has_passed();
            if step == Complicate && in_time && self.look(&[place], &walker) == Look::Simpler {
                return true;
            }
            walker[0].go(step);
        }
        false
    }

    /// Whether some have become simpler; looks no further then.
    fn together(&mut self) -> bool {
        for group in self.groups() {
            for starts in self.starts(&group) {
                if self.walk(&group, starts, AtPassed::Complicate) {
                    return true;
                }
            }
        }
        false
    }

    /// Groups of operations that may go together, the largest first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let able = |&place: &usize| !self.operations[place].starts.is_empty();
        let able: Vec<usize> = (0..self.operations.len()).filter(able).collect();
        let all = able.len();
        let mut groups: Vec<Vec<usize>> = vec![Vec::new()];
        for &place in &able {
            let mut larger = groups.clone();
            larger.retain(|group| all <= MOST_FOR_GROUPS || group.len() < 2);
            larger.iter_mut().for_each(|group| group.push(place));
            groups.append(&mut larger);
        }
        if all > MOST_FOR_GROUPS {
            groups.push(able);
        }
        groups.retain(|group| group.len() > 1);
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        groups
    }

    /// From where the operations of a group may go together.
    fn starts(&self, group: &[usize]) -> Vec<Vec<Walk>> {
        let mut combinations: Vec<Vec<Walk>> = vec![Vec::new()];
        for &place in group {
            let starts = self.operations[place].starts.iter().take(MOST_STARTS);
            let with = |start: &Walk| {
                let with = |others: &Vec<Walk>| [&others[..], std::slice::from_ref(start)].concat();
                combinations.iter().map(with).collect::<Vec<_>>()
            };
            let larger = starts.flat_map(with).take(MOST_COMBINATIONS);
            combinations = larger.collect();
        }
        combinations
    }

    /// Walks operations in step with each other, and says whether they have become simpler.
    fn walk(&mut self, group: &[usize], starts: Vec<Walk>, at_passed: AtPassed) -> bool {
        let mut walkers = Vec::new();
        for (&place, start) in group.iter().zip(starts) {
            let number = self.operations[place].number;
            let Ok(tree) = tree(self.strategy, self.seed, number) else {
                return false;
            };
            let mut walker = Walker::new(tree);
            start.into_iter().for_each(|step| {
                walker.go(step);
            });
            walkers.push(walker);
        }
        let mut simpler = false;
        let mut step = Simplify;
        for _ in 0..LONGEST_WALK {
            let mut moved = false;
            for walker in &mut walkers {
                moved |= walker.go(step);
            }
            if !moved || self.deadline.has_passed() {
                if let [place] = *group
                    && step == Simplify
                {
                    // There is no way on from where this one ended.
                    self.operations[place].starts.pop();
                }
                break;
            }
            let look = self.look(group, &walkers);
            simpler |= look == Look::Simpler;
            step = match look {
                Look::Passed if at_passed == AtPassed::Stop => break,
                Look::Passed => Complicate,
                Look::Same | Look::Simpler => Simplify,
            };
            if let ([place], [walker]) = (group, &walkers[..])
                && look != Look::Passed
            {
                self.operations[*place].starts.push(walker.walk.clone());
            }
        }
        simpler
    }

    fn look(&mut self, group: &[usize], walkers: &[Walker<O>]) -> Look {
        let mut texts: Vec<String> = Vec::new();
        let mut values: Vec<O> = Vec::new();
        for operation in &self.operations {
            texts.push(operation.text.clone());
            values.push(operation.value.clone());
        }
        let mut same = true;
        for (&place, walker) in group.iter().zip(walkers) {
            values[place] = walker.value.clone();
            texts[place] = format!("{:?}", walker.value);
            same &= texts[place] == self.operations[place].text;
        }
        if same {
            return Look::Same;
        }
        if self.passed.contains(&texts) {
            return Look::Passed;
        }
        let Some(found) = (self.fails)(&values) else {
            self.passed.insert(texts);
            return Look::Passed;
        };
        self.found = found;
        for (&place, walker) in group.iter().zip(walkers) {
            let operation = &mut self.operations[place];
            if texts[place] != operation.text {
                operation.text = std::mem::take(&mut texts[place]);
                operation.value = walker.value.clone();
                operation.walk = walker.walk.clone();
                operation.starts.clear();
            }
        }
        Look::Simpler
    }
}
