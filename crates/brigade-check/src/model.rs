//! The sequential model: what a thing does when one thread uses it.

use std::fmt::Debug;
use std::hash::Hash;

/// A sequential model: a state, and what each operation does to it and returns.
///
/// The value is the state itself; the value a check starts from is the state of a new thing. A model is as plain
/// as can be (a `Vec` for a stack, a `HashMap` for a concurrent map, a number for a counter), and must be
/// deterministic: the same operation on equal states gives equal outcomes and equal states.
///
/// ```
/// use brigade_check::Model;
///
/// #[derive(Clone, Default, PartialEq, Eq, Hash)]
/// struct Stack(Vec<u8>);
///
/// #[derive(Clone, Debug)]
/// enum Operation {
///     Push(u8),
///     Pop,
/// }
///
/// impl Model for Stack {
///     type Operation = Operation;
///     type Outcome = Option<u8>;
///
///     fn apply(&mut self, operation: &Operation) -> Option<u8> {
///         match operation {
///             Operation::Push(value) => {
///                 self.0.push(*value);
///                 None
///             }
///             Operation::Pop => self.0.pop(),
///         }
///     }
/// }
///
/// let mut stack = Stack::default();
/// stack.apply(&Operation::Push(1));
/// assert_eq!(stack.apply(&Operation::Pop), Some(1));
/// ```
pub trait Model: Clone + Eq + Hash {
    /// What can be done with the thing.
    type Operation: Clone + Debug;
    /// What an operation returns.
    type Outcome: Clone + PartialEq + Debug;

    /// Does `operation`, and says what it returns.
    ///
    /// Called only where [`is_ready`](Model::is_ready).
    fn apply(&mut self, operation: &Self::Operation) -> Self::Outcome;

    /// Whether `operation` can take effect in this state; if not, it blocks until it can.
    ///
    /// By default nothing ever blocks. A model of a bounded queue says here that `put` waits while the queue is
    /// full: then a run in which that thread waits for ever is in order, and one in which it passes is not.
    fn is_ready(&self, operation: &Self::Operation) -> bool {
        let _ = operation;
        true
    }

    /// The part of the state that `operation` is about, if it is about one part only.
    ///
    /// Where the parts are independent of each other (the keys of a map), the history of each is checked by
    /// itself, which is quicker by orders of magnitude. Equal numbers mean the same part; for other keys return
    /// a hash, as parts that share a number are merely checked together. If any operation of a history has no
    /// key (by default none has), the history is checked as a whole.
    ///
    /// That a history is in order if each of its parts is: Herlihy & Wing, "Linearizability: a correctness
    /// condition for concurrent objects", 1990; for parts of one object: Horn & Kroening, 2015.
    fn key(operation: &Self::Operation) -> Option<u64> {
        let _ = operation;
        None
    }
}

/// A model that threads may share, with all that belongs to it.
pub(crate) trait SharedModel:
    Model<Operation: Send + Sync + 'static, Outcome: Send + Sync + 'static> + Send + Sync + 'static
{
}

impl<M> SharedModel for M
where
    M: Model + Send + Sync + 'static,
    M::Operation: Send + Sync + 'static,
    M::Outcome: Send + Sync + 'static,
{
}
