//! What a cache counts.

use std::fmt;

use crate::Counter;

#[derive(Default)]
pub(super) struct Tally {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) loads: Counter,
    pub(super) load_failures: Counter,
    pub(super) refreshes: Counter,
    pub(super) evictions: Counter,
}

/// A load that has begun. One that panics, or whose future is dropped, has failed.
pub(super) struct Loading<'a> {
    tally: &'a Tally,
    succeeded: bool,
}

impl Tally {
    pub(super) fn begin_load(&self) -> Loading<'_> {
        self.loads.increment();
        Loading {
            tally: self,
            succeeded: false,
        }
    }
}

impl Loading<'_> {
    pub(super) fn end(mut self, succeeded: bool) {
        self.succeeded = succeeded;
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.succeeded {
            self.tally.load_failures.increment();
        }
    }
}

/// What a [`Cache`](super::Cache) has counted since it was made, and what it has now. Its `Display` form is for people.
///
/// The counts are exact if nobody uses the cache meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// The name of the cache.
    pub name: String,
    /// Look-ups that found a result that had not expired, kept errors included.
    pub hits: u64,
    /// Look-ups that did not, so that a load began or somebody else's was waited for.
    pub misses: u64,
    /// Loads that have begun; the keys of a batch count each.
    pub loads: u64,
    /// Loads that ended without a value: by an error, a panic, or because a batch did not have the key.
    pub load_failures: u64,
    /// Loads that were refreshes ahead of time.
    pub refreshes: u64,
    /// Results that had to go for the sake of the bound, those included that were too heavy to be kept at all.
    pub evictions: u64,
    /// Results there are, expired ones included that have not been replaced or evicted.
    pub entries: usize,
    /// What they weigh; without a weigher each weighs 1.
    pub weight: u64,
    /// What they weigh at most.
    pub capacity: u64,
}

impl CacheMetrics {
    /// The share of look-ups that were hits, from 0 to 1; 0 if there were none.
    pub fn hit_ratio(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            lookups => self.hits as f64 / lookups as f64,
        }
    }
}

impl fmt::Display for CacheMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            hits,
            misses,
            loads,
            load_failures,
            refreshes,
            evictions,
            entries,
            weight,
            capacity,
        } = self;
        let percent = 100.0 * self.hit_ratio();
        writeln!(
            formatter,
            "cache `{name}`: {hits} hits, {misses} misses ({percent:.1} % hits)"
        )?;
        writeln!(
            formatter,
            "loads: {loads}, of them {load_failures} failed and {refreshes} ahead of time"
        )?;
        write!(
            formatter,
            "entries: {entries}, weight {weight} of {capacity}; {evictions} evicted"
        )
    }
}
