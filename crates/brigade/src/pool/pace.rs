//! How fast tasks run and leave: what batches, hand-overs and `retry_after` are sized by.

use std::time::Duration;

/// Running averages, under the pool's lock. All times are nanoseconds.
pub(crate) struct Pace {
    /// How long a task runs; `None` until one has.
    average_run: Option<u64>,
    /// The time from one task's leaving the queue to the next one's, while tasks waited.
    drain_period: Option<u64>,
    /// The time from one acceptance to the next.
    arrival_period: Option<u64>,
    /// How many tasks had been accepted when a worker last took some, and when that was.
    accepted_then: (u64, u64),
    /// When a worker last took tasks, if the queue has not been empty since.
    last_taken: Option<u64>,
    /// The latest reading of the clock.
    now: u64,
    /// Tasks that were accepted on the strength of that reading.
    unclocked: u32,
}

/// Tasks shorter than this are tiny: reading the clock for each would cost as much as they do.
pub(crate) const TINY: u64 = 2_000;

/// A worker takes at most this many tasks at a time,
const BATCH: u64 = 64;
/// and no more than it runs in this time.
const BATCH_TIME: u64 = 16_000;

/// Tasks that come more often than this (nanoseconds) are a stream,
const STREAM: u64 = 1_000;
/// of which so many are let come before a worker fetches them.
const LINGER_TASKS: u64 = 48;
/// But nobody waits longer than this for others.
const LINGER_TIME: u64 = 2_000;

/// What it takes to wake a thread until it runs, in nanoseconds,
const WAKING: u64 = 50_000;
/// and to fetch and account for a task.
const HANDLING: u64 = 20;

/// A waiting producer is let in when it can hand over tasks for this long, so that waking it pays.
const REFILL_TIME: u64 = 1_000_000;

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            average_run: None,
            drain_period: None,
            arrival_period: None,
            accepted_then: (0, 0),
            last_taken: None,
            now: 0,
            unclocked: 0,
        }
    }

    /// The time of an acceptance. Among tiny tasks that stream in, only every 16th reads the clock:
    /// the workers, who do so for every batch, keep `now` fresh.
    #[inline]
    pub(crate) fn stamp(&mut self, queue_is_empty: bool) -> u64 {
        if queue_is_empty || self.unclocked >= 16 || !self.is_tiny() {
            self.now = crate::primitive::now();
            self.unclocked = 0;
        } else {
            self.unclocked += 1;
        }
        self.now
    }

    /// True if tasks are known to be tiny.
    pub(crate) fn is_tiny(&self) -> bool {
        self.average_run.is_some_and(|run| run < TINY)
    }

    /// Notes that `count` tasks have run for `elapsed` in all.
    pub(crate) fn ran(&mut self, count: u64, elapsed: u64) {
        let Some(run) = elapsed.checked_div(count) else {
            return;
        };
        self.average_run = Some(match self.average_run {
            // A worker that was preempted seems to have run long. Such outliers are cut, so that one
            // does not end the batching; tasks that are longer from now on show within some batches.
            Some(average) => (3 * average + run.min(3 * average + 10)) / 4,
            None => run,
        });
    }

    /// Notes that a worker comes for tasks at `now`, when `accepted` tasks have ever been accepted.
    pub(crate) fn came(&mut self, accepted: u64, now: u64) {
        let (accepted_then, then) = std::mem::replace(&mut self.accepted_then, (accepted, now));
        let elapsed = now.saturating_sub(then);
        if let Some(period) = elapsed.checked_div(accepted - accepted_then) {
            self.arrival_period = Some(match self.arrival_period {
                Some(average) => (3 * average + period.min(3 * average + 10)) / 4,
                None => period,
            });
        }
    }

    /// How long a worker that sees `queued` tasks should let others join them, in nanoseconds: when tiny
    /// tasks stream in, fetching each one by itself would cost more than running it, and would be in
    /// their producers' way.
    pub(crate) fn linger(&self, queued: usize) -> u64 {
        match self.arrival_period {
            Some(period) if self.is_tiny() && period < STREAM => {
                (period * LINGER_TASKS.saturating_sub(queued as u64)).min(LINGER_TIME)
            }
            _ => 0,
        }
    }

    /// Notes that `count` tasks left the queue at `now`, and whether others still wait.
    pub(crate) fn took(&mut self, count: usize, others_wait: bool, now: u64) {
        self.now = now;
        self.unclocked = 0;
        if let Some(last) = self.last_taken {
            let period = now.saturating_sub(last) / count as u64;
            self.drain_period = Some(match self.drain_period {
                Some(average) => (3 * average + period) / 4,
                None => period,
            });
        }
        self.last_taken = others_wait.then_some(now);
    }

    /// True if `queued` tiny tasks are done before one more worker could be of help.
    pub(crate) fn is_trifle(&self, queued: usize) -> bool {
        self.is_tiny_work(queued, WAKING)
    }

    /// True if the `queued` tiny tasks do not even keep one more worker busy that is awake.
    pub(crate) fn is_crumb(&self, queued: usize) -> bool {
        self.is_tiny_work(queued, WAKING / 4)
    }

    fn is_tiny_work(&self, queued: usize, time: u64) -> bool {
        self.average_run
            .is_some_and(|run| run < TINY && queued as u64 * (run + HANDLING) < time)
    }

    /// How many tasks a worker may take at once.
    pub(crate) fn batch(&self) -> usize {
        match self.average_run {
            Some(run) => (BATCH_TIME / run.max(1)).clamp(1, BATCH) as usize,
            None => 1,
        }
    }

    /// How many places must be free before a waiting producer is let in.
    pub(crate) fn refill(&self, capacity: usize, workers: usize) -> usize {
        let Some(run) = self.average_run else {
            return 1;
        };
        let places = REFILL_TIME * workers as u64 / run.max(1);
        usize::try_from(places)
            .unwrap_or(usize::MAX)
            .clamp(1, capacity.div_ceil(2))
    }

    /// When there will be room for one more than the `waiting` producers.
    pub(crate) fn retry_after(&self, waiting: usize) -> Duration {
        // Before the first measurement: soon, but not at once.
        const UNKNOWN: u64 = 1_000_000;
        const LONGEST: u64 = 60_000_000_000;
        // A queue that has stood still for longer than usual is slower than it was.
        let still = self
            .last_taken
            .map_or(0, |last| crate::primitive::now().saturating_sub(last));
        let period = self
            .drain_period
            .or(self.average_run)
            .unwrap_or(UNKNOWN)
            .max(still)
            .max(1_000);
        Duration::from_nanos(period.saturating_mul(waiting as u64 + 1).min(LONGEST))
    }
}
