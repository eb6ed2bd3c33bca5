//! Values by key, of which each is made at the first look: here, looks at what is there.
//!
//! All systems hash with std's `RandomState`, which is the default of all but `quick_cache`: otherwise the hash of a
//! number, a third of the time, would decide.

use std::hash::RandomState;
use std::hint::black_box;
use std::time::{Duration, Instant};

use brigade::{Cache, OnceMap};
use dashmap::DashMap;
use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;

use crate::batch::typical;
use crate::steps::{below, steps};

/// How many keys there are. Their entries fit into a core's own caches, if not into the first.
const KEYS: u64 = 1_000;
/// Looks between two looks at the clock.
const BATCH: u64 = 5_000;

/// Values by key.
pub(super) trait Keyed: Send + Sync + 'static {
    /// The system's stable name.
    const NAME: &'static str;
    /// One without values, with room for more than there are keys.
    fn new() -> Self;
    /// The value of a key, which is computed if it is not there.
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64;
}

/// One of them that computes a value once, however many threads want it at the same time.
pub(super) trait ComputesOnce: Keyed {}

impl Keyed for OnceMap<u64, u64> {
    const NAME: &'static str = crate::REFERENCE;

    fn new() -> Self {
        Self::named("squares")
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        let value = self.get_or_compute(key, compute);
        value.expect("no value waits for itself")
    }
}

/// By `get` first, as its users do who want speed: `entry` locks for writing.
impl Keyed for DashMap<u64, u64> {
    const NAME: &'static str = "dashmap";

    fn new() -> Self {
        Self::new()
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        match Self::get(self, &key) {
            Some(value) => *value,
            None => *self.entry(key).or_insert_with(compute),
        }
    }
}

/// With room from the start: its table lets itself become nearly full, and is ten times slower then.
impl Keyed for papaya::HashMap<u64, u64> {
    const NAME: &'static str = "papaya";

    fn new() -> Self {
        Self::with_capacity(2 * KEYS as usize)
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        *self.pin().get_or_insert_with(key, compute)
    }
}

impl Keyed for moka::sync::Cache<u64, u64> {
    const NAME: &'static str = "moka";

    fn new() -> Self {
        Self::new(2 * KEYS)
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        self.get_with(key, compute)
    }
}

pub(super) type QuickCache = quick_cache::sync::Cache<u64, u64, UnitWeighter, RandomState>;

impl Keyed for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn new() -> Self {
        let hashes = RandomState::new();
        Self::with(
            2 * KEYS as usize,
            2 * KEYS,
            UnitWeighter,
            hashes,
            DefaultLifecycle::default(),
        )
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        let compute = || Ok::<_, std::convert::Infallible>(compute());
        let Ok(value) = self.get_or_insert_with(&key, compute);
        value
    }
}

impl Keyed for Cache<u64, u64> {
    const NAME: &'static str = crate::REFERENCE;

    fn new() -> Self {
        let built = Self::builder("squares").capacity(2 * KEYS).build();
        built.expect("it has a capacity")
    }

    #[inline(always)]
    fn get(&self, key: u64, compute: impl FnOnce() -> u64) -> u64 {
        let value = self.get_or_compute(key, |_| compute());
        value.expect("no value waits for itself")
    }
}

impl ComputesOnce for OnceMap<u64, u64> {}
impl ComputesOnce for DashMap<u64, u64> {}
impl ComputesOnce for moka::sync::Cache<u64, u64> {}
impl ComputesOnce for QuickCache {}

/// One operation: the value of one of many keys, all of which have theirs, with a step of choosing it.
pub(super) fn hit<M: Keyed>(slice: Duration) -> Vec<f64> {
    #[inline(never)]
    fn run<M: Keyed>(map: &M, state: &mut u64) -> Duration {
        let began = Instant::now();
        for _ in 0..BATCH {
            *state = steps(1, *state);
            let value = map.get(below(KEYS, *state), || unreachable!("it is there"));
            black_box(value);
        }
        began.elapsed()
    }

    let (map, mut state) = (M::new(), 1);
    for key in 0..KEYS {
        assert_eq!(map.get(key, || key * key), key * key);
    }
    vec![typical(slice, BATCH, || run(&map, &mut state))]
}
