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
    /// The calls of `longest`: by whom, and as text.
    steps: Vec<(usize, String)>,
}

/// A call that could have come next, but does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Next {
    /// The call's number.
    pub call: usize,
    /// Who called.
    pub thread: usize,
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
        let mut state = initial.clone();
        let mut steps = Vec::with_capacity(longest.chosen.len());
        for &call in &longest.chosen {
            let outcome = state.apply(&calls[call].operation);
            let mut step = calls[call].to_string();
            if calls[call].returned.is_none() {
                step += &format!(", but takes effect ({outcome:?})");
            }
            steps.push((calls[call].thread, step));
        }
        let next = longest.candidates.into_iter().map(|call| {
            let operation = &calls[call].operation;
            let expected = state
                .is_ready(operation)
                .then(|| format!("{:?}", state.clone().apply(operation)));
            Next {
                call,
                thread: calls[call].thread,
                seen: calls[call].to_string(),
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

impl Unexplained {
    /// The text, with threads called as `name` says.
    pub(crate) fn describe(&self, name: impl Fn(usize) -> String) -> String {
        let mut text = format!(
            "not {}: no order of the calls explains what they returned.",
            self.criterion.adjective()
        );
        if self.steps.is_empty() {
            text += "\nNothing can come first:";
        } else {
            text += "\nThe longest order that can be explained:";
            let hidden = self.steps.len().saturating_sub(STEPS_SHOWN);
            if hidden > 0 {
                text += &format!("\n  ({hidden} calls)");
            }
            for (number, (thread, step)) in self.steps.iter().enumerate().skip(hidden) {
                text += &format!("\n  {}. {}: {step}", number + 1, name(*thread));
            }
            text += "\nafter which nothing can come next:";
        }
        for next in &self.next {
            text += &format!("\n  {}: {}, expected ", name(next.thread), next.seen);
            text += next.expected.as_deref().unwrap_or("to wait");
        }
        text
    }
}

impl fmt::Display for Unexplained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.describe(|thread| format!("thread {thread}")))
    }
}
