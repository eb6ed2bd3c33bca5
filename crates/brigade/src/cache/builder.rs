//! Making a cache.

use std::error::Error;
use std::fmt;
use std::hash::{Hash, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Pool;

use super::cache::{Cache, Refresh};
use super::core::{Clock, Core, Times, Weigh};
use super::flights::Flights;
use super::metrics::Tally;
use super::store::Store;

/// The settings of a [`Cache`]; made by [`Cache::builder`].
#[must_use = "a builder makes nothing until `build`"]
pub struct CacheBuilder<K, V, E> {
    name: Arc<str>,
    capacity: u64,
    weigh: Option<Weigh<K, V>>,
    to_live: Option<Duration>,
    of_errors: Option<Duration>,
    now: Clock,
    refresh: Option<(f64, Refresh<K, V, E>)>,
}

/// Why a cache could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheBuildError {
    /// A setting that cannot work.
    #[non_exhaustive]
    Invalid {
        /// The name of the cache.
        name: Arc<str>,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl fmt::Display for CacheBuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { name, problem } => write!(formatter, "cache `{name}`: {problem}"),
        }
    }
}

impl Error for CacheBuildError {}

impl<K: Eq + Hash + Clone, V: Clone, E: Clone> CacheBuilder<K, V, E> {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            capacity: 0,
            weigh: None,
            to_live: None,
            of_errors: None,
            now: Box::new(Instant::now),
            refresh: None,
        }
    }

    /// At most so many entries. This, or [`weight_capacity`](Self::weight_capacity), must be set.
    ///
    /// The cache has parts, each with its share: a cache with several threads' worth of parts holds a few less.
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self.weigh = None;
        self
    }

    /// Entries of at most this weight in all, each as heavy as `weigh` says (at least 1), asked once when it is loaded.
    ///
    /// The cache has parts, each with its share: what is heavier than that, or nearly so, is not kept at all.
    pub fn weight_capacity(
        mut self,
        weight: u64,
        weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.capacity = weight;
        self.weigh = Some(Box::new(weigh));
        self
    }

    /// Values count for so long after they were loaded. Without this they count until they are evicted.
    ///
    /// An expired value takes its place until it is loaded again or evicted: there is no thread that looks for such.
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.to_live = Some(time);
        self
    }

    /// Keeps errors too, for so long: until then all callers get the error, and nothing is loaded. Without this an error
    /// goes to its own caller, and the others try again.
    pub fn keep_errors(mut self, time: Duration) -> Self {
        self.of_errors = Some(time);
        self
    }

    /// Where the time comes from, instead of `Instant::now`: for tests.
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.now = Box::new(now);
        self
    }

    /// Loads values anew, on `pool`, when they are asked for after a part of their time to live (`after`, between 0 and
    /// 1): so that what is asked for often never expires under its callers.
    ///
    /// The caller that notices goes on with the old value, and so do all others until the new one is there. A refresh is
    /// begun once per value; if it fails, the value expires in its time. If the pool is full, a later caller tries again.
    /// [`Cache::get`] does not refresh: it has no key to keep.
    pub fn refresh_ahead(
        mut self,
        pool: Arc<Pool>,
        after: f64,
        load: impl Fn(&K) -> Result<V, E> + Send + Sync + 'static,
    ) -> Self {
        let load = Arc::new(load);
        self.refresh = Some((after, Refresh { pool, load }));
        self
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// [`CacheBuildError::Invalid`] if there is no capacity, or if values are to be refreshed that do not expire.
    ///
    /// ```
    /// use brigade::cache::Cache;
    ///
    /// let error = Cache::<u32, u32>::builder("users").build().unwrap_err();
    /// assert_eq!(error.to_string(), "cache `users`: it has no capacity; set one of at least 1");
    /// ```
    pub fn build(self) -> Result<Cache<K, V, E>, CacheBuildError> {
        let refresh_after = self.check()?;
        let core = Core {
            flights: Flights::new(self.name, RandomState::new(), None),
            store: Store::new(self.capacity),
            times: Times {
                to_live: self.to_live,
                of_errors: self.of_errors,
                refresh_after,
                now: self.now,
            },
            weigh: self.weigh,
            tally: Tally::default(),
        };
        Ok(Cache {
            core: Arc::new(core),
            refresh: self.refresh.map(|(_, refresh)| refresh),
        })
    }

    /// When values are to be refreshed, if the settings can work.
    fn check(&self) -> Result<Option<Duration>, CacheBuildError> {
        let invalid = |problem: &str| CacheBuildError::Invalid {
            name: Arc::clone(&self.name),
            problem: problem.to_owned(),
        };
        if self.capacity == 0 {
            return Err(invalid("it has no capacity; set one of at least 1"));
        }
        let Some((after, _)) = self.refresh else {
            return Ok(None);
        };
        let Some(to_live) = self.to_live else {
            return Err(invalid(
                "it is to refresh values that do not expire; set a time to live",
            ));
        };
        if !(0.0..1.0).contains(&after) {
            return Err(invalid(
                "values are to be refreshed after a part of their time to live; let it be from 0 to less than 1",
            ));
        }
        Ok(Some(to_live.mul_f64(after)))
    }
}

impl<K, V, E> fmt::Debug for CacheBuilder<K, V, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .field("time_to_live", &self.to_live)
            .finish_non_exhaustive()
    }
}
