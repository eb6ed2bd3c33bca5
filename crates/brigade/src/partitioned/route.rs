//! Which worker a key belongs to.

use std::hash::{BuildHasher, Hash};

/// Each instance spreads keys in its own way, so that nobody can choose keys that all meet on one worker.
#[cfg(not(any(loom, shuttle)))]
type Spread = std::hash::RandomState;
/// A model must do the same in each run.
#[cfg(any(loom, shuttle))]
type Spread = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// Spreads keys over workers.
pub(crate) struct Router(Spread);

impl Router {
    pub(crate) fn new() -> Self {
        Self(Spread::default())
    }

    /// What stands for the key from here on. Two keys with the same hash share a worker and an order.
    pub(crate) fn hash<K: Hash>(&self, key: &K) -> u64 {
        self.0.hash_one(key)
    }
}

/// The worker of a key with this hash, of so many.
///
/// Jump consistent hashing (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014): when a worker
/// is added, one of so many keys moves, to it, and no other; and back when it goes. It needs no memory, and workers
/// that are numbered without gaps, as here. Cost: O(log workers).
pub(crate) fn route(hash: u64, workers: usize) -> usize {
    let (mut key, mut chosen, mut next) = (hash, 0, 0_u64);
    while next < workers as u64 {
        chosen = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let scale = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((chosen + 1) as f64 * scale) as u64;
    }
    chosen as usize
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::route;

    const KEYS: u64 = 10_000;

    /// Any spread of numbers over all 64 bits.
    fn hashes() -> impl Iterator<Item = u64> {
        (1..=KEYS).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    #[test]
    fn keys_are_spread_evenly() {
        let mut counts = [0_u64; 7];
        hashes().for_each(|hash| counts[route(hash, 7)] += 1);
        let fair = KEYS / 7;
        assert!(
            counts
                .iter()
                .all(|count| (fair * 8 / 10..=fair * 12 / 10).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_new_worker_takes_its_share_and_nothing_else_moves() {
        for workers in 1..10 {
            let moved = hashes().filter(|hash| {
                let (before, after) = (route(*hash, workers), route(*hash, workers + 1));
                assert!(after == before || after == workers);
                after != before
            });
            let share = KEYS as usize / (workers + 1);
            assert!((share * 8 / 10..=share * 12 / 10).contains(&moved.count()));
        }
    }
}
