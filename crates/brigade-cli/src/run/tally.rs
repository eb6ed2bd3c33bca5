//! What has become of jobs, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::run::job::Failure;

/// What has become of jobs so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Ended by us, because the run was to end.
    pub(crate) stopped: u64,
    /// Further attempts, of any job.
    pub(crate) retried: u64,
    /// Jobs that wait for a further attempt.
    pub(crate) waiting: u64,
    /// Jobs that wait for other jobs or for resources.
    pub(crate) parked: u64,
    /// Jobs that have begun and not yet ended.
    pub(crate) running: u64,
}

impl Counts {
    /// How many jobs have ended for good.
    pub(crate) fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.stopped
    }
}

/// Counts jobs, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    succeeded: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicU64,
    retried: AtomicU64,
    running: AtomicU64,
}

impl Tally {
    /// A job begins, for the first time or again.
    pub(crate) fn begin(&self, attempt: u32) {
        self.running.fetch_add(1, Ordering::Relaxed);
        if attempt > 1 {
            self.retried.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It runs no more.
    pub(crate) fn end(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// It has ended for good.
    pub(crate) fn count(&self, result: &Result<(), Failure>) {
        let counter = match result {
            Ok(()) => &self.succeeded,
            Err(Failure::Stopped(_)) => &self.stopped,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted as a success was none after all.
    pub(crate) fn recount_as_failed(&self) {
        self.succeeded.fetch_sub(1, Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// All counts; so many jobs wait for a further attempt, and so many for others or for resources.
    pub(crate) fn counts(&self, waiting: u64, parked: u64) -> Counts {
        Counts {
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            stopped: self.stopped.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            waiting,
            parked,
        }
    }
}
