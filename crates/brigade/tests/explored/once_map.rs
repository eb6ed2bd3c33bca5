//! A once-map is a map into which each key is put once.

use std::collections::BTreeMap;

use brigade::OnceMap;
use brigade_check::{Model, Rng, Strategy, linearizable};
use shuttle::thread;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Entries(BTreeMap<u8, u8>);

#[derive(Clone, Debug)]
enum Operation {
    Get(u8),
    /// With the value that the caller would compute.
    Compute(u8, u8),
    /// The same, but computing fails.
    Fail(u8),
    Forget(u8),
}
use Operation::{Compute, Fail, Forget, Get};

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Found(Option<u8>),
    /// By this very call.
    Computed(u8),
    Failed,
    Forgot,
}

impl Model for Entries {
    type Operation = Operation;
    type Outcome = Outcome;

    fn apply(&mut self, operation: &Operation) -> Outcome {
        match *operation {
            Get(key) => Outcome::Found(self.0.get(&key).copied()),
            Compute(key, value) if !self.0.contains_key(&key) => {
                self.0.insert(key, value);
                Outcome::Computed(value)
            }
            Fail(key) if !self.0.contains_key(&key) => Outcome::Failed,
            Compute(key, _) | Fail(key) => Outcome::Found(self.0.get(&key).copied()),
            Forget(key) => {
                self.0.remove(&key);
                Outcome::Forgot
            }
        }
    }

    fn key(operation: &Operation) -> Option<u64> {
        let (Get(key) | Compute(key, _) | Fail(key) | Forget(key)) = operation;
        Some(u64::from(*key))
    }
}

fn generate(rng: &mut Rng) -> Operation {
    let key = rng.u8(0..2);
    match rng.u8(0..6) {
        0 => Get(key),
        1 => Forget(key),
        2 => Fail(key),
        _ => Compute(key, rng.u8(..)),
    }
}

fn compute(map: &OnceMap<u8, u8>, key: u8, result: Result<u8, ()>) -> Outcome {
    let mut own = false;
    let found = map.try_get_or_compute(key, || {
        own = true;
        thread::yield_now();
        result
    });
    match found {
        Ok(value) if own => Outcome::Computed(value),
        Ok(value) => Outcome::Found(Some(value)),
        Err(_) => Outcome::Failed,
    }
}

fn apply(map: &OnceMap<u8, u8>, operation: &Operation) -> Outcome {
    match *operation {
        Get(key) => Outcome::Found(map.get(&key)),
        Compute(key, value) => compute(map, key, Ok(value)),
        Fail(key) => compute(map, key, Err(())),
        Forget(key) => {
            map.forget(&key);
            Outcome::Forgot
        }
    }
}

fn check(make: fn() -> OnceMap<u8, u8>, strategy: Strategy) {
    linearizable::<Entries>()
        .threads(3)
        .operations(3)
        .scenarios(100)
        .runs(100)
        .strategy(strategy)
        .generate(generate)
        .after([Get(0), Get(1)])
        .assert(make, apply);
}

#[test]
fn a_once_map_is_linearizable_as_a_map_whatever_the_schedule() {
    check(OnceMap::new, Strategy::Mixed);
}

#[test]
fn a_bounded_once_map_with_room_for_all_is_linearizable_too() {
    check(|| OnceMap::bounded(2), Strategy::Mixed);
}
