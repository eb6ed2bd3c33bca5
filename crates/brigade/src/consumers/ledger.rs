//! Which items are not settled yet: what makes `wait_idle` exact.

use std::collections::BTreeMap;

/// Counts the unsettled items of each epoch. A new epoch begins when somebody begins to wait, so that what comes
/// later does not count for them.
///
/// Only epochs with unsettled items are kept: there are never more of them than items.
pub(crate) struct Ledger {
    epoch: u64,
    /// The unsettled items of this epoch,
    current: usize,
    /// and of those before it, none of them zero.
    older: BTreeMap<u64, usize>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            epoch: 0,
            current: 0,
            older: BTreeMap::new(),
        }
    }

    /// Enters an item; returns its epoch.
    pub(crate) fn enter(&mut self) -> u64 {
        self.current += 1;
        self.epoch
    }

    /// An item of this epoch is settled. True if it was the last one that somebody may wait for.
    pub(crate) fn settle(&mut self, epoch: u64) -> bool {
        if epoch == self.epoch {
            self.current -= 1;
            return false; // who waits has begun a new epoch
        }
        let Some(left) = self.older.get_mut(&epoch) else {
            unreachable!("an unsettled item keeps its epoch");
        };
        *left -= 1;
        let is_last = *left == 0;
        if is_last {
            self.older.remove(&epoch);
        }
        is_last
    }

    /// Begins to wait for all that was entered so far; [`is_settled`](Self::is_settled) takes what this returns.
    pub(crate) fn mark(&mut self) -> u64 {
        let mark = self.epoch;
        if self.current > 0 {
            self.older.insert(self.epoch, self.current);
            self.current = 0;
            self.epoch += 1;
        }
        mark
    }

    /// True if all that was entered before the mark is settled.
    pub(crate) fn is_settled(&self, mark: u64) -> bool {
        self.older.keys().next().is_none_or(|first| *first > mark)
    }
}
