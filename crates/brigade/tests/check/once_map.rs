//! A once-map is a map into which each key is put once, whatever the number of threads that want it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use brigade::OnceMap;
use brigade_check::{Model, Rng, Worker, linearizable, point, stress};

use super::{repeated, scenarios};

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Entries(BTreeMap<u8, u8>);

#[derive(Clone, Debug)]
enum Operation {
    Get(u8),
    /// With the value that the caller would compute.
    Compute(u8, u8),
    Forget(u8),
}
use Operation::{Compute, Forget, Get};

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Missing,
    Found(u8),
    /// By this very call.
    Computed(u8),
    Forgot(bool),
}

/// Whoever forgets a key while it is being computed comes after its computation, which then was the first life of the key.
impl Model for Entries {
    type Operation = Operation;
    type Outcome = Outcome;

    fn apply(&mut self, operation: &Operation) -> Outcome {
        match *operation {
            Get(key) => self
                .0
                .get(&key)
                .map_or(Outcome::Missing, |value| Outcome::Found(*value)),
            Compute(key, value) => match self.0.get(&key) {
                Some(value) => Outcome::Found(*value),
                None => {
                    self.0.insert(key, value);
                    Outcome::Computed(value)
                }
            },
            Forget(key) => Outcome::Forgot(self.0.remove(&key).is_some()),
        }
    }

    fn key(operation: &Operation) -> Option<u64> {
        let (Get(key) | Compute(key, _) | Forget(key)) = operation;
        Some(u64::from(*key))
    }
}

fn generate(rng: &mut Rng) -> Operation {
    let key = rng.u8(0..2);
    match rng.u8(0..5) {
        0 => Get(key),
        1 => Forget(key),
        _ => Compute(key, rng.u8(..)),
    }
}

fn apply(map: &OnceMap<u8, u8>, operation: &Operation) -> Outcome {
    match *operation {
        Get(key) => map.get(&key).map_or(Outcome::Missing, Outcome::Found),
        Compute(key, value) => {
            let mut own = false;
            let compute = || {
                own = true;
                point("computing");
                value
            };
            let found = map.get_or_compute(key, compute).unwrap();
            if own {
                Outcome::Computed(found)
            } else {
                Outcome::Found(found)
            }
        }
        Forget(key) => Outcome::Forgot(map.forget(&key)),
    }
}

#[test]
fn a_once_map_is_linearizable_as_a_map() {
    linearizable::<Entries>()
        .threads(3)
        .operations(4)
        .scenarios(scenarios(20))
        .runs(100)
        .generate(generate)
        .after([Get(0), Get(1)])
        .assert(OnceMap::new, apply);
}

const KEYS: usize = 4;

/// How often each key was computed.
#[derive(Default)]
struct Computed([AtomicUsize; KEYS]);

/// Some of the computations fail, by an error or a panic; those that wait then try again.
#[test]
fn a_key_that_nobody_forgets_is_computed_once_whatever_fails() {
    let operate = |(map, computed): &(OnceMap<usize, usize>, Computed), worker: &mut Worker| {
        let (key, fails) = (worker.rng().usize(0..KEYS), worker.rng().u8(0..3) == 0);
        let compute = || {
            point("computing");
            if fails {
                return Err("as planned");
            }
            computed.0[key].fetch_add(1, SeqCst);
            Ok(key * 10)
        };
        match map.try_get_or_compute(key, compute) {
            Ok(value) if value == key * 10 => Ok(()),
            Err(brigade::cache::ComputeError::Failed("as planned")) if fails => Ok(()),
            other => Err(format!("{key}: {other:?}")),
        }
    };
    let finish = |(map, computed): (OnceMap<usize, usize>, Computed)| {
        for (key, times) in computed.0.iter().enumerate() {
            let times = times.load(SeqCst);
            assert_eq!(usize::from(map.get(&key).is_some()), times, "key {key}");
        }
    };
    stress().operations(20).iterations(repeated(2_000)).assert(
        || (OnceMap::new(), Computed::default()),
        operate,
        finish,
    );
}

#[test]
fn a_bounded_once_map_never_has_more_than_its_capacity() {
    const CAPACITY: usize = 3;
    let operate = |map: &OnceMap<u8, u8>, worker: &mut Worker| {
        let key = worker.rng().u8(0..10);
        let value = map.get_or_compute(key, || {
            point("computing");
            key * 2
        });
        assert_eq!(value, Ok(key * 2));
        let (length, values) = (map.len(), map.values().len());
        if length.max(values) > CAPACITY {
            return Err(format!("{length} values, {values} listed"));
        }
        Ok(())
    };
    stress().operations(20).iterations(repeated(2_000)).assert(
        || OnceMap::bounded(CAPACITY),
        operate,
        drop,
    );
}
