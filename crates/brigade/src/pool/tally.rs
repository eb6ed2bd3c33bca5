//! What one worker counts and times. A snapshot adds the tallies up: no line is shared for counting.

use hdrhistogram::Histogram;

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::job::Ran;

/// How tasks ended, as one thread saw it.
pub(crate) struct Tally {
    pub(crate) completed: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) expired: AtomicU64,
    /// Tasks that run on top of others, on a thread that counts already for the lowest.
    pub(crate) nested: AtomicUsize,
    /// `None` if the pool was built without histograms.
    times: Option<Mutex<Times>>,
}

impl Tally {
    pub(crate) fn new(histograms: bool) -> Self {
        Self {
            completed: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            nested: AtomicUsize::new(0),
            times: histograms.then(|| Mutex::new(Times::new())),
        }
    }

    /// Counts a task that left the counting to its worker; false if there was none.
    #[inline]
    pub(crate) fn count(&self, ran: Ran) -> bool {
        match ran {
            Ran::Completed => self.completed.fetch_add(1, Relaxed),
            Ran::Panicked => self.panicked.fetch_add(1, Relaxed),
            Ran::Counted => return true,
            Ran::Stale => return false,
        };
        true
    }

    /// Records that `count` tasks waited and ran so long each, in nanoseconds.
    pub(crate) fn time(&self, wait: u64, run: u64, count: u64) {
        if let Some(times) = &self.times {
            let mut times = times.lock();
            times.wait.saturating_record_n(wait, count);
            times.run.saturating_record_n(run, count);
        }
    }

    /// Adds what this tally has seen to `totals`.
    pub(crate) fn add_to(&self, totals: &mut Totals) {
        totals.completed += self.completed.load(Relaxed);
        totals.panicked += self.panicked.load(Relaxed);
        totals.expired += self.expired.load(Relaxed);
        totals.nested += self.nested.load(Relaxed);
        if let (Some(times), Some(sum)) = (&self.times, &mut totals.times) {
            sum.add(&times.lock());
        }
    }
}

/// The sum of several tallies.
pub(crate) struct Totals {
    pub(crate) completed: u64,
    pub(crate) panicked: u64,
    pub(crate) expired: u64,
    pub(crate) nested: usize,
    pub(crate) times: Option<Times>,
}

impl Totals {
    pub(crate) fn new(histograms: bool) -> Self {
        Self {
            completed: 0,
            panicked: 0,
            expired: 0,
            nested: 0,
            times: histograms.then(Times::new),
        }
    }

    /// Adds another sum to this one.
    pub(crate) fn add(&mut self, other: &Totals) {
        self.completed += other.completed;
        self.panicked += other.panicked;
        self.expired += other.expired;
        if let (Some(times), Some(more)) = (&mut self.times, &other.times) {
            times.add(more);
        }
    }
}

/// Distributions of waiting and running times, in nanoseconds.
pub(crate) struct Times {
    pub(crate) wait: Histogram<u64>,
    pub(crate) run: Histogram<u64>,
}

impl Times {
    fn new() -> Self {
        Self {
            wait: histogram(),
            run: histogram(),
        }
    }

    fn add(&mut self, other: &Times) {
        self.wait
            .add(&other.wait)
            .expect("all histograms have the same bounds");
        self.run
            .add(&other.run)
            .expect("all histograms have the same bounds");
    }
}

/// From 1 ns to an hour (longer counts as an hour), within 1 %: 37 KiB.
fn histogram() -> Histogram<u64> {
    const HOUR: u64 = 3_600_000_000_000;
    Histogram::new_with_bounds(1, HOUR, 2).expect("these bounds are valid")
}
