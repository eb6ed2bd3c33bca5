//! Values computed once per key.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem::needs_drop;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::error::ComputeError;
use super::flights::{Flights, Outcome};

/// Values by key, each computed once, whatever the number of callers that ask for it.
///
/// The first caller of [`get_or_compute`](Self::get_or_compute) for a key computes its value, with no lock held; others
/// that ask for the same key meanwhile wait for it. If the computation panics or returns an error, that goes to its own
/// caller, and one of the others computes. A computation that would wait for itself, directly or by way of other keys,
/// threads, tasks or locks, gets [`ComputeError::Deadlock`] instead of hanging.
///
/// A map made by [`new`](Self::new) or [`named`](Self::named) keeps each value until it is told to
/// [`forget`](Self::forget) it: it is for a set of keys that is limited by itself. If the keys come from outside, let it
/// be [`bounded`](Self::bounded), or use a `Cache` (feature `cache`).
///
/// Values are returned by value: let `V` be cheap to clone, such as an `Arc`. A key's `Eq` and `Hash` must not use the
/// map, and nor must the `Clone` of values without a destructor, which are copied under a lock. Cost of a hit: the hash,
/// one short lock of a part of the map, and the clone; for values with a destructor also two counts up and down.
///
/// ```
/// use brigade::cache::OnceMap;
///
/// let squares = OnceMap::named("squares");
/// assert_eq!(squares.get_or_compute(7, || 7 * 7)?, 49);
/// assert_eq!(squares.get_or_compute(7, || unreachable!("it is there"))?, 49);
/// # Ok::<(), brigade::cache::ComputeError>(())
/// ```
pub struct OnceMap<K, V, S = RandomState> {
    flights: Flights<K, V, S>,
}

impl<K, V> OnceMap<K, V> {
    /// A map without a bound, called after the line that makes it.
    #[track_caller]
    pub fn new() -> Self {
        Self::with_hasher(&place_name(Location::caller()), RandomState::new())
    }

    /// A map without a bound, with a name for errors and reports.
    pub fn named(name: &str) -> Self {
        Self::with_hasher(name, RandomState::new())
    }

    /// A map that keeps at most `capacity` values: before another one comes, the one that was computed first is forgotten.
    /// What is being computed does not count.
    ///
    /// # Panics
    /// If `capacity` is zero.
    ///
    /// ```
    /// use brigade::cache::OnceMap;
    ///
    /// let latest = OnceMap::bounded(2);
    /// for key in 1..=3 {
    ///     latest.get_or_compute(key, || key * 10)?;
    /// }
    /// assert_eq!((latest.get(&1), latest.get(&2), latest.get(&3)), (None, Some(20), Some(30)));
    /// # Ok::<(), brigade::cache::ComputeError>(())
    /// ```
    #[track_caller]
    pub fn bounded(capacity: usize) -> Self {
        let name = place_name(Location::caller());
        Self::bounded_with_hasher(capacity, &name, RandomState::new())
    }
}

fn place_name(place: &Location<'_>) -> String {
    format!("{}:{}", place.file(), place.line())
}

impl<K, V, S> OnceMap<K, V, S> {
    /// As [`named`](OnceMap::named), with a hasher of one's own: a faster one where nobody can choose the keys to do harm.
    pub fn with_hasher(name: &str, hasher: S) -> Self {
        Self {
            flights: Flights::new(name.into(), hasher, None),
        }
    }

    /// As [`bounded`](OnceMap::bounded), with a name and a hasher of one's own.
    ///
    /// # Panics
    /// If `capacity` is zero.
    #[track_caller]
    pub fn bounded_with_hasher(capacity: usize, name: &str, hasher: S) -> Self {
        assert!(
            capacity > 0,
            "once-map `{name}`: a capacity of 0 keeps nothing; let it be at least 1"
        );
        Self {
            flights: Flights::new(name.into(), hasher, Some(capacity)),
        }
    }

    /// Its name, or the line that made it.
    pub fn name(&self) -> &str {
        &self.flights.name
    }

    /// How many values it keeps at most, if it is bounded.
    pub fn capacity(&self) -> Option<usize> {
        self.flights.capacity()
    }

    /// How many values there are; what is being computed does not count. Cost: a look at every entry.
    pub fn len(&self) -> usize {
        self.flights.count()
    }

    /// True if there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all values, and all computations under way as [`forget`](Self::forget) does.
    pub fn clear(&self) {
        self.flights.clear();
    }
}

impl<K, V: Clone, S> OnceMap<K, V, S> {
    /// All values there are, in no order. Without a bound the map is looked at part by part: values that come or go
    /// meanwhile may be in it or not.
    pub fn values(&self) -> Vec<V> {
        self.flights
            .values()
            .into_iter()
            .map(Arc::unwrap_or_clone)
            .collect()
    }
}

impl<K: Eq + Hash, V: Clone, S: BuildHasher> OnceMap<K, V, S> {
    /// The value of a key, if it has been computed; does not wait.
    #[inline]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.flights.value(key)
    }

    /// The value of a key; if there is none, `compute` is called for it, unless somebody else is computing it already:
    /// then this waits for that.
    ///
    /// # Errors
    /// [`ComputeError::Deadlock`] if the value would wait for itself.
    ///
    /// # Panics
    /// If `compute` does. The others then try again, and so may this caller.
    #[inline]
    #[track_caller]
    pub fn get_or_compute(&self, key: K, compute: impl FnOnce() -> V) -> Result<V, ComputeError> {
        self.compute(key, None, || Ok(compute()))
    }

    /// As [`get_or_compute`](Self::get_or_compute), for computations that can fail. An error is not kept.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] with the error of this caller's own `compute`; [`ComputeError::Deadlock`].
    ///
    /// # Panics
    /// If `compute` does.
    #[inline]
    #[track_caller]
    pub fn try_get_or_compute<E>(
        &self,
        key: K,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        self.compute(key, None, compute)
    }

    /// As [`get_or_compute`](Self::get_or_compute), waiting for the computations of others for at most `limit` in all. Its
    /// own computation may take longer.
    ///
    /// # Errors
    /// [`ComputeError::TimedOut`] if somebody else was not done in time; [`ComputeError::Deadlock`].
    ///
    /// # Panics
    /// If `compute` does.
    #[track_caller]
    pub fn get_or_compute_timeout(
        &self,
        key: K,
        limit: Duration,
        compute: impl FnOnce() -> V,
    ) -> Result<V, ComputeError> {
        self.compute(key, Some(limit), || Ok(compute()))
    }

    /// As [`get_or_compute_timeout`](Self::get_or_compute_timeout), for computations that can fail.
    ///
    /// # Errors
    /// [`ComputeError::Failed`], [`ComputeError::TimedOut`] and [`ComputeError::Deadlock`].
    ///
    /// # Panics
    /// If `compute` does.
    #[track_caller]
    pub fn try_get_or_compute_timeout<E>(
        &self,
        key: K,
        limit: Duration,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        self.compute(key, Some(limit), compute)
    }

    #[inline]
    #[track_caller]
    fn compute<E>(
        &self,
        key: K,
        limit: Option<Duration>,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, ComputeError<E>> {
        // A plain value is read without counting whoever has it; asking twice is nothing beside computing.
        if !needs_drop::<V>()
            && let Some(value) = self.flights.value(&key)
        {
            return Ok(value);
        }
        match self.flights.enter(key, limit)? {
            Outcome::Kept(value) | Outcome::Awaited(value) => Ok(V::clone(&value)),
            Outcome::Turn(turn) => {
                let value = turn.run(compute).map_err(ComputeError::Failed)?;
                Ok(V::clone(&turn.keep(value)))
            }
        }
    }

    /// As [`get_or_compute`](Self::get_or_compute), on any executor: waits without blocking a thread, and computes by
    /// awaiting `compute`, which does nothing if the value is there.
    ///
    /// Futures and threads may wait for each other's computations. Dropping the future that computes wakes the others,
    /// which try again; so does a panic in it. A future that is never polled again lets the others wait.
    ///
    /// # Errors
    /// [`ComputeError::Deadlock`] if the value would wait for itself. One cycle is not seen: if a future that is computing
    /// awaits the computation of a thread first, and that thread then blocks for the future's value. Give such waits a time.
    ///
    /// ```
    /// use brigade::cache::{ComputeError, OnceMap};
    ///
    /// async fn page(pages: &OnceMap<String, String>, address: &str) -> Result<String, ComputeError> {
    ///     pages.get_or_compute_async(address.to_owned(), async { format!("<p>{address}</p>") }).await
    /// }
    /// # let pages = OnceMap::new();
    /// # let mut page = std::pin::pin!(page(&pages, "home"));
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(matches!(page.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(text)) if text == "<p>home</p>"));
    /// ```
    pub async fn get_or_compute_async(
        &self,
        key: K,
        compute: impl Future<Output = V>,
    ) -> Result<V, ComputeError> {
        let compute = async { Ok::<V, Infallible>(compute.await) };
        self.try_get_or_compute_async(key, compute).await
    }

    /// As [`get_or_compute_async`](Self::get_or_compute_async), for computations that can fail. An error is not kept.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] with the error of this caller's own `compute`; [`ComputeError::Deadlock`].
    pub async fn try_get_or_compute_async<E>(
        &self,
        key: K,
        compute: impl Future<Output = Result<V, E>>,
    ) -> Result<V, ComputeError<E>> {
        match self.flights.enter_async(key).await? {
            Outcome::Kept(value) | Outcome::Awaited(value) => Ok(V::clone(&value)),
            Outcome::Turn(turn) => {
                let value = turn
                    .run_future(compute)
                    .await
                    .map_err(ComputeError::Failed)?;
                Ok(V::clone(&turn.keep(value)))
            }
        }
    }

    /// Forgets a key, and returns its value if there was one.
    ///
    /// As [`forget`](Self::forget) if it is being computed.
    pub fn remove<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let removed = self.flights.forget(key)?;
        removed.slot.into_value().map(Arc::unwrap_or_clone)
    }

    /// Forgets a key; true if it had a value, or was being computed.
    ///
    /// A computation under way goes on, and those who wait for it get its value; but it is not kept: whoever asks after
    /// this call computes anew, even while the old computation still runs.
    pub fn forget<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.flights.forget(key).is_some()
    }
}

impl<K, V> Default for OnceMap<K, V> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V, S> fmt::Debug for OnceMap<K, V, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OnceMap")
            .field("name", &self.name())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
