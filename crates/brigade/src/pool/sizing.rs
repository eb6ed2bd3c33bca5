//! How many workers a pool should have.

use std::num::NonZeroUsize;
use std::ops::{RangeInclusive, RangeToInclusive};
use std::time::Duration;

/// What a pool's tasks do most of the time; [`Pool::sized`](super::Pool::sized) derives its size from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workload {
    /// They compute: one worker for each core.
    Cpu,
    /// They wait: cores × (1 + wait / compute) workers keep every core busy.
    ///
    /// The rule is from Goetz, *Java Concurrency in Practice* (2006), section 8.2.
    Io {
        /// How long a task waits, on average.
        wait: Duration,
        /// How long it computes, on average.
        compute: Duration,
    },
    /// Some of each, or unknown: from one to four workers a core, as the load asks.
    Mixed,
}

/// At most this many workers come from a formula; a pool that should have more says so itself.
const MOST: usize = 4096;

impl Workload {
    /// The smallest and largest number of workers for `cores` cores.
    ///
    /// ```
    /// use std::time::Duration;
    /// use brigade::pool::Workload;
    ///
    /// let fetch = Workload::Io { wait: Duration::from_millis(90), compute: Duration::from_millis(10) };
    /// assert_eq!(fetch.workers_for(4), 1..=40);
    /// assert_eq!(Workload::Cpu.workers_for(4), 4..=4);
    /// ```
    pub fn workers_for(self, cores: usize) -> RangeInclusive<usize> {
        let cores = cores.max(1);
        match self {
            Self::Cpu => cores..=cores,
            Self::Io { wait, compute } => {
                let compute = compute.max(Duration::from_nanos(1));
                let ratio = wait.as_secs_f64() / compute.as_secs_f64();
                // Saturates: a float beyond the range becomes the largest integer.
                let wanted = (cores as f64 * (1.0 + ratio)).round() as usize;
                1..=wanted.clamp(cores, MOST.max(cores))
            }
            Self::Mixed => cores..=cores * 4,
        }
    }
}

/// The cores this process may use: affinity and containers' CPU quotas (cgroups) are respected.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The number of workers of a pool: `4`, `2..=10`, or `..=10` (none while nothing runs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerRange {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl WorkerRange {
    /// What is wrong with the range, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        let Self { min, max } = self;
        if max == 0 {
            return Some("a pool needs at least one worker; set workers(1) or more".to_owned());
        }
        (min > max)
            .then(|| format!("workers({min}..={max}) is empty; put the smaller number first"))
    }
}

impl From<usize> for WorkerRange {
    fn from(count: usize) -> Self {
        Self {
            min: count,
            max: count,
        }
    }
}

impl From<RangeInclusive<usize>> for WorkerRange {
    fn from(range: RangeInclusive<usize>) -> Self {
        Self {
            min: *range.start(),
            max: *range.end(),
        }
    }
}

impl From<RangeToInclusive<usize>> for WorkerRange {
    fn from(range: RangeToInclusive<usize>) -> Self {
        Self {
            min: 0,
            max: range.end,
        }
    }
}
