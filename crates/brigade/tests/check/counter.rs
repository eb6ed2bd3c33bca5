//! What the sums of striped counters are worth while others add.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use brigade::{Counter, Gauge};
use brigade_check::{Criterion, Linearizable, Model, Rng, Worker, linearizable, stress};

use super::{repeated, scenarios};

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u64);

#[derive(Clone, Debug)]
enum Operation {
    Add(u64),
    Sum,
    Take,
}
use Operation::{Add, Sum, Take};

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
            Take => std::mem::take(&mut self.0),
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
        Take => counter.take(),
    }
}

fn check(generate: fn(&mut Rng) -> Operation) -> Linearizable<Count> {
    linearizable::<Count>()
        .threads(3)
        .operations(4)
        .scenarios(scenarios(20))
        .runs(100)
        .generate(generate)
}

/// A sum sees each stripe at another moment; but as the count only grows, and by one, it was each number between
/// that at the call and that at the return.
#[test]
fn sums_beside_increments_are_linearizable() {
    check(|rng| if rng.u8(0..3) > 0 { Add(1) } else { Sum })
        .after([Sum])
        .assert(Counter::new, apply);
}

/// Not linearizable: a sum may have an addition and not another that came before it. Nor do overlapping takes keep to
/// any order, for each gets some of the stripes; here they come one by one.
#[test]
fn sums_and_takes_one_by_one_beside_additions_are_quiescently_consistent() {
    let one_by_one = |(counter, reading): &(Counter, Mutex<()>), operation: &Operation| {
        let _alone = match operation {
            Add(_) => None,
            Sum | Take => Some(reading.lock().unwrap()),
        };
        apply(counter, operation)
    };
    let generate = |rng: &mut Rng| match rng.u8(0..4) {
        0 => Sum,
        1 => Take,
        _ => Add(rng.u64(1..9)),
    };
    check(generate)
        .criterion(Criterion::QuiescentlyConsistent)
        .after([Sum])
        .assert(|| (Counter::new(), Mutex::default()), one_by_one);
}

#[test]
fn each_addition_is_in_one_take_however_many_take_at_once() {
    let operate = |(counter, adding, taken): &(Counter, Adding, AtomicU64), worker: &mut Worker| {
        if worker.rng().u8(0..4) > 0 {
            adding.add(worker.rng().u64(1..1_000), |amount| counter.add(amount));
        } else {
            taken.fetch_add(counter.take(), SeqCst);
        }
    };
    let finish = |(counter, adding, taken): (Counter, Adding, AtomicU64)| {
        let left = counter.take();
        assert_eq!(taken.into_inner() + left, adding.completed.into_inner());
    };
    stress()
        .iterations(repeated(2_000))
        .assert(Default::default, operate, finish);
}

/// What additions were begun and completed, beside the counter that is checked.
#[derive(Default)]
struct Adding {
    begun: AtomicU64,
    completed: AtomicU64,
}

impl Adding {
    fn add(&self, amount: u64, add: impl FnOnce(u64)) {
        self.begun.fetch_add(amount, SeqCst);
        add(amount);
        self.completed.fetch_add(amount, SeqCst);
    }
}

#[test]
fn a_sum_lies_between_what_was_complete_and_what_was_begun() {
    let operate = |(counter, adding): &(Counter, Adding), worker: &mut Worker| {
        if worker.rng().u8(0..4) > 0 {
            adding.add(worker.rng().u64(1..1_000), |amount| counter.add(amount));
            return Ok(());
        }
        let complete = adding.completed.load(SeqCst);
        let sum = counter.sum();
        let begun = adding.begun.load(SeqCst);
        if (complete..=begun).contains(&sum) {
            Ok(())
        } else {
            Err(format!("{sum} is not between {complete} and {begun}"))
        }
    };
    let finish = |(counter, adding): (Counter, Adding)| {
        assert_eq!(counter.sum(), adding.completed.into_inner());
    };
    stress().iterations(repeated(2_000)).assert(
        || (Counter::new(), Adding::default()),
        operate,
        finish,
    );
}

#[test]
fn a_gauge_lies_between_what_the_raises_and_the_lowerings_allow() {
    type Bench = (Gauge, Adding, Adding);
    let operate = |(gauge, raises, lowerings): &Bench, worker: &mut Worker| {
        let amount = worker.rng().u64(1..1_000);
        let step = amount.cast_signed();
        match worker.rng().u8(0..6) {
            0 | 1 => raises.add(amount, |_| gauge.add(step)),
            2 => lowerings.add(amount, |_| gauge.add(-step)),
            3 | 4 => lowerings.add(amount, |_| gauge.subtract(step)),
            _ => {
                let (raised, lowered) = (
                    raises.completed.load(SeqCst),
                    lowerings.completed.load(SeqCst),
                );
                let sum = gauge.sum();
                let least = raised.cast_signed() - lowerings.begun.load(SeqCst).cast_signed();
                let most = raises.begun.load(SeqCst).cast_signed() - lowered.cast_signed();
                if !(least..=most).contains(&sum) {
                    return Err(format!("{sum} is not between {least} and {most}"));
                }
            }
        }
        Ok(())
    };
    let finish = |(gauge, raises, lowerings): Bench| {
        let exact = raises.completed.into_inner().cast_signed()
            - lowerings.completed.into_inner().cast_signed();
        assert_eq!(gauge.sum(), exact);
    };
    stress()
        .iterations(repeated(2_000))
        .assert(Default::default, operate, finish);
}
