//! A bounded cache.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::Pool;

use super::builder::CacheBuilder;
use super::core::{Core, Hit, answer};
use super::error::ComputeError;
use super::flights::Outcome;
use super::metrics::CacheMetrics;

/// A bounded cache whose values are loaded once, whatever the number of callers that ask for them.
///
/// Bounded by entries or weight; with a time to live, refreshes ahead of it, and errors kept if wanted:
/// see [`CacheBuilder`]. Loads have the guarantees of [`OnceMap`](super::OnceMap): one at a time for a key, with no lock
/// held; a failure wakes those who wait, and one of them loads; a load that would wait for itself is an error.
///
/// What is evicted is chosen by frequency and recency (S3-FIFO, of the crate `quick_cache`). `V` is returned by value,
/// and `E`, the loads' error, too if errors are kept: let both be cheap to clone. A key's `Eq` and `Hash` must neither
/// use the cache nor panic.
///
/// ```
/// use brigade::cache::Cache;
/// use std::time::Duration;
///
/// let ports = Cache::builder("ports").capacity(10_000).time_to_live(Duration::from_secs(60)).build()?;
/// let load = |text: &&str| text.parse::<u16>();
/// assert_eq!(ports.get_or_load("80", load)?, 80);
/// assert_eq!(ports.get_or_load("80", |_| unreachable!("it is there"))?, 80);
/// assert!(ports.get_or_load("eighty", load).is_err());
///
/// let metrics = ports.metrics();
/// assert_eq!((metrics.hits, metrics.misses, metrics.load_failures), (1, 2, 1));
/// println!("{metrics}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cache<K, V, E = Infallible> {
    pub(super) core: Arc<Core<K, V, E>>,
    pub(super) refresh: Option<Refresh<K, V, E>>,
}

/// How values are refreshed.
pub(super) struct Refresh<K, V, E> {
    pub(super) pool: Arc<Pool>,
    pub(super) load: Arc<Load<K, V, E>>,
}

type Load<K, V, E> = dyn Fn(&K) -> Result<V, E> + Send + Sync;

impl<K: Eq + Hash + Clone, V: Clone, E: Clone> Cache<K, V, E> {
    /// Begins a cache with this name.
    pub fn builder(name: &str) -> CacheBuilder<K, V, E> {
        CacheBuilder::new(name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.core.flights.name
    }

    /// The value of a key, if there is one that has not expired; loads nothing and does not wait.
    #[inline]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hit = self.core.fresh(key);
        match &hit {
            Some(_) => self.core.tally.hits.increment(),
            None => self.core.tally.misses.increment(),
        }
        hit?.stored.result.as_ref().ok().cloned()
    }

    /// Forgets a key. A load under way goes on for those who wait for it, but its value is not kept: whoever asks after
    /// this call gets what was loaded after it began. What is loaded during the call may be forgotten with it, or stay.
    pub fn invalidate<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        // In this order: what is loading can then not come after what is removed.
        drop(self.core.flights.forget(key));
        drop(self.core.store.remove(key));
    }

    /// Forgets everything, as [`invalidate`](Self::invalidate) does a key.
    pub fn clear(&self) {
        self.core.flights.clear();
        self.core.store.clear();
    }

    /// How many results there are, kept errors and expired ones included.
    pub fn len(&self) -> usize {
        self.core.store.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it has counted, and what it has.
    pub fn metrics(&self) -> CacheMetrics {
        let (tally, store) = (&self.core.tally, &self.core.store);
        CacheMetrics {
            name: self.name().to_owned(),
            hits: tally.hits.sum(),
            misses: tally.misses.sum(),
            loads: tally.loads.sum(),
            load_failures: tally.load_failures.sum(),
            refreshes: tally.refreshes.sum(),
            evictions: tally.evictions.sum(),
            entries: store.len(),
            weight: store.weight(),
            capacity: store.capacity(),
        }
    }
}

impl<K, V, E> Cache<K, V, E>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// The value of a key; if there is none, `load` is called for it, unless somebody else is loading it already: then
    /// this waits for that.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] with the error of this caller's own `load`, or one that is kept;
    /// [`ComputeError::Deadlock`] if the value would wait for itself.
    ///
    /// # Panics
    /// If `load` does. The others then try again.
    #[track_caller]
    pub fn get_or_load(
        &self,
        key: K,
        load: impl FnOnce(&K) -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        self.find_or_load(key, None, load)
    }

    /// As [`get_or_load`](Self::get_or_load), waiting for the loads of others for at most `limit` in all.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load), and [`ComputeError::TimedOut`].
    ///
    /// # Panics
    /// If `load` does.
    #[track_caller]
    pub fn get_or_load_timeout(
        &self,
        key: K,
        limit: Duration,
        load: impl FnOnce(&K) -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        self.find_or_load(key, Some(limit), load)
    }

    #[track_caller]
    fn find_or_load(
        &self,
        key: K,
        limit: Option<Duration>,
        load: impl FnOnce(&K) -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        if let Some(hit) = self.hit(&key) {
            return answer(&hit.stored);
        }
        match self.core.flights.enter(key.clone(), limit)? {
            Outcome::Kept(stored) | Outcome::Awaited(stored) => answer(&stored),
            Outcome::Turn(turn) => self.core.load(turn, key, load),
        }
    }

    /// As [`get_or_load`](Self::get_or_load), on any executor: waits without blocking a thread, and loads by awaiting
    /// `load`, which does nothing if the value is there. Dropping the future that loads wakes the others to try again.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_load_async(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<V, ComputeError<E>> {
        if let Some(hit) = self.hit(&key) {
            return answer(&hit.stored);
        }
        let turn = match self.core.flights.enter_async(key.clone()).await? {
            Outcome::Kept(stored) | Outcome::Awaited(stored) => return answer(&stored),
            Outcome::Turn(turn) => turn,
        };
        if let Some(hit) = self.core.fresh(&key) {
            turn.settle(Arc::clone(&hit.stored), || ());
            return answer(&hit.stored);
        }
        let loading = self.core.tally.begin_load();
        let result = turn.run_future(load).await;
        loading.end(result.is_ok());
        self.core.settle(turn, key, result)
    }

    /// What there is of a key, counted; begins to refresh it if that is due.
    pub(super) fn hit(&self, key: &K) -> Option<Hit<V, E>> {
        let Some(hit) = self.core.fresh(key) else {
            self.core.tally.misses.increment();
            return None;
        };
        self.core.tally.hits.increment();
        if let Some(refresh) = &self.refresh
            && hit.is_to_be_refreshed()
        {
            let (core, load, key) = (
                Arc::clone(&self.core),
                Arc::clone(&refresh.load),
                key.clone(),
            );
            let begun = refresh.pool.try_execute(move || core.refresh(key, &*load));
            if begun.is_err() {
                hit.stored.refreshing.store(false, Relaxed); // for a later caller to try again
            }
        }
        Some(hit)
    }
}

impl<K, V> Cache<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// As [`get_or_load`](Self::get_or_load), for loads that cannot fail.
    ///
    /// # Errors
    /// [`ComputeError::Deadlock`] if the value would wait for itself.
    ///
    /// # Panics
    /// If `compute` does.
    #[track_caller]
    pub fn get_or_compute(&self, key: K, compute: impl FnOnce(&K) -> V) -> Result<V, ComputeError> {
        self.find_or_load(key, None, |key| Ok(compute(key)))
    }
}

impl<K: Eq + Hash + Clone, V: Clone, E: Clone> fmt::Debug for Cache<K, V, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("name", &self.name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
