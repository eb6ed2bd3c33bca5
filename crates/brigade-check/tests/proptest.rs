//! Operations from strategies of proptest: the same from the same seed, and in a report the simplest that fail.
#![cfg(all(feature = "proptest", feature = "explore"))]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_check::{Failure, Finding, Kind, Linearizable, Model, linearizable, point};
use proptest::prelude::*;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Sum(u32);

impl Model for Sum {
    type Operation = u32;
    type Outcome = u32;

    fn apply(&mut self, step: &u32) -> u32 {
        self.0 = self.0.wrapping_add(*step);
        self.0
    }
}

/// Loses an update that is at least 10.
fn lose_ten(sum: &AtomicU32, step: &u32) -> u32 {
    if *step < 10 {
        return sum.fetch_add(*step, SeqCst).wrapping_add(*step);
    }
    let read = sum.load(SeqCst);
    point("read");
    sum.store(read.wrapping_add(*step), SeqCst);
    read.wrapping_add(*step)
}

fn sums() -> Linearizable<Sum> {
    linearizable::<Sum>().seed(1).operations_from(any::<u32>())
}

fn found(result: Result<brigade_check::Report, Failure>) -> Finding {
    let failure = result.unwrap_err();
    println!("{failure}");
    failure.finding().unwrap().clone()
}

/// The operations of a report, in the order of their texts.
fn operations(finding: &Finding) -> Vec<String> {
    let text = finding.to_string();
    let begun = text.lines().flat_map(|line| line.split(['┌', '╶']).skip(1));
    let operation = |begun: &str| begun.split(['│', '├', '└']).next().map(str::to_owned);
    let begun = begun.filter_map(operation);
    let operation = |begun: String| begun.split(" -> ").next().unwrap().trim().to_owned();
    let mut operations: Vec<String> = begun.map(operation).collect();
    operations.sort();
    operations
}

#[test]
fn a_bug_of_values_from_ten_on_is_told_with_ten_and_replayed_ten_times_of_ten() {
    let check = || sums().explore();
    let finding = found(check().check(|| AtomicU32::new(0), lose_ten));
    assert_eq!(finding.kind, Kind::Unexplained);
    assert_eq!(finding.operations, [1, 1]);
    // One of the two must lose, and the other change something.
    assert_eq!(operations(&finding), ["1", "10"]);
    let token = finding.token.clone().unwrap();
    assert!(token.len() < 80, "{token}");
    for _ in 0..10 {
        let again = found(check().replay(&token).check(|| AtomicU32::new(0), lose_ten));
        assert_eq!(again.reason, finding.reason);
        assert_eq!(again.token, finding.token);
    }
    // What was repaired since passes.
    let repaired = check().replay(&token).check(
        || AtomicU32::new(0),
        |sum, step| {
            point("before");
            sum.fetch_add(*step, SeqCst).wrapping_add(*step)
        },
    );
    assert!(matches!(repaired, Ok(_) | Err(Failure::TokenMismatch(_))));
}

#[test]
fn real_threads_find_it_with_small_values_too() {
    // What every run shows is what luck has no part in.
    let check = sums().runs(20).hang_limit(Duration::from_secs(60));
    let finding = found(check.check(
        || AtomicU32::new(0),
        |sum, step| match *step {
            0..10 => sum.fetch_add(*step, SeqCst) + step,
            _ => 7,
        },
    ));
    assert_eq!(finding.operations, [1]);
    assert_eq!(operations(&finding), ["10"]);
    assert_eq!(finding.token, None);
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Nothing;

impl Model for Nothing {
    type Operation = (u32, u8);
    type Outcome = ();

    fn apply(&mut self, _: &(u32, u8)) {}
}

#[test]
fn what_fails_on_one_thread_alone_has_simple_values_too() {
    for seed in 0..5 {
        let check = linearizable::<Nothing>().seed(seed).threads(3).runs(20);
        let check = check.operations_from((0..1_000_u32, 0..6_u8));
        let finding = found(check.check(|| (), |(), (_, key)| assert_ne!(*key, 5)));
        assert_eq!(finding.kind, Kind::Panicked);
        assert_eq!(finding.operations, [1]);
        assert!(finding.reason.contains("(0, 5)"), "{finding}");
    }
}

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

#[test]
fn what_operations_are_made_of_may_itself_be_generated() {
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    struct Longest(usize);
    impl Model for Longest {
        type Operation = Vec<u16>;
        type Outcome = usize;
        fn apply(&mut self, values: &Vec<u16>) -> usize {
            self.0 = self.0.max(values.len());
            self.0
        }
    }
    let values =
        (0..6_usize).prop_flat_map(|length| proptest::collection::vec(any::<u16>(), length));
    let check = || {
        linearizable::<Longest>()
            .seed(3)
            .explore()
            .operations_from(values.clone())
    };
    let longest = |longest: &AtomicU32, values: &Vec<u16>| {
        assert!(!values.iter().any(|&value| value >= 300), "a large one");
        let length = u32::try_from(values.len()).unwrap();
        longest.fetch_max(length, SeqCst).max(length) as usize
    };
    let finding = found(check().check(|| AtomicU32::new(0), longest));
    assert_eq!(
        (finding.kind, &finding.operations[..]),
        (Kind::Panicked, &[1][..])
    );
    assert!(finding.reason.contains("300"), "{finding}");
    let token = finding.token.clone().unwrap();
    let again = found(check().replay(token).check(|| AtomicU32::new(0), longest));
    assert_eq!(again.reason, finding.reason);
}

/// All operations of a check that passes, sorted: threads of the system come in any order.
fn operations_of(seed: u64, stress: bool) -> Vec<u32> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let check = linearizable::<Sum>()
        .seed(seed)
        .scenarios(5)
        .runs(1)
        .operations_from(any::<u32>());
    let check = if stress {
        check
    } else {
        // Not the default, which runs parts of them, too.
        check.strategy(brigade_check::Strategy::Random)
    };
    let report = check.check(
        || AtomicU32::new(0),
        move |sum, step| {
            notes.lock().unwrap().push(*step);
            sum.fetch_add(*step, SeqCst).wrapping_add(*step)
        },
    );
    assert_eq!(report.unwrap().runs, 5);
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort_unstable();
    seen
}

#[test]
fn a_seed_gives_the_same_operations_whoever_runs_them() {
    let first = operations_of(17, false);
    assert_eq!(first.len(), 5 * 2 * 3);
    assert_eq!(first, operations_of(17, false));
    assert_eq!(first, operations_of(17, true));
    assert_ne!(first, operations_of(18, false));
}

#[test]
fn a_seed_gives_the_same_operations_on_every_machine() {
    // Two of them, so that a change would be noticed: tokens of old reports would no longer fit.
    let operations = operations_of(17, false);
    assert_eq!(operations[..2], [34_383_070, 340_978_924]);
}

#[test]
fn a_strategy_that_rejects_nearly_all_is_a_failure_that_names_its_filter() {
    // Not to be cloned: a cloned filter has lost its name.
    let rejects = || (0..1_000_u32).prop_filter("only above all", |&step| step > 1_000);
    for check in [sums(), sums().explore()] {
        let failure = check
            .operations_from(rejects())
            .check(|| AtomicU32::new(0), lose_ten)
            .unwrap_err();
        let Failure::StrategyGaveUp(reason) = &failure else {
            panic!("{failure}")
        };
        assert!(reason.contains("only above all"), "{reason}");
        assert!(failure.to_string().contains("prop_map"), "{failure}");
    }
}

#[test]
fn filtered_values_stay_within_their_filter() {
    let others = || (0..1_000_u32).prop_filter("no thirds", |step| step % 3 != 0);
    let check = || sums().explore().operations_from(others());
    let finding = found(check().check(|| AtomicU32::new(0), lose_ten));
    let operations = operations(&finding);
    assert_eq!(operations.len(), 2);
    for operation in operations {
        let value: u32 = operation.parse().unwrap();
        assert_ne!(value % 3, 0);
    }
    let token = finding.token.unwrap();
    let again = found(check().replay(token).check(|| AtomicU32::new(0), lose_ten));
    assert_eq!(again.reason, finding.reason);
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

/// Numbers whose tree panics when asked for something smaller than 100.
#[derive(Debug, Clone)]
struct Panicking;

struct PanickingTree(u32);

impl Strategy for Panicking {
    type Tree = PanickingTree;
    type Value = u32;

    fn new_tree(&self, _: &mut TestRunner) -> NewTree<Self> {
        Ok(PanickingTree(105))
    }
}

impl ValueTree for PanickingTree {
    type Value = u32;

    fn current(&self) -> u32 {
        self.0
    }

    fn simplify(&mut self) -> bool {
        assert!(self.0 > 100, "nothing is smaller");
        self.0 -= 1;
        true
    }

    fn complicate(&mut self) -> bool {
        false
    }
}

#[test]
fn a_strategy_that_panics_while_it_simplifies_loses_nothing() {
    let check = || sums().explore().operations_from(Panicking);
    let finding = found(check().check(|| AtomicU32::new(0), lose_ten));
    assert_eq!(operations(&finding), ["100", "100"]);
    let token = finding.token.clone().unwrap();
    let again = found(check().replay(token).check(|| AtomicU32::new(0), lose_ten));
    assert_eq!(again.reason, finding.reason);
}

/// A sum that no value between 10 and 20 may be added to.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Choosy(Sum);

impl Model for Choosy {
    type Operation = u32;
    type Outcome = u32;

    fn apply(&mut self, step: &u32) -> u32 {
        assert!(!(10..20).contains(step), "not {step}");
        self.0.apply(step)
    }
}

#[test]
fn a_model_that_panics_at_some_values_stops_no_others_from_becoming_simpler() {
    let check = || linearizable::<Choosy>().operations_from(any::<u32>());
    for check in [check().runs(20), check().explore()] {
        let finding = found(check.check(
            || AtomicU32::new(0),
            |sum, step| match *step {
                0..10 => sum.fetch_add(*step, SeqCst).wrapping_add(*step),
                _ => 7,
            },
        ));
        assert_eq!(finding.kind, Kind::Unexplained);
        assert_eq!(operations(&finding), ["20"]);
    }
}

#[test]
fn a_hang_at_simpler_values_is_met_once_and_does_not_hide_what_was_found() {
    let hangs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&hangs);
    let check = sums().explore().hang_limit(Duration::from_secs(2));
    let finding = found(check.check(
        || AtomicU32::new(0),
        move |sum, step| {
            if *step < 20 {
                count.fetch_add(1, SeqCst);
                loop {
                    std::thread::park();
                }
            }
            lose_ten(sum, step)
        },
    ));
    assert_eq!(finding.kind, Kind::Unexplained);
    assert_eq!(operations(&finding).len(), 2);
    assert_eq!(hangs.load(SeqCst), 1);
}

#[test]
fn what_is_drawn_at_random_goes_along_with_small_values() {
    use shuttle::rand::{Rng, thread_rng};
    let lose_at_random = |sum: &AtomicU32, step: &u32| match thread_rng().r#gen::<bool>() {
        true => lose_ten(sum, step),
        false => sum.fetch_add(*step, SeqCst).wrapping_add(*step),
    };
    let check = || sums().explore();
    let finding = found(check().check(|| AtomicU32::new(0), lose_at_random));
    assert_eq!(operations(&finding), ["1", "10"]);
    let token = finding.token.clone().unwrap();
    let again = check().replay(token);
    let again = found(again.check(|| AtomicU32::new(0), lose_at_random));
    assert_eq!(again.reason, finding.reason);
}

#[test]
fn nothing_of_the_strategy_is_left_when_a_check_has_ended() {
    let witness = Arc::new(());
    for broken in [false, true] {
        let within = Arc::clone(&witness);
        let steps = any::<u32>().prop_map(move |step| {
            let _ = &within;
            step
        });
        let check = sums().explore().scenarios(2).operations_from(steps);
        let checked = check.check(
            || AtomicU32::new(0),
            move |sum, step| match broken {
                true => lose_ten(sum, step),
                false => {
                    point("before");
                    sum.fetch_add(*step, SeqCst).wrapping_add(*step)
                }
            },
        );
        assert_eq!(checked.is_err(), broken);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}

#[test]
fn a_token_of_simplified_values_does_not_fit_another_source() {
    let finding = found(sums().explore().check(|| AtomicU32::new(0), lose_ten));
    let token = finding.token.unwrap();
    for other in [
        sums().generate(|rng| rng.u32(..)),
        sums().operations_from(0..100_u32),
    ] {
        let replayed = other.replay(&token).check(|| AtomicU32::new(0), lose_ten);
        assert!(
            matches!(replayed, Err(Failure::TokenMismatch(_))),
            "{replayed:?}"
        );
    }
}

#[test]
fn values_that_were_given_are_left_as_they_are() {
    let check = sums().explore().operations_from(1..100_u32).before([1_000]);
    let check = check.check_and_finish(
        || AtomicU32::new(0),
        |sum, step| sum.fetch_add(*step, SeqCst).wrapping_add(*step),
        |sum| match sum.load(SeqCst) {
            ..1_000 => Ok(()),
            sum => Err(format!("{sum} in all")),
        },
    );
    let finding = found(check);
    assert_eq!(
        (finding.kind, &finding.operations[..]),
        (Kind::Broken, &[1][..])
    );
    assert_eq!(operations(&finding), ["1", "1000"]);
}

#[cfg(feature = "macros")]
#[brigade_check::test(stress, explore)]
#[should_panic(expected = "-> 7, expected 10")]
fn the_attribute_gives_a_check_that_takes_a_strategy(check: Linearizable<Sum>) {
    check.operations_from(any::<u32>()).assert(
        || AtomicU32::new(0),
        |sum, step| match *step {
            0..10 => sum.fetch_add(*step, SeqCst) + step,
            _ => 7,
        },
    );
}
