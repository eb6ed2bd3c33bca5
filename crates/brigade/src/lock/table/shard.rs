//! A part of a table's entries: each is made for its first user and removed by its last.
//!
//! Code of the keys runs here only where it may panic: `Eq` before anything has changed, `Drop` after everything has.
//! Their `Hash` is asked once, by the caller; a user finds its entry again by that hash and its address.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::hash::{BuildHasherDefault, Hasher};
use std::iter::once;
use std::sync::Arc;

use crate::primitive::Mutex;

/// Entries under one lock, which nobody holds while waiting for anything.
///
/// Invariants: a key that has users has one entry, and `users` is their number; a key that has none has no entry.
pub(super) struct Shard<K, L> {
    slots: Mutex<Slots<K, L>>,
}

/// A key and its lock; it stays where it is.
pub(super) struct Entry<K, L> {
    pub(super) key: K,
    pub(super) lock: L,
}

/// An entry, and how many threads hold its lock or wait for it.
struct Slot<K, L> {
    users: usize,
    entry: Arc<Entry<K, L>>,
}

/// The entries whose keys have one hash: hardly ever more than one.
struct Chain<K, L> {
    first: Slot<K, L>,
    others: Vec<Slot<K, L>>,
}

struct Slots<K, L> {
    by_hash: HashMap<u64, Chain<K, L>, BuildHasherDefault<HashedAlready>>,
}

/// One thread's use of an entry. As long as it lives the entry stays the only one of its key.
pub(super) struct User<'a, K, L> {
    shard: &'a Shard<K, L>,
    hash: u64,
    entry: Arc<Entry<K, L>>,
}

impl<K, L> Shard<K, L> {
    pub(super) fn new() -> Self {
        let slots = Slots {
            by_hash: HashMap::default(),
        };
        Self {
            slots: Mutex::new(slots),
        }
    }

    /// How many keys are in use.
    pub(super) fn len(&self) -> usize {
        let slots = self.slots.lock();
        slots.by_hash.values().map(Chain::len).sum()
    }

    /// Calls `look` with the lock of each key that is in use.
    pub(super) fn for_each_lock(&self, look: impl Fn(&L)) {
        let slots = self.slots.lock();
        let chained = slots.by_hash.values().flat_map(Chain::iter);
        chained.for_each(|slot| look(&slot.entry.lock));
    }
}

impl<K: Eq, L> Shard<K, L> {
    /// Begins to use the entry of a key whose hash is known; if there is none, it is made with the lock from `make`.
    #[inline]
    pub(super) fn enter(&self, hash: u64, key: K, make: impl FnOnce() -> L) -> User<'_, K, L> {
        let (entry, unneeded) = self.slots.lock().enter(hash, key, make);
        let user = User {
            shard: self,
            hash,
            entry,
        };
        // While `user` is there to be dropped too, should this panic.
        drop(unneeded);
        user
    }
}

impl<K: Eq, L> Slots<K, L> {
    /// Counts one user more; returns the key too if the entry has one already.
    #[inline]
    fn enter(
        &mut self,
        hash: u64,
        key: K,
        make: impl FnOnce() -> L,
    ) -> (Arc<Entry<K, L>>, Option<K>) {
        match self.by_hash.entry(hash) {
            Vacant(vacant) => {
                let slot = Slot::new(key, make());
                let entry = Arc::clone(&slot.entry);
                vacant.insert(Chain {
                    first: slot,
                    others: Vec::new(),
                });
                (entry, None)
            }
            Occupied(chain) => chain.into_mut().enter(key, make),
        }
    }
}

impl<K: Eq, L> Chain<K, L> {
    fn enter(&mut self, key: K, make: impl FnOnce() -> L) -> (Arc<Entry<K, L>>, Option<K>) {
        if let Some(slot) = self.iter_mut().find(|slot| slot.entry.key == key) {
            slot.users += 1;
            return (Arc::clone(&slot.entry), Some(key));
        }
        let slot = Slot::new(key, make());
        let entry = Arc::clone(&slot.entry);
        self.others.push(slot);
        (entry, None)
    }
}

impl<K, L> Slots<K, L> {
    /// Counts one user less; returns the slot if that was the last, to be dropped when the shard is not locked.
    #[inline]
    fn leave(&mut self, hash: u64, entry: &Arc<Entry<K, L>>) -> Option<Slot<K, L>> {
        let Occupied(mut occupied) = self.by_hash.entry(hash) else {
            unreachable!("an entry stays while it has users");
        };
        let chain = occupied.get_mut();
        let slot = chain
            .iter_mut()
            .find(|slot| Arc::ptr_eq(&slot.entry, entry));
        let slot = slot.expect("an entry stays while it has users");
        slot.users -= 1;
        if slot.users > 0 {
            return None;
        }
        let removed = match chain.remove(entry) {
            Some(removed) => removed,
            None => occupied.remove().first,
        };
        self.give_back_room();
        Some(removed)
    }

    /// Shrinks the map when it is nearly empty: seldom enough to cost nothing on average.
    fn give_back_room(&mut self) {
        /// Room for so many hashes is kept.
        const KEPT: usize = 64;
        let (count, room) = (self.by_hash.len(), self.by_hash.capacity());
        if room > KEPT && count < room / 8 {
            self.by_hash.shrink_to(KEPT.max(2 * count));
        }
    }
}

impl<K, L> Chain<K, L> {
    fn len(&self) -> usize {
        1 + self.others.len()
    }

    fn iter(&self) -> impl Iterator<Item = &Slot<K, L>> {
        once(&self.first).chain(&self.others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot<K, L>> {
        once(&mut self.first).chain(&mut self.others)
    }

    /// Removes a slot that is in it, unless it is the only one.
    fn remove(&mut self, entry: &Arc<Entry<K, L>>) -> Option<Slot<K, L>> {
        let is_it = |slot: &Slot<K, L>| Arc::ptr_eq(&slot.entry, entry);
        match self.others.iter().position(is_it) {
            Some(place) => Some(self.others.swap_remove(place)),
            None => {
                let next = self.others.pop()?;
                Some(std::mem::replace(&mut self.first, next))
            }
        }
    }
}

impl<K, L> Slot<K, L> {
    /// The slot of a new entry with one user.
    fn new(key: K, lock: L) -> Self {
        Self {
            users: 1,
            entry: Arc::new(Entry { key, lock }),
        }
    }
}

impl<K, L> User<'_, K, L> {
    pub(super) fn key(&self) -> &K {
        &self.entry.key
    }

    #[inline]
    pub(super) fn lock(&self) -> &L {
        &self.entry.lock
    }
}

impl<K, L> Drop for User<'_, K, L> {
    #[inline]
    fn drop(&mut self) {
        let removed = self.shard.slots.lock().leave(self.hash, &self.entry);
        // The key is dropped with the last reference, when all is done.
        drop(removed);
    }
}

/// Takes a number that is a hash already as its own hash.
#[derive(Default)]
struct HashedAlready(u64);

impl Hasher for HashedAlready {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are hashed here");
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::Shard;

    #[test]
    fn keys_of_one_hash_have_an_entry_each() {
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [0, 2, 1]] {
            let shard = Shard::new();
            let mut users: Vec<_> = (0..3)
                .map(|key| Some(shard.enter(7, key, || key)))
                .collect();
            for (gone, leaving) in order.into_iter().enumerate() {
                assert_eq!(shard.len(), 3 - gone);
                for user in users.iter().flatten() {
                    let again = shard.enter(7, *user.key(), || 99);
                    assert_eq!(again.lock(), user.key(), "the entry that is there");
                }
                users[leaving] = None;
            }
            assert_eq!(shard.len(), 0);
        }
    }

    #[test]
    fn an_entry_stays_till_its_last_user_leaves() {
        let shard = Shard::new();
        let first = shard.enter(1, "key", || 1);
        let second = shard.enter(1, "key", || 2);
        drop(first);
        assert_eq!((*second.lock(), shard.len()), (1, 1));
        drop(second);
        assert_eq!(*shard.enter(1, "key", || 3).lock(), 3);
    }

    #[test]
    fn room_for_many_keys_is_given_back() {
        let shard = Shard::new();
        let users: Vec<_> = (0..10_000)
            .map(|key| shard.enter(key, key, || ()))
            .collect();
        assert!(shard.slots.lock().by_hash.capacity() >= 10_000);
        drop(users);
        assert!(shard.slots.lock().by_hash.capacity() < 1_000);
    }
}
