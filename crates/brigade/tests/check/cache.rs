//! A cache is a map that may lose entries, but has never too many, and gives nothing old after it was told to forget it.

use std::collections::BTreeMap;

use brigade::cache::Cache;
use brigade_check::{Linearizable, Model, Rng, Worker, linearizable, point, stress};

use super::{repeated, scenarios};

#[derive(Clone, Debug)]
enum Operation {
    Get(u8),
    /// With the value that the caller would load.
    Load(u8, u8),
    Invalidate(u8),
}
use Operation::{Get, Invalidate, Load};

fn key(operation: &Operation) -> u8 {
    let (Get(key) | Load(key, _) | Invalidate(key)) = operation;
    *key
}

/// What a call got, and whether it loaded that itself.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    value: Option<u8>,
    loaded: bool,
}

fn apply(cache: &Cache<u8, u8>, operation: &Operation) -> Got {
    let mut loaded = false;
    let value = match *operation {
        Get(key) => cache.get(&key),
        Load(key, value) => {
            let load = |_: &u8| {
                loaded = true;
                point("loading");
                value
            };
            Some(cache.get_or_compute(key, load).unwrap())
        }
        Invalidate(key) => {
            cache.invalidate(&key);
            None
        }
    };
    Got { value, loaded }
}

fn generate(rng: &mut Rng, keys: u8) -> Operation {
    let key = rng.u8(0..keys);
    match rng.u8(0..5) {
        0 | 1 => Get(key),
        2 => Invalidate(key),
        _ => Load(key, rng.u8(..)),
    }
}

fn cache(capacity: u64) -> Cache<u8, u8> {
    let cache = Cache::builder("checked").capacity(capacity);
    cache.build().unwrap()
}

fn check<M: Model<Operation = Operation> + Default>() -> Linearizable<M> {
    linearizable::<M>()
        .threads(3)
        .operations(4)
        .scenarios(scenarios(20))
        .runs(100)
}

/// A cache with room for all, of which nothing is invalidated.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Entries(BTreeMap<u8, u8>);

impl Model for Entries {
    type Operation = Operation;
    type Outcome = Got;

    fn apply(&mut self, operation: &Operation) -> Got {
        let present = self.0.get(&key(operation)).copied();
        match *operation {
            Get(_) => Got {
                value: present,
                loaded: false,
            },
            Load(key, value) => Got {
                value: Some(*self.0.entry(key).or_insert(value)),
                loaded: present.is_none(),
            },
            Invalidate(_) => unreachable!("it is not generated"),
        }
    }

    fn key(operation: &Operation) -> Option<u64> {
        Some(u64::from(key(operation)))
    }
}

#[test]
fn a_cache_that_evicts_nothing_is_linearizable_as_a_map() {
    let generate = |rng: &mut Rng| match generate(rng, 2) {
        Invalidate(key) => Get(key),
        other => other,
    };
    check::<Entries>()
        .generate(generate)
        .after([Get(0), Get(1)])
        .assert(|| cache(1_000), apply);
}

/// A cache that may have lost any entry at any time, for its bound, or as it was loaded while the key was invalidated: what is known are the values that were loaded for a key since it
/// was last invalidated, and of these a call may get any, or none.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Candidates(BTreeMap<u8, Vec<u8>>);

#[derive(Clone, Debug)]
enum Seen {
    Any { of: Vec<u8>, or_none: bool },
    One(Option<u8>),
}

/// What was seen equals what may be.
impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(one), Self::One(other)) => one == other,
            (Self::Any { of, or_none }, Self::One(seen))
            | (Self::One(seen), Self::Any { of, or_none }) => {
                seen.map_or(*or_none, |value| of.contains(&value))
            }
            (
                Self::Any { of, or_none },
                Self::Any {
                    of: of_other,
                    or_none: or_none_other,
                },
            ) => (of, or_none) == (of_other, or_none_other),
        }
    }
}

impl Model for Candidates {
    type Operation = Operation;
    type Outcome = Seen;

    fn apply(&mut self, operation: &Operation) -> Seen {
        let known = self.0.entry(key(operation)).or_default();
        match *operation {
            Get(_) => Seen::Any {
                of: known.clone(),
                or_none: true,
            },
            Load(_, value) => {
                if !known.contains(&value) {
                    known.push(value);
                }
                known.sort_unstable();
                Seen::Any {
                    of: known.clone(),
                    or_none: false,
                }
            }
            Invalidate(_) => {
                known.clear();
                Seen::One(None)
            }
        }
    }

    fn key(operation: &Operation) -> Option<u64> {
        Some(u64::from(key(operation)))
    }
}

#[test]
fn a_cache_that_evicts_gives_nothing_that_was_invalidated() {
    check::<Candidates>()
        .generate(|rng| generate(rng, 4))
        .assert(
            || cache(2),
            |cache, operation| Seen::One(apply(cache, operation).value),
        );
}

#[test]
fn a_cache_never_has_more_than_its_capacity() {
    const CAPACITY: u64 = 3;
    let operate = |cache: &Cache<u8, u8>, worker: &mut Worker| {
        apply(cache, &generate(worker.rng(), 12));
        let (entries, metrics) = (cache.len(), cache.metrics());
        if entries.max(metrics.entries) as u64 > CAPACITY || metrics.weight > CAPACITY {
            return Err(format!("{entries} entries; {metrics}"));
        }
        Ok(())
    };
    stress()
        .iterations(repeated(200))
        .assert(|| cache(CAPACITY), operate, drop);
}
