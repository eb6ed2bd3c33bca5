//! What was called, when, and what came back.

use std::fmt;

use crate::linearizability::{self, Criterion, Verdict};
use crate::model::Model;

/// One call: an operation, invoked at some moment by some thread, and its outcome if it returned.
///
/// Moments are numbers that grow with time, from any clock. A call precedes another if it returned before (not at)
/// the moment the other was invoked; otherwise the two overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<O, R> {
    /// Who called, numbered from 0.
    pub thread: usize,
    /// What was called.
    pub operation: O,
    /// The moment of the invocation.
    pub invoked: u64,
    /// The moment of the return and what was returned; `None` while the call is pending, in which case it may or
    /// may not have taken effect.
    pub returned: Option<(u64, R)>,
}

impl<O, R> Call<O, R> {
    /// A call that returned.
    pub fn completed(thread: usize, operation: O, outcome: R, invoked: u64, returned: u64) -> Self {
        let returned = Some((returned, outcome));
        Self {
            thread,
            operation,
            invoked,
            returned,
        }
    }

    /// A call that has not returned.
    pub fn pending(thread: usize, operation: O, invoked: u64) -> Self {
        Self {
            thread,
            operation,
            invoked,
            returned: None,
        }
    }

    /// What the call returned, if it did.
    pub fn outcome(&self) -> Option<&R> {
        self.returned.as_ref().map(|(_, outcome)| outcome)
    }
}

/// The calls made to one thing, to be held against a [`Model`].
///
/// The checks of this crate record histories themselves; one recorded elsewhere (a log of a distributed system, say)
/// is built from its calls, in any order.
///
/// ```
/// use brigade_check::{Call, Criterion, History, Model, Verdict};
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Register(u32);
///
/// #[derive(Clone, Debug)]
/// enum Operation { Write(u32), Read }
///
/// impl Model for Register {
///     type Operation = Operation;
///     type Outcome = u32;
///
///     fn apply(&mut self, operation: &Operation) -> u32 {
///         if let Operation::Write(value) = operation {
///             self.0 = *value;
///         }
///         self.0
///     }
/// }
///
/// // The read began after the write had ended, and yet saw what was there before.
/// let history = History::from_iter([
///     Call::completed(0, Operation::Write(1), 1, 0, 10),
///     Call::completed(1, Operation::Read, 0, 20, 30),
/// ]);
/// assert!(matches!(history.check(&Register(0), Criterion::Linearizable), Verdict::Unexplained(_)));
/// // Were there no clock to tell, it could have come first.
/// assert!(matches!(history.check(&Register(0), Criterion::SequentiallyConsistent), Verdict::Explained(_)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct History<O, R> {
    calls: Vec<Call<O, R>>,
}

impl<O, R> History<O, R> {
    /// A history without calls.
    pub fn new() -> Self {
        Self { calls: Vec::new() }
    }

    /// Adds a call, in whatever order.
    pub fn push(&mut self, call: Call<O, R>) {
        self.calls.push(call);
    }

    /// The calls, in the order they were added; a call's place here is its number in a [`Verdict`].
    pub fn calls(&self) -> &[Call<O, R>] {
        &self.calls
    }

    /// Whether some order of the calls explains their outcomes: done one after the other in that order on a thing
    /// whose state is `initial`, they return what they returned here.
    ///
    /// Which orders count is the [`Criterion`]'s matter. A pending call may be part of the order or not. The time
    /// taken grows with the number of calls that overlap, at worst exponentially (the problem is NP-complete:
    /// Gibbons & Korach, 1997), and little with the length of the history; a search that has to remember
    /// too much is given up as [`Verdict::Undecided`].
    pub fn check<M>(&self, initial: &M, criterion: Criterion) -> Verdict
    where
        M: Model<Operation = O, Outcome = R>,
    {
        linearizability::check(&self.calls, initial, criterion, false)
    }

    /// Like [`check`](History::check), for a run that came to rest: each pending call is blocked for good, and the
    /// model must say so in the final state ([`Model::is_ready`]).
    ///
    /// After Burckhardt, Dern, Musuvathi & Tan, "Line-Up: a complete and automatic linearizability checker", 2010;
    /// here one order has to explain all the blocked calls together.
    pub fn check_stuck<M>(&self, initial: &M, criterion: Criterion) -> Verdict
    where
        M: Model<Operation = O, Outcome = R>,
    {
        linearizability::check(&self.calls, initial, criterion, true)
    }
}

impl<O, R> Default for History<O, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O, R> FromIterator<Call<O, R>> for History<O, R> {
    fn from_iter<I: IntoIterator<Item = Call<O, R>>>(calls: I) -> Self {
        Self {
            calls: calls.into_iter().collect(),
        }
    }
}

impl<O: fmt::Debug, R: fmt::Debug> fmt::Display for Call<O, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome() {
            Some(outcome) => write!(formatter, "{:?} -> {outcome:?}", self.operation),
            None => write!(formatter, "{:?} does not return", self.operation),
        }
    }
}
