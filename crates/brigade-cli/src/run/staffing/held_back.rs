//! Why jobs are held back, for all who tell it.

use std::sync::atomic::{AtomicBool, Ordering};

use brigade::pool::Metrics;
use parking_lot::Mutex;

use super::hold::{Kind, Reason};

/// Why jobs are held back, for all who tell it.
#[derive(Debug, Default)]
pub(crate) struct HeldBack {
    /// No more may run than this, and for this reason, if there is one.
    bound: Mutex<Option<(usize, Reason)>>,
    /// It has been said that some are. To say it again and again would be too much.
    said: AtomicBool,
}

impl HeldBack {
    /// No more jobs may run than so many, and for this reason; or nothing holds any back.
    pub(super) fn set(&self, bound: Option<(usize, Reason)>) {
        *self.bound.lock() = bound;
    }

    /// What keeps jobs waiting at this moment, if either does.
    pub(crate) fn by(&self, metrics: &Metrics) -> Option<Kind> {
        self.reason(metrics).map(Reason::kind)
    }

    /// Why one is held back, to be said; nothing if none is, or if it has been said before.
    pub(crate) fn first_reason(&self, metrics: impl FnOnce() -> Metrics) -> Option<Reason> {
        if self.bound.lock().is_none() || self.said.load(Ordering::Relaxed) {
            return None;
        }
        self.reason(&metrics())
            .filter(|_| !self.said.swap(true, Ordering::Relaxed))
    }

    fn reason(&self, metrics: &Metrics) -> Option<Reason> {
        let (jobs, reason) = (*self.bound.lock())?;
        (metrics.queued > 0 && metrics.running >= jobs).then_some(reason)
    }
}
