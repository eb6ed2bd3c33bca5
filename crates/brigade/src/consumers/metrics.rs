//! A snapshot of what consumers have done and are doing.

use std::fmt;

use crate::pool::Distribution;
use crate::pool::tally::Totals;

use super::shared::Shared;

/// What consumers have done and are doing, at one moment.
///
/// `produced == handled + failed + handed_back + buffered + delayed + running` in every snapshot. Its `Display` form
/// is a short report for people.
///
/// ```
/// use brigade::consumers::Consumers;
///
/// let consumers = Consumers::builder("print").start(|page: &u32| println!("{page}"))?;
/// consumers.produce(1)?;
/// consumers.wait_idle()?;
/// let metrics = consumers.metrics();
/// assert_eq!((metrics.produced, metrics.handled), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Items that were accepted.
    pub produced: u64,
    /// Items that were handled.
    pub handled: u64,
    /// Items that were given up.
    pub failed: u64,
    /// Attempts after the first one.
    pub retried: u64,
    /// Items that a shutdown handed back.
    pub handed_back: u64,
    /// Items that were never accepted.
    pub rejected: Rejections,
    /// Items in the buffer.
    pub buffered: usize,
    /// Items that wait for another attempt.
    pub delayed: usize,
    /// Items that handlers have.
    pub running: usize,
    /// The most items that were ever in the buffer.
    pub buffer_high_water: usize,
    /// How many items may wait, for their first or for another attempt.
    pub buffer_capacity: usize,
    /// Producers that wait for room.
    pub waiting_producers: usize,
    /// Consumers that have not ended.
    pub consumers: usize,
    /// Those of them that have nothing to do.
    pub idle: usize,
    /// How long items waited in the buffer. Among tiny items (under 2 µs) one in sixteen is timed.
    pub wait: Distribution,
    /// How long handlers took, for an item or a batch. Tiny ones are timed in groups of sixteen, by their mean.
    pub handle: Distribution,
}

/// Refusals, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejections {
    /// The buffer was full and the caller would not wait.
    pub full: u64,
    /// The buffer stayed full for as long as the caller would wait.
    pub timed_out: u64,
    /// The consumers were shutting down.
    pub shut_down: u64,
    /// Waiting would never have ended.
    pub deadlock: u64,
}

impl<T> Shared<T> {
    pub(crate) fn metrics(&self) -> Metrics {
        let mut totals = Totals::new(self.histograms);
        for tally in &self.tallies {
            tally.add_to(&mut totals);
        }
        let (wait, handle) = totals.times.map_or_else(Default::default, |times| {
            (Distribution::of(&times.wait), Distribution::of(&times.run))
        });
        let state = self.state.lock();
        let counts = state.counts;
        Metrics {
            produced: counts.produced,
            handled: counts.handled,
            failed: counts.failed,
            retried: counts.retried,
            handed_back: counts.handed_back,
            rejected: Rejections {
                full: counts.refused_full,
                timed_out: counts.refused_after_wait,
                shut_down: counts.refused_shut_down,
                deadlock: counts.refused_deadlock,
            },
            buffered: state.buffered(),
            delayed: state.delayed(),
            running: state.running,
            buffer_high_water: counts.high_water,
            buffer_capacity: self.capacity,
            waiting_producers: state.line.len(),
            consumers: state.live,
            idle: state.idle(),
            wait,
            handle,
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            produced,
            handled,
            failed,
            retried,
            handed_back,
            ..
        } = self;
        writeln!(
            formatter,
            "items: {produced} produced, {handled} handled, {failed} failed, {retried} retried, \
             {handed_back} handed back"
        )?;
        let Rejections {
            full,
            timed_out,
            shut_down,
            deadlock,
        } = self.rejected;
        writeln!(
            formatter,
            "rejected: {full} full, {timed_out} after waiting, {shut_down} shut down, {deadlock} for ever"
        )?;
        writeln!(
            formatter,
            "buffer: {} of {}, at most {}; {} to be tried again; running: {}; producers that wait: {}",
            self.buffered,
            self.buffer_capacity,
            self.buffer_high_water,
            self.delayed,
            self.running,
            self.waiting_producers
        )?;
        writeln!(
            formatter,
            "consumers: {} ({} idle)",
            self.consumers, self.idle
        )?;
        writeln!(formatter, "wait: {}", self.wait)?;
        write!(formatter, "handle: {}", self.handle)
    }
}
