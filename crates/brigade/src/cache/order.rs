//! The order in which a bounded map came by its values.

use std::collections::BTreeMap;

use crate::primitive::{Mutex, MutexGuard};

/// The oldest values are forgotten so that there are never more than `capacity`.
///
/// Whoever adds or removes values of a bounded map holds this lock, and then the lock of a shard; hits do not.
pub(super) struct Order {
    capacity: usize,
    queue: Mutex<Queue>,
}

/// Invariant: the numbers are those of the values that the map has, each with the hash of its key.
#[derive(Default)]
pub(super) struct Queue {
    hashes: BTreeMap<u64, u64>,
    next: u64,
}

impl Order {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            queue: Mutex::new(Queue::default()),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// The number and hash of the value that must go before another one comes.
    pub(super) fn surplus(&self, queue: &mut Queue) -> Option<(u64, u64)> {
        (queue.hashes.len() >= self.capacity)
            .then(|| queue.hashes.pop_first())
            .flatten()
    }
}

impl Queue {
    /// The number of a value that comes.
    pub(super) fn push(&mut self, hash: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.hashes.insert(number, hash);
        number
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.hashes.remove(&number);
    }

    pub(super) fn clear(&mut self) {
        self.hashes.clear();
    }
}
