//! The plainest model: what a counter does.

use brigade_check::Model;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Count(u32);

/// Adds one, and returns the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Increment;

impl Model for Count {
    type Operation = Increment;
    type Outcome = u32;

    fn apply(&mut self, _: &Increment) -> u32 {
        self.0 += 1;
        self.0
    }
}
