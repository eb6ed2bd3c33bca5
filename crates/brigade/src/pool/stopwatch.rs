//! Timing tasks without reading the clock for each tiny one.

use crate::primitive::now;

use super::pace::TINY;
use super::tally::Tally;

/// The clock of one worker.
///
/// Exact: the clock is read after each task, and the end of one task is the start of the next. Tiny
/// tasks are timed in groups: their run time is the group's mean, their waiting time the first
/// one's. A group that took far longer than usual had one long task in it, to which the excess goes.
pub(crate) struct Stopwatch {
    /// Time each task by itself.
    pub(crate) exact: bool,
    /// Whether anyone wants the times of single tasks.
    records: bool,
    started: u64,
    /// Of the current group.
    wait: u64,
    count: u64,
    /// Since the sums were last taken.
    sum_count: u64,
    sum_elapsed: u64,
}

/// Tiny tasks that are timed together.
const GROUP: u64 = 16;

impl Stopwatch {
    pub(crate) fn new(records: bool) -> Self {
        Self {
            exact: true,
            records,
            started: 0,
            wait: 0,
            count: 0,
            sum_count: 0,
            sum_elapsed: 0,
        }
    }

    /// A batch of tasks begins.
    pub(crate) fn start(&mut self, now: u64) {
        self.started = now;
    }

    /// A task that was accepted at `accepted` begins.
    #[inline]
    pub(crate) fn begin(&mut self, accepted: u64) {
        if self.count == 0 {
            self.wait = self.started.saturating_sub(accepted);
        }
    }

    /// A task has ended.
    #[inline]
    pub(crate) fn end(&mut self, tally: &Tally) {
        self.count += 1;
        if self.records && (self.exact || self.count == GROUP) {
            self.lap(tally);
        }
    }

    /// Closes the current group.
    pub(crate) fn lap(&mut self, tally: &Tally) {
        if self.count == 0 {
            return;
        }
        let end = now();
        let elapsed = end.saturating_sub(self.started);
        self.sum_count += self.count;
        self.sum_elapsed += elapsed;
        if self.records {
            let mean = elapsed / self.count;
            if self.count > 1 && mean > TINY {
                let usual = TINY / 2;
                tally.time(self.wait, usual, self.count - 1);
                tally.time(self.wait, elapsed - usual * (self.count - 1), 1);
            } else {
                tally.time(self.wait, mean, self.count);
            }
        }
        self.started = end;
        self.count = 0;
    }

    /// How many tasks have run since this was last asked, and how long they took in all.
    pub(crate) fn take_sum(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.sum_count),
            std::mem::take(&mut self.sum_elapsed),
        )
    }
}
