//! A snapshot of what the workers have done and are doing.

use std::fmt;
use std::sync::Arc;

use crate::pool::Distribution;
use crate::pool::tally::Totals;

use super::shared::Shared;

/// What the workers have done and are doing, at one moment.
///
/// `sent == handled + panicked + handed_back + queued + running` in every snapshot, `queued` being the sum over all
/// workers. Its `Display` form is a short report for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Messages that were accepted.
    pub sent: u64,
    /// Messages that were handled.
    pub handled: u64,
    /// Messages whose handler panicked.
    pub panicked: u64,
    /// Messages that a shutdown handed back.
    pub handed_back: u64,
    /// Messages that were never accepted because the buffer was full.
    pub rejected_full: u64,
    /// Messages that were never accepted because the buffer stayed full for as long as the caller would wait.
    pub rejected_timed_out: u64,
    /// Messages that were never accepted because of a shutdown.
    pub rejected_shut_down: u64,
    /// Messages that were never accepted because waiting would never have ended.
    pub rejected_deadlock: u64,
    /// Messages that wait for each worker.
    pub queued: Vec<usize>,
    /// How many may wait for each.
    pub buffer_capacity: usize,
    /// Messages that handlers have.
    pub running: usize,
    /// Senders that wait for room.
    pub waiting_senders: usize,
    /// How long messages waited for their worker.
    pub wait: Distribution,
    /// How long handlers took.
    pub handle: Distribution,
}

impl<K, M> Shared<K, M> {
    pub(crate) fn metrics(&self) -> Metrics {
        let state = self.state.lock();
        let seats = state.seats.iter();
        let tallies: Vec<_> = seats.map(|seat| Arc::clone(&seat.tally)).collect();
        let counts = state.counts;
        let mut metrics = Metrics {
            sent: counts.sent,
            handled: counts.handled,
            panicked: counts.panicked,
            handed_back: counts.handed_back,
            rejected_full: counts.refused_full,
            rejected_timed_out: counts.refused_after_wait,
            rejected_shut_down: counts.refused_shut_down,
            rejected_deadlock: counts.refused_deadlock,
            queued: state.queued(),
            buffer_capacity: self.buffer,
            running: state.running(),
            waiting_senders: state.line.len(),
            wait: Distribution::default(),
            handle: Distribution::default(),
        };
        drop(state);
        let mut totals = Totals::new(self.histograms);
        for tally in tallies {
            tally.add_to(&mut totals);
        }
        if let Some(times) = totals.times {
            metrics.wait = Distribution::of(&times.wait);
            metrics.handle = Distribution::of(&times.run);
        }
        metrics
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "messages: {} sent, {} handled, {} panicked, {} handed back",
            self.sent, self.handled, self.panicked, self.handed_back
        )?;
        writeln!(
            formatter,
            "rejected: {} full, {} after waiting, {} shut down, {} for ever",
            self.rejected_full,
            self.rejected_timed_out,
            self.rejected_shut_down,
            self.rejected_deadlock
        )?;
        writeln!(
            formatter,
            "queues: {:?} of {} each; running: {}; senders that wait: {}",
            self.queued, self.buffer_capacity, self.running, self.waiting_senders
        )?;
        writeln!(formatter, "wait: {}", self.wait)?;
        write!(formatter, "handle: {}", self.handle)
    }
}
