//! What the documentation of the striped counter says about its sums.

use std::sync::Arc;

use brigade::Counter;
use brigade_check::{Kind, Linearizable, Model, Rng, explore, linearizable};
use shuttle::thread;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u64);

#[derive(Clone, Debug)]
enum Operation {
    Add(u64),
    Sum,
}
use Operation::{Add, Sum};

impl Model for Count {
    type Operation = Operation;
    type Outcome = u64;

    fn apply(&mut self, operation: &Operation) -> u64 {
        match operation {
            Add(amount) => {
                self.0 += amount;
                0
            }
            Sum => self.0,
        }
    }
}

fn apply(counter: &Counter, operation: &Operation) -> u64 {
    match operation {
        Add(amount) => {
            counter.add(*amount);
            0
        }
        Sum => counter.sum(),
    }
}

fn check(generate: fn(&mut Rng) -> Operation) -> Linearizable<Count> {
    linearizable::<Count>()
        .threads(3)
        .scenarios(100)
        .runs(200)
        .explore()
        .generate(generate)
        .after([Sum])
}

#[test]
fn sums_beside_increments_are_linearizable() {
    check(|rng| if rng.bool() { Add(1) } else { Sum }).assert(Counter::new, apply);
}

#[test]
fn sums_beside_additions_of_different_amounts_are_not() {
    let different = |rng: &mut Rng| if rng.bool() { Add(rng.u64(1..9)) } else { Sum };
    let check = || check(different).scenarios(10_000);
    let found = check().check(Counter::new, apply);
    let failure = found.expect_err("the documentation says less than is true");
    let finding = failure.finding().unwrap();
    assert_eq!(finding.kind, Kind::Unexplained);
    // Which of the threads' parts is read first is the same again.
    for _ in 0..10 {
        let token = finding.token.clone().unwrap();
        let again = check().replay(token).check(Counter::new, apply);
        let again = again.expect_err("the same schedule fails again");
        assert_eq!(again.finding().unwrap().reason, finding.reason);
    }
}

/// So that they are not quiescently consistent either.
#[test]
fn two_sums_at_once_may_each_have_another_addition() {
    let failure = explore().schedules(1_000_000).check(|| {
        let counter = Arc::new(Counter::new());
        let start = |operation: fn(&Counter) -> u64| {
            let counter = Arc::clone(&counter);
            thread::spawn(move || operation(&counter))
        };
        let sum = start(|counter| counter.sum());
        let add_and_sum = start(|counter| {
            counter.add(1);
            counter.sum()
        });
        // The youngest: its part is read after that of the other one that adds.
        let add = start(|counter| {
            counter.add(2);
            0
        });
        add.join().unwrap();
        match (sum.join().unwrap(), add_and_sum.join().unwrap()) {
            (2, 1) => Err("seen"),
            _ => Ok(()),
        }
    });
    let failure = failure.expect_err("the documentation says less than is true");
    assert_eq!(failure.finding().unwrap().kind, Kind::Broken);
}
