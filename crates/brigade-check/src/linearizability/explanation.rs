//! Why no order explains a history: how far one gets, and what each next call would have had to return.

use std::fmt;

use super::Criterion;
use super::search::Longest;
use crate::history::Call;
use crate::model::Model;

/// Why no order of the calls explains their outcomes.
///
/// Its text lists the longest order that does, then each call that could have come next with what it would have had to
/// return there. With keys, all of it is about the first part that cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unexplained {
    /// The criterion that was asked for.
    pub criterion: Criterion,
    /// The longest order that can be explained, by the calls' numbers.
    pub longest: Vec<usize>,
    /// The calls that could have come next, and why none of them fits.
    pub next: Vec<Next>,
    /// The calls of `longest`, as text.
    steps: Vec<String>,
}

/// A call that could have come next, but does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Next {
    /// The call's number.
    pub call: usize,
    /// The call and its outcome, as text.
    pub seen: String,
    /// What the model says there: the outcome as text, or `None` if the call would have had to wait.
    pub expected: Option<String>,
}

impl Unexplained {
    pub(super) fn new<M: Model>(
        calls: &[Call<M::Operation, M::Outcome>],
        initial: &M,
        longest: Longest,
        criterion: Criterion,
    ) -> Self {
        let text = |call: usize| format!("thread {}: {}", calls[call].thread, calls[call]);
        let mut state = initial.clone();
        let mut steps = Vec::with_capacity(longest.chosen.len());
        for &call in &longest.chosen {
            let outcome = state.apply(&calls[call].operation);
            let mut step = text(call);
            if calls[call].returned.is_none() {
                step += &format!(", but takes effect ({outcome:?})");
            }
            steps.push(step);
        }
        let next = longest.candidates.into_iter().map(|call| {
            let operation = &calls[call].operation;
            let expected = state
                .is_ready(operation)
                .then(|| format!("{:?}", state.clone().apply(operation)));
            Next {
                call,
                seen: text(call),
                expected,
            }
        });
        Self {
            criterion,
            next: next.collect(),
            longest: longest.chosen,
            steps,
        }
    }
}

/// So many steps of a long order are shown: its end, where things go wrong.
const STEPS_SHOWN: usize = 20;

impl fmt::Display for Unexplained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "not {}: no order of the calls explains what they returned.",
            self.criterion.adjective()
        )?;
        if self.steps.is_empty() {
            write!(formatter, "\nNothing can come first:")?;
        } else {
            write!(formatter, "\nThe longest order that can be explained:")?;
            let hidden = self.steps.len().saturating_sub(STEPS_SHOWN);
            if hidden > 0 {
                write!(formatter, "\n  ({hidden} calls)")?;
            }
            for (number, step) in self.steps.iter().enumerate().skip(hidden) {
                write!(formatter, "\n  {}. {step}", number + 1)?;
            }
            write!(formatter, "\nafter which nothing can come next:")?;
        }
        for next in &self.next {
            write!(formatter, "\n  {next}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expected {
            Some(expected) => write!(formatter, "{}, expected {expected}", self.seen),
            None => write!(formatter, "{}, expected to wait", self.seen),
        }
    }
}
