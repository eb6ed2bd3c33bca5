//! How a value becomes simpler, step by step, and how a token tells it.

use std::fmt::Debug;

#[cfg(feature = "explore")]
use proptest::strategy::BoxedStrategy;
use proptest::strategy::ValueTree;

#[cfg(feature = "explore")]
use super::operations::tree;
use crate::panics;
#[cfg(feature = "explore")]
use crate::panics::Quiet;

/// A call of [`ValueTree::simplify`] or [`ValueTree::complicate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Simplify,
    Complicate,
}
use Step::{Complicate, Simplify};

/// All calls that led a tree to some value.
pub(super) type Walk = Vec<Step>;

/// In the text of walks, between those of two operations; other numbers are steps.
const NEXT: u8 = 2;

/// A value tree, and how it came to where it is.
pub(super) struct Walker<O> {
    tree: Box<dyn ValueTree<Value = O>>,
    pub(super) value: O,
    pub(super) walk: Walk,
    /// Whether the last simplification changed anything: only then there is something to undo.
    simplified: bool,
    /// A strategy may panic where it never came while it generated. Then its tree stays where it was.
    broken: bool,
}

impl<O: Debug> Walker<O> {
    pub(super) fn new(tree: Box<dyn ValueTree<Value = O>>) -> Self {
        Self {
            value: tree.current(),
            tree,
            walk: Walk::new(),
            simplified: false,
            broken: false,
        }
    }

    /// Takes a step, and says whether anything changed.
    pub(super) fn go(&mut self, step: Step) -> bool {
        if self.broken || (step == Complicate && !self.simplified) {
            return false;
        }
        let value = panics::catch(|| {
            let moved = match step {
                Simplify => self.tree.simplify(),
                Complicate => self.tree.complicate(),
            };
            moved.then(|| self.tree.current())
        });
        let Ok(value) = value else {
            self.broken = true;
            return false;
        };
        // A step in vain is repeated too: it may change what the next one does.
        self.walk.push(step);
        let moved = value.is_some();
        if let Some(value) = value {
            self.value = value;
        }
        if step == Simplify {
            self.simplified = moved;
        }
        moved
    }
}

/// The walks as tokens keep them.
pub(super) fn encode<'a>(walks: impl Iterator<Item = &'a Walk>) -> Vec<u8> {
    let mut text = Vec::new();
    for walk in walks {
        text.extend(walk.iter().map(|&step| u8::from(step == Complicate)));
        text.push(NEXT);
    }
    while text.last() == Some(&NEXT) {
        text.pop();
    }
    text
}

/// The operations of a seed with these numbers, made as simple as they once were; `None` if these are not the walks
/// of so many operations.
#[cfg(feature = "explore")]
pub(super) fn repeat<O: Debug>(
    strategy: &BoxedStrategy<O>,
    seed: u64,
    numbers: &[usize],
    walks: &[u8],
) -> Option<Vec<O>> {
    let _quiet = Quiet::new();
    let mut walks = walks.split(|&step| step == NEXT);
    let mut values = Vec::new();
    for &number in numbers {
        let mut walker = Walker::new(tree(strategy, seed, number).ok()?);
        for &step in walks.next().unwrap_or_default() {
            walker.go(match step {
                0 => Simplify,
                1 => Complicate,
                _ => return None,
            });
        }
        values.push(walker.value);
    }
    walks.next().is_none().then_some(values)
}
