//! A snapshot of what a pool has done and is doing.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::shared::{Shared, State};
use super::tally::{Times, Totals};

/// What a pool has done and is doing, at one moment.
///
/// `submitted == completed + panicked + cancelled + expired + discarded + handed_back + queued +
/// running` in every snapshot. Its `Display` form is a short report for people.
///
/// ```
/// use brigade::Pool;
///
/// let pool = Pool::builder("doc").workers(1).build()?;
/// pool.submit(|| ())?.join()?;
/// let metrics = pool.metrics();
/// assert_eq!((metrics.submitted, metrics.completed), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metrics {
    /// Tasks that were accepted.
    pub submitted: u64,
    /// Tasks that ran to their end.
    pub completed: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were removed from the queue by their handle.
    pub cancelled: u64,
    /// Tasks whose deadline passed in the queue.
    pub expired: u64,
    /// Tasks that gave way to newer ones in a full queue.
    pub discarded: u64,
    /// Tasks that a shutdown handed back.
    pub handed_back: u64,
    /// Tasks that were never accepted.
    pub rejected: Rejections,
    /// Tasks that wait for a worker.
    pub queued: usize,
    /// Tasks that run.
    pub running: usize,
    /// The most tasks that ever waited at once.
    pub queue_high_water: usize,
    /// How many tasks may wait.
    pub queue_capacity: usize,
    /// The workers.
    pub workers: WorkerCounts,
    /// How long tasks waited in the queue. Among tiny tasks (under 2 µs) one in sixteen is timed. Those
    /// that were run by who brought them or waits for them waited for no worker, and are not in it.
    pub wait: Distribution,
    /// How long tasks ran. Tiny tasks are timed in groups of up to sixteen, by their mean.
    pub run: Distribution,
}

/// Refusals, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejections {
    /// The queue was full and the caller would not wait.
    pub full: u64,
    /// The queue stayed full for as long as the caller would wait.
    pub timed_out: u64,
    /// The pool was shutting down.
    pub shut_down: u64,
    /// There was no worker and none could be started.
    pub no_workers: u64,
    /// The wait for room would never have ended.
    pub deadlock: u64,
}

/// A pool's workers, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerCounts {
    /// Threads that exist: those below, and those that begin, end or look for a task.
    pub live: usize,
    /// Those that run tasks.
    pub active: usize,
    /// Those that are parked.
    pub idle: usize,
    /// Those that wait inside a task (for another task, for room, for rest), and may be replaced.
    pub blocked: usize,
    /// The most that ever existed at once.
    pub peak: usize,
    /// Threads that were ever started. If it grows all the time, the idle timeout is too short for the load.
    pub started: u64,
    /// Threads that the system refused.
    pub refused: u64,
}

/// A distribution of durations, within 1 %. All zero if there were none, or with histograms off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distribution {
    /// How many durations were recorded.
    pub count: u64,
    /// Half were no longer than this.
    pub p50: Duration,
    /// 90 % were no longer than this.
    pub p90: Duration,
    /// 99 % were no longer than this.
    pub p99: Duration,
    /// 99.9 % were no longer than this.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
    /// The mean.
    pub mean: Duration,
}

impl Distribution {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let quantile = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
        Self {
            count: histogram.len(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: Duration::from_nanos(histogram.max()),
            mean: Duration::from_secs_f64(histogram.mean() / 1e9),
        }
    }
}

impl Shared {
    /// What all workers, those that have left, and outsiders have counted.
    pub(crate) fn totals(&self, state: &State) -> Totals {
        let mut totals = Totals::new(self.settings.histograms);
        totals.add(&state.crew.retired);
        self.outside.add_to(&mut totals);
        for worker in state.crew.workers() {
            worker.tally.add_to(&mut totals);
        }
        totals
    }

    /// A snapshot; holds the pool's lock while it adds up the workers' tallies, and no longer.
    pub(crate) fn metrics(&self) -> Metrics {
        let (mut metrics, times) = self.counts();
        if let Some(times) = times {
            metrics.wait = Distribution::of(&times.wait);
            metrics.run = Distribution::of(&times.run);
        }
        metrics
    }

    /// A snapshot without its distributions, and what these are made from.
    fn counts(&self) -> (Metrics, Option<Times>) {
        let state = self.lock();
        let totals = self.totals(&state);
        let events = &state.events;
        let ended = totals.completed
            + totals.panicked
            + totals.expired
            + events.cancelled
            + events.discarded
            + events.handed_back;
        // What has not ended is running or queued. The rest of this snapshot would count a task that
        // ends while its worker is not looking twice; so the split is made from the difference.
        let open = usize::try_from(events.submitted.saturating_sub(ended)).unwrap_or(usize::MAX);
        let running = open.min(state.crew.active + state.crew.outside + totals.nested);
        let metrics = Metrics {
            submitted: events.submitted,
            completed: totals.completed,
            panicked: totals.panicked,
            cancelled: events.cancelled,
            expired: totals.expired,
            discarded: events.discarded,
            handed_back: events.handed_back,
            rejected: Rejections {
                full: events.refused_full,
                timed_out: events.refused_after_wait,
                shut_down: events.refused_shut_down,
                no_workers: events.refused_no_workers,
                deadlock: events.refused_deadlock,
            },
            queued: open - running,
            running,
            queue_high_water: events.queue_high_water,
            queue_capacity: self.settings.queue_capacity,
            workers: WorkerCounts {
                live: state.crew.live,
                active: state.crew.active,
                idle: state.crew.idle.len(),
                blocked: state.crew.blocked,
                peak: state.crew.peak,
                started: state.crew.started,
                refused: state.crew.refused,
            },
            wait: Distribution::default(),
            run: Distribution::default(),
        };
        (metrics, totals.times)
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            submitted,
            completed,
            panicked,
            cancelled,
            expired,
            ..
        } = self;
        writeln!(
            formatter,
            "tasks: {submitted} submitted, {completed} completed, {panicked} panicked, \
             {cancelled} cancelled, {expired} expired, {} discarded, {} handed back",
            self.discarded, self.handed_back
        )?;
        let Rejections {
            full,
            timed_out,
            shut_down,
            no_workers,
            deadlock,
        } = self.rejected;
        writeln!(
            formatter,
            "rejected: {full} full, {timed_out} after waiting, {shut_down} shut down, \
             {no_workers} without workers, {deadlock} in a deadlock"
        )?;
        writeln!(
            formatter,
            "queue: {} of {}, at most {}; running: {}",
            self.queued, self.queue_capacity, self.queue_high_water, self.running
        )?;
        let WorkerCounts {
            live,
            active,
            idle,
            blocked,
            peak,
            started,
            refused,
        } = self.workers;
        writeln!(
            formatter,
            "workers: {live} ({active} active, {idle} idle, {blocked} blocked), at most {peak}; \
             threads: {started} started, {refused} refused"
        )?;
        writeln!(formatter, "wait: {}", self.wait)?;
        write!(formatter, "run: {}", self.run)
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            p50,
            p90,
            p99,
            p999,
            max,
            mean,
        } = self;
        write!(
            formatter,
            "p50 {p50:.1?}, p90 {p90:.1?}, p99 {p99:.1?}, p999 {p999:.1?}, max {max:.1?}, \
             mean {mean:.1?} ({count} tasks)"
        )
    }
}
