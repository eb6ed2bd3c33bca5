//! A part of a map: what was computed and what is being computed, by key.
//!
//! Code of the keys runs here only where it may panic: `Eq` before anything has changed. Whatever is removed is
//! returned, to be dropped when the shard is not locked. Hashes are computed by the caller.

use std::mem;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use crate::primitive::Mutex;

use super::flight::Flight;

/// Entries under one lock, which nobody holds while computing or waiting.
pub(super) struct Shard<K, T> {
    entries: Mutex<HashTable<Entry<K, T>>>,
}

/// A key, and its value or who computes it.
pub(super) struct Entry<K, T> {
    hash: u64,
    key: K,
    pub(super) slot: Slot<T>,
}

pub(super) enum Slot<T> {
    /// The value, and its place in the order of a bounded map.
    Kept(Arc<T>, u64),
    Underway(Arc<Flight<T>>),
}

/// What a caller finds that wants a value.
pub(super) enum Found<T> {
    Kept(Arc<T>),
    /// Somebody computes it.
    Underway(Arc<Flight<T>>),
    /// Nothing was there: the caller is to compute it.
    Begun(Arc<Flight<T>>),
}

impl<T> Slot<T> {
    fn is_flight(&self, flight: &Arc<Flight<T>>) -> bool {
        matches!(self, Self::Underway(its) if Arc::ptr_eq(its, flight))
    }

    pub(super) fn into_value(self) -> Option<Arc<T>> {
        match self {
            Self::Kept(value, _) => Some(value),
            Self::Underway(_) => None,
        }
    }
}

impl<K, T> Shard<K, T> {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::new(HashTable::new()),
        }
    }

    /// What `read` makes of a key's value, under the lock, if it was computed.
    #[inline]
    pub(super) fn read<R>(
        &self,
        hash: u64,
        is_key: impl Fn(&K) -> bool,
        read: impl FnOnce(&Arc<T>) -> R,
    ) -> Option<R> {
        let entries = self.entries.lock();
        match entries.find(hash, |entry| is_key(&entry.key))?.slot {
            Slot::Kept(ref value, _) => Some(read(value)),
            Slot::Underway(_) => None,
        }
    }

    /// True unless the flight has been forgotten.
    pub(super) fn has_flight(&self, hash: u64, flight: &Arc<Flight<T>>) -> bool {
        let entries = self.entries.lock();
        let is_it = |entry: &Entry<K, T>| entry.slot.is_flight(flight);
        entries.find(hash, is_it).is_some()
    }

    /// Puts a value in the place of the flight that computed it; returns the flight's slot, or the value if the flight
    /// has been forgotten.
    pub(super) fn keep(
        &self,
        hash: u64,
        flight: &Arc<Flight<T>>,
        value: Arc<T>,
        order: u64,
    ) -> Result<Slot<T>, Arc<T>> {
        let mut entries = self.entries.lock();
        match entries.find_mut(hash, |entry| entry.slot.is_flight(flight)) {
            Some(entry) => Ok(mem::replace(&mut entry.slot, Slot::Kept(value, order))),
            None => Err(value),
        }
    }

    /// Removes the entry of a flight, if it is still there, and calls `then` before anybody else can look.
    pub(super) fn withdraw(
        &self,
        hash: u64,
        flight: &Arc<Flight<T>>,
        then: impl FnOnce(),
    ) -> Option<Entry<K, T>> {
        self.remove(hash, |entry| entry.slot.is_flight(flight), then)
    }

    /// Removes the entry of a key.
    pub(super) fn forget(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<Entry<K, T>> {
        self.remove(hash, |entry| is_key(&entry.key), || ())
    }

    /// Removes the value that has this place in the order.
    pub(super) fn evict(&self, hash: u64, order: u64) -> Option<Entry<K, T>> {
        let is_it = |entry: &Entry<K, T>| matches!(entry.slot, Slot::Kept(_, its) if its == order);
        self.remove(hash, is_it, || ())
    }

    fn remove(
        &self,
        hash: u64,
        is_it: impl Fn(&Entry<K, T>) -> bool,
        then: impl FnOnce(),
    ) -> Option<Entry<K, T>> {
        let mut entries = self.entries.lock();
        let (removed, _) = entries.find_entry(hash, is_it).ok()?.remove();
        give_back_room(&mut entries);
        then();
        Some(removed)
    }

    /// Removes everything.
    pub(super) fn clear(&self) -> HashTable<Entry<K, T>> {
        mem::take(&mut *self.entries.lock())
    }

    /// The values that were computed.
    pub(super) fn values(&self) -> Vec<Arc<T>> {
        let entries = self.entries.lock();
        let kept = entries.iter().filter_map(|entry| match &entry.slot {
            Slot::Kept(value, _) => Some(Arc::clone(value)),
            Slot::Underway(_) => None,
        });
        kept.collect()
    }

    /// How many values were computed.
    pub(super) fn count(&self) -> usize {
        let entries = self.entries.lock();
        let is_kept = |entry: &&Entry<K, T>| matches!(entry.slot, Slot::Kept(..));
        entries.iter().filter(is_kept).count()
    }
}

impl<K: Eq, T> Shard<K, T> {
    /// What there is of a key. If there is nothing, the key is taken, with a new flight of this thread or of a future.
    #[inline]
    pub(super) fn enter(&self, hash: u64, key: &mut Option<K>, thread: Option<usize>) -> Found<T> {
        let mut entries = self.entries.lock();
        let is_key = |entry: &Entry<K, T>| key.as_ref() == Some(&entry.key);
        match entries.entry(hash, is_key, |entry| entry.hash) {
            Place::Occupied(place) => match &place.get().slot {
                Slot::Kept(value, _) => Found::Kept(Arc::clone(value)),
                Slot::Underway(flight) => Found::Underway(Arc::clone(flight)),
            },
            Place::Vacant(place) => {
                let flight = Flight::new(thread);
                let key = key
                    .take()
                    .expect("a key is taken once: then its computation begins");
                let slot = Slot::Underway(Arc::clone(&flight));
                place.insert(Entry { hash, key, slot });
                Found::Begun(flight)
            }
        }
    }
}

/// Shrinks the table when it is nearly empty: seldom enough to cost nothing on average.
fn give_back_room<K, T>(entries: &mut HashTable<Entry<K, T>>) {
    /// Room for so many entries is kept.
    const KEPT: usize = 64;
    let (count, room) = (entries.len(), entries.capacity());
    if room > KEPT && count < room / 8 {
        entries.shrink_to(KEPT.max(2 * count), |entry| entry.hash);
    }
}
