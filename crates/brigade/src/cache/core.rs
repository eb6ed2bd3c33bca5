//! What a cache is made of, and what it shares with the refreshes that run on a pool.

use std::borrow::Borrow;
use std::hash::{Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::computing::this_thread;
use super::error::ComputeError;
use super::flights::{Flights, Seen, Turn};
use super::metrics::Tally;
use super::store::{Left, Store, Stored};

pub(super) type Weigh<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;
pub(super) type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// How long results count.
pub(super) struct Times {
    pub(super) to_live: Option<Duration>,
    /// Errors are kept for this long, or not at all.
    pub(super) of_errors: Option<Duration>,
    pub(super) refresh_after: Option<Duration>,
    pub(super) now: Clock,
}

/// Results are in `store`; in `flights` there is only what is being loaded.
pub(super) struct Core<K, V, E> {
    pub(super) flights: Flights<K, Stored<V, E>, RandomState>,
    pub(super) store: Store<K, V, E>,
    pub(super) times: Times,
    pub(super) weigh: Option<Weigh<K, V>>,
    pub(super) tally: Tally,
}

/// The turn of a caller to load.
pub(super) type LoadTurn<'a, K, V, E> = Turn<'a, K, Stored<V, E>, RandomState>;

/// A result that counts, and when it was looked at if that matters.
pub(super) struct Hit<V, E> {
    pub(super) stored: Arc<Stored<V, E>>,
    now: Option<Instant>,
}

impl<V, E> Hit<V, E> {
    /// True for one caller, when it is time to load again before the result expires.
    pub(super) fn is_to_be_refreshed(&self) -> bool {
        use std::sync::atomic::Ordering::Relaxed;
        let due =
            matches!((self.stored.refresh_from, self.now), (Some(from), Some(now)) if from <= now);
        due && !self.stored.refreshing.swap(true, Relaxed)
    }
}

/// What a caller gets of a result that is kept.
pub(super) fn answer<V: Clone, E: Clone>(stored: &Stored<V, E>) -> Result<V, ComputeError<E>> {
    stored.result.clone().map_err(ComputeError::Failed)
}

impl<K: Eq + Hash + Clone, V: Clone, E: Clone> Core<K, V, E> {
    /// The result of a key, unless it has expired.
    #[inline]
    pub(super) fn fresh<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Hit<V, E>>
    where
        K: Borrow<Q>,
    {
        let stored = self.store.get(key)?;
        // The clock is looked at only where time matters.
        let now = stored.expires.map(|_| (self.times.now)());
        let expired = matches!((stored.expires, now), (Some(expires), Some(now)) if expires <= now);
        (!expired).then_some(Hit { stored, now })
    }

    /// Loads a key whose turn it is, unless somebody has done so since this caller looked.
    pub(super) fn load(
        &self,
        turn: LoadTurn<'_, K, V, E>,
        key: K,
        load: impl FnOnce(&K) -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        if let Some(hit) = self.fresh(&key) {
            turn.settle(Arc::clone(&hit.stored), || ());
            return answer(&hit.stored);
        }
        let loading = self.tally.begin_load();
        let result = turn.run(|| load(&key));
        loading.end(result.is_ok());
        self.settle(turn, key, result)
    }

    /// Keeps the result of a load, and hands it to those who wait. Errors are kept if the cache does so.
    pub(super) fn settle(
        &self,
        turn: LoadTurn<'_, K, V, E>,
        key: K,
        result: Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        let result = match result {
            Err(error) if self.times.of_errors.is_none() => {
                return Err(ComputeError::Failed(error));
            }
            result => result,
        };
        let stored = Arc::new(self.stored(&key, result));
        let (own_key, own) = (key.clone(), Arc::clone(&stored));
        let mut left = Left::default();
        turn.settle(Arc::clone(&stored), || {
            self.store.insert(own_key, own, &mut left);
        });
        self.tally.evictions.add(left.evicted(&key, &stored));
        drop(left);
        answer(&stored)
    }

    fn stored(&self, key: &K, result: Result<V, E>) -> Stored<V, E> {
        let (lives, weight) = match (&result, &self.weigh) {
            (Ok(value), Some(weigh)) => (self.times.to_live, weigh(key, value)),
            (Ok(_), None) => (self.times.to_live, 1),
            (Err(_), _) => (self.times.of_errors, 1),
        };
        let refresh_after = self.times.refresh_after.filter(|_| result.is_ok());
        let now = lives.map(|_| (self.times.now)());
        let after = |duration: Option<Duration>| now?.checked_add(duration?);
        Stored {
            result,
            expires: after(lives),
            refresh_from: after(refresh_after),
            refreshing: AtomicBool::new(false),
            weight: weight.max(1),
        }
    }

    /// Loads a key anew, unless somebody does already. An error leaves what there is.
    pub(super) fn refresh(&self, key: K, load: &dyn Fn(&K) -> Result<V, E>) {
        let Seen::Turn(turn) = self.flights.look(&mut Some(key.clone()), this_thread()) else {
            return;
        };
        self.tally.refreshes.increment();
        let loading = self.tally.begin_load();
        let result = turn.run(|| load(&key));
        loading.end(result.is_ok());
        if result.is_ok() {
            drop(self.settle(turn, key, result));
        }
    }
}
