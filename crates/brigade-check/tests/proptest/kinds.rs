//! Kinds of strategies: made of others, filtered, bound to one thread, broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use brigade_check::{Failure, Kind, Model, linearizable, point};
use proptest::prelude::*;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;

use crate::{found, lose_ten, operations, sums};

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

/// The operations reported of a strategy that may not leave the thread it was made on, by both ways.
fn of_one_thread<S: Strategy<Value = u32> + 'static>(make: fn() -> S) -> [Vec<String>; 2] {
    let explored = || sums().explore().operations_from_fn(make);
    let finding = found(explored().check(|| AtomicU32::new(0), lose_ten));
    let token = finding.token.clone().unwrap();
    let again = explored().replay(&token);
    let again = found(again.check(|| AtomicU32::new(0), lose_ten));
    assert_eq!(
        (again.reason, again.token),
        (finding.reason.clone(), Some(token))
    );
    let stressed = sums().runs(20).operations_from_fn(make).check(
        || AtomicU32::new(0),
        |sum, step| match *step {
            0..10 => sum.fetch_add(*step, SeqCst) + step,
            _ => 7,
        },
    );
    [finding, found(stressed)].map(|finding| operations(&finding))
}

#[test]
fn strategies_that_cannot_be_sent_come_from_a_closure() {
    let simplest = [vec!["1", "10"], vec!["10"]];
    assert_eq!(of_one_thread(|| any::<u32>().boxed()), simplest);
    let sums = || {
        let sum = |steps: Vec<u32>| steps.into_iter().fold(0, u32::wrapping_add);
        let sums = move |steps| proptest::collection::vec(steps, 1..4).prop_map(sum);
        any::<u32>().prop_recursive(3, 9, 3, sums)
    };
    assert_eq!(of_one_thread(sums), simplest);
    let one_of_eleven = || {
        prop_oneof![
            Just(1),
            Just(2),
            Just(3),
            Just(4),
            Just(5),
            Just(6),
            Just(7),
            Just(8),
            Just(9),
            10..20_u32,
            10..30_u32
        ]
    };
    assert_eq!(of_one_thread(one_of_eleven), simplest);
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
