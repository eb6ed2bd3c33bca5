//! Values that are only simple together with those of other operations.

use std::collections::BTreeMap;
use std::sync::Mutex;

use brigade_check::{Linearizable, Model, linearizable, point};
use proptest::prelude::*;

use crate::{found, operations};

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Table(BTreeMap<u8, u8>);

#[derive(Clone, Debug)]
enum Operation {
    /// A value under a key, unless there is one already.
    Insert(u8, u8),
    Remove(u8),
    Get(u8),
}
use Operation::{Get, Insert, Remove};

impl Model for Table {
    type Operation = Operation;
    type Outcome = Option<u8>;

    fn apply(&mut self, operation: &Operation) -> Option<u8> {
        match *operation {
            Insert(key, value) => match self.0.get(&key) {
                Some(&old) => Some(old),
                None => self.0.insert(key, value),
            },
            Remove(key) => self.0.remove(&key),
            Get(key) => self.0.get(&key).copied(),
        }
    }
}

/// Looks, then inserts: two of one key may both find nothing.
fn check_then_act(table: &Mutex<BTreeMap<u8, u8>>, operation: &Operation) -> Option<u8> {
    match *operation {
        Insert(key, value) => {
            let old = table.lock().unwrap().get(&key).copied();
            point("looked");
            match old {
                Some(old) => Some(old),
                None => {
                    table.lock().unwrap().insert(key, value);
                    None
                }
            }
        }
        Remove(key) => table.lock().unwrap().remove(&key),
        Get(key) => table.lock().unwrap().get(&key).copied(),
    }
}

fn table() -> Linearizable<Table> {
    let key = || 0..8_u8;
    linearizable::<Table>()
        .explore()
        .operations_from(prop_oneof![
            key().prop_map(Get),
            key().prop_map(Remove),
            (any::<u8>(), key()).prop_map(|(value, key)| Insert(key, value)),
        ])
}

#[test]
fn keys_that_clash_become_zero_together() {
    for seed in 0..5 {
        let check = || table().seed(seed);
        let finding = found(check().check(Mutex::default, check_then_act));
        assert_eq!(operations(&finding), ["Insert(0, 0)", "Insert(0, 0)"]);
        assert_eq!(finding.operations, [1, 1]);
        let token = finding.token.unwrap();
        let again = found(check().replay(token).check(Mutex::default, check_then_act));
        assert_eq!(again.reason, finding.reason);
    }
}

/// The smallest operations found, from each of some seeds, to be `wrong` when all are in a bag at the end.
fn bags<O: std::fmt::Debug + Clone + Send + Sync + Eq + std::hash::Hash + 'static>(
    strategy: impl Strategy<Value = O> + Clone + Send + Sync + 'static,
    wrong: fn(&[O]) -> bool,
) -> Vec<Vec<String>> {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Bag<O>(std::marker::PhantomData<O>);
    impl<O: std::fmt::Debug + Clone + Eq + std::hash::Hash> Model for Bag<O> {
        type Operation = O;
        type Outcome = ();
        fn apply(&mut self, _: &O) {}
    }
    let smallest = |seed: u64| {
        let check = Linearizable::from_state(Bag(std::marker::PhantomData)).seed(seed);
        let check = check.threads(3).operations(2).explore();
        let result = check.operations_from(strategy.clone()).check_and_finish(
            Mutex::default,
            |bag: &Mutex<Vec<O>>, operation: &O| bag.lock().unwrap().push(operation.clone()),
            move |bag| match wrong(&bag.into_inner().unwrap()) {
                true => Err("wrong"),
                false => Ok(()),
            },
        );
        operations(&found(result))
    };
    (10..15).map(smallest).collect()
}

#[test]
fn values_are_as_small_as_those_of_the_other_operations_allow() {
    let apart = bags(0..100_u32, |values| {
        values.iter().max() > values.iter().min().map(|least| least + 20).as_ref()
    });
    assert_eq!(apart, [(); 5].map(|()| ["0", "21"]));
    let together = bags(0..9_u32, |values| values.iter().sum::<u32>() >= 10);
    for values in together {
        let values = values.iter().map(|value| value.parse::<u32>().unwrap());
        assert_eq!(values.sum::<u32>(), 10);
    }
    // The largest is less than the sum of the others: 2, 2 and 2, say.
    let triangles = bags(1..1_000_u32, |values| {
        let most = values.iter().max().copied().unwrap_or(0);
        values.len() > 2 && 2 * most < values.iter().sum()
    });
    for sides in triangles {
        assert!(sides.iter().all(|side| side.len() < 3), "{sides:?}");
    }
}

#[test]
fn values_that_depend_on_each_other_are_made_smaller_together() {
    // Each of two could have what it takes, but not both.
    let stock = bags(1..100_u32, |values| {
        let others = |place: usize| values[..place].iter().chain(&values[place + 1..]);
        let oversold = |place: usize| {
            let within: Vec<&u32> = others(place)
                .filter(|&&taken| taken <= values[place])
                .collect();
            within.len() > 1 && within.into_iter().sum::<u32>() > values[place]
        };
        (0..values.len()).any(oversold)
    });
    assert_eq!(stock, [(); 5].map(|()| ["1", "1", "1"]));
}

#[test]
fn what_three_operations_have_in_common_becomes_zero_at_once() {
    // Three of one key, and a value of 50 that has another operation.
    let thrice = bags((0..100_u32, 0..4_u8), |pairs| {
        let others = |place: usize| pairs[..place].iter().chain(&pairs[place + 1..]);
        let thrice = |place| {
            others(place)
                .any(|(_, key)| others(place).filter(|(_, other)| other == key).count() > 2)
        };
        (0..pairs.len()).any(|place| pairs[place].0 >= 50 && thrice(place))
    });
    assert_eq!(
        thrice,
        [(); 5].map(|()| ["(0, 0)", "(0, 0)", "(0, 0)", "(50, 0)"])
    );
}

#[test]
fn a_key_goes_along_with_another_though_a_part_before_it_cannot() {
    let clash = bags((0..100_u32, 0..6_u8), |pairs| {
        let others = |place: usize| pairs[..place].iter().chain(&pairs[place + 1..]);
        let clash = |place: usize| others(place).any(|(_, key)| *key == pairs[place].1);
        (0..pairs.len()).any(|place| pairs[place].0 >= 33 && clash(place))
    });
    assert_eq!(clash, [(); 5].map(|()| ["(0, 0)", "(33, 0)"]));
}
