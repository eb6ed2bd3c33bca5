//! What a cache keeps: results with their times, in a table of bounded weight.

use std::borrow::Borrow;
use std::hash::{Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use quick_cache::sync::Cache as Table;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

/// The result of a load.
pub(super) struct Stored<V, E> {
    pub(super) result: Result<V, E>,
    /// From when on it counts no more.
    pub(super) expires: Option<Instant>,
    /// From when on a hit has it loaded again.
    pub(super) refresh_from: Option<Instant>,
    /// Somebody has seen to that.
    pub(super) refreshing: AtomicBool,
    /// Asked of the user once, when no lock is held; at least 1, for what weighs nothing is never evicted.
    pub(super) weight: u64,
}

#[derive(Clone)]
struct Weights;

impl<K, V, E> Weighter<K, Arc<Stored<V, E>>> for Weights {
    fn weight(&self, _: &K, stored: &Arc<Stored<V, E>>) -> u64 {
        stored.weight
    }
}

/// Collects what leaves the table, to be dropped when the table is not locked: destructors are foreign code.
#[derive(Clone)]
struct Leaving;

impl<K, V, E> Lifecycle<K, Arc<Stored<V, E>>> for Leaving {
    type RequestState = Left<K, V, E>;

    fn on_evict(&self, left: &mut Left<K, V, E>, key: K, stored: Arc<Stored<V, E>>) {
        left.0.push((key, stored));
    }
}

/// What has left the table.
pub(super) struct Left<K, V, E>(Vec<(K, Arc<Stored<V, E>>)>);

impl<K, V, E> Default for Left<K, V, E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Eq, V, E> Left<K, V, E> {
    /// How many had to leave for the sake of the bound; not what another value of its key replaced.
    pub(super) fn evicted(&self, inserted: &K, stored: &Arc<Stored<V, E>>) -> u64 {
        let is_evicted =
            |(key, its): &&(K, Arc<Stored<V, E>>)| key != inserted || Arc::ptr_eq(its, stored);
        self.0.iter().filter(is_evicted).count() as u64
    }
}

/// Results by key; never heavier than its capacity.
pub(super) struct Store<K, V, E> {
    table: Table<K, Arc<Stored<V, E>>, Weights, RandomState, Leaving>,
}

impl<K: Eq + Hash + Clone, V, E> Store<K, V, E> {
    pub(super) fn new(capacity: u64) -> Self {
        /// So many entries may be expected before the table knows better; it is about the number of its parts.
        const EXPECTED: u64 = 1 << 20;
        /// Parts of fewer entries would evict what another part has room for.
        const PER_PART: u64 = 64;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut parts = (4 * threads as u64).next_power_of_two();
        while parts > 1 && capacity / parts < PER_PART {
            parts /= 2;
        }
        // Each part gets an equal share, rounded up: so that they are not more than the capacity, it is rounded down.
        let capacity = capacity / parts * parts;
        let options = OptionsBuilder::new()
            .shards(usize::try_from(parts).unwrap_or(1))
            .estimated_items_capacity(usize::try_from(capacity.min(EXPECTED)).unwrap_or(1))
            .weight_capacity(capacity)
            .build()
            .unwrap_or_else(|_| unreachable!("all that has no default is set"));
        Self {
            table: Table::with_options(options, Weights, RandomState::new(), Leaving),
        }
    }

    #[inline]
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<Stored<V, E>>>
    where
        K: Borrow<Q>,
    {
        self.table.get(key)
    }

    /// Inserts a result; what leaves for it comes back, to be dropped without a lock.
    pub(super) fn insert(&self, key: K, stored: Arc<Stored<V, E>>, left: &mut Left<K, V, E>) {
        self.table.insert_with_lifecycle(key, stored, left);
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<(K, Arc<Stored<V, E>>)>
    where
        K: Borrow<Q>,
    {
        self.table.remove(key)
    }

    /// Removes everything, one by one, so that nothing is dropped under a lock.
    pub(super) fn clear(&self) {
        self.table.drain().for_each(drop);
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.table.weight()
    }

    pub(super) fn capacity(&self) -> u64 {
        self.table.capacity()
    }
}
