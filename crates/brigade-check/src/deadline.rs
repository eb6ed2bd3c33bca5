//! Until when something goes on.

use std::time::{Duration, Instant};

/// A moment after which nothing new begins, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Never.
    pub(crate) const NONE: Self = Self(None);

    /// From now on so long. A time so long that no clock can tell when it is over never is.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl From<Option<Duration>> for Deadline {
    /// From now on so long, if a time is said.
    fn from(time: Option<Duration>) -> Self {
        time.map_or(Self::NONE, Self::after)
    }
}
