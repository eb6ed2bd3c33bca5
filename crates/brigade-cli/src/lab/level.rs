//! How much there is of something at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How much there is of something now, and the most that there ever was.
#[derive(Debug, Default)]
pub(super) struct Level {
    now: AtomicU64,
    most: AtomicU64,
}

/// A part of a level, for as long as it lives.
#[derive(Debug)]
pub(super) struct Held {
    level: Arc<Level>,
    amount: u64,
}

impl Level {
    /// Raises the level until what is returned is dropped.
    pub(super) fn raise(self: &Arc<Self>, amount: u64) -> Held {
        let now = self.now.fetch_add(amount, Relaxed) + amount;
        self.most.fetch_max(now, Relaxed);
        Held {
            level: Arc::clone(self),
            amount,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    pub(super) fn most(&self) -> u64 {
        self.most.load(Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.level.now.fetch_sub(self.amount, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_falls_again_and_remembers_its_most() {
        let level = Arc::new(Level::default());
        let (first, second) = (level.raise(3), level.raise(4));
        drop(first);
        assert_eq!((level.now(), level.most()), (4, 7));
        drop(second);
        assert_eq!((level.now(), level.most()), (0, 7));
    }
}
