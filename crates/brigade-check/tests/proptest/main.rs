//! Operations from strategies of proptest: the same from the same seed, and in a report the simplest that fail.
#![cfg(all(feature = "proptest", feature = "explore"))]

mod kinds;
mod seeds;
mod simplest;
mod together;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use brigade_check::{Failure, Finding, Linearizable, Model, Report, linearizable, point};
use proptest::prelude::any;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sum(u32);

impl Model for Sum {
    type Operation = u32;
    type Outcome = u32;

    fn apply(&mut self, step: &u32) -> u32 {
        self.0 = self.0.wrapping_add(*step);
        self.0
    }
}

/// Loses an update that is at least 10.
pub(crate) fn lose_ten(sum: &AtomicU32, step: &u32) -> u32 {
    if *step < 10 {
        return sum.fetch_add(*step, SeqCst).wrapping_add(*step);
    }
    let read = sum.load(SeqCst);
    point("read");
    sum.store(read.wrapping_add(*step), SeqCst);
    read.wrapping_add(*step)
}

pub(crate) fn sums() -> Linearizable<Sum> {
    linearizable::<Sum>().seed(1).operations_from(any::<u32>())
}

pub(crate) fn found(result: Result<Report, Failure>) -> Finding {
    let failure = result.unwrap_err();
    println!("{failure}");
    failure.finding().unwrap().clone()
}

/// The operations of a report, in the order of their texts.
pub(crate) fn operations(finding: &Finding) -> Vec<String> {
    let text = finding.to_string();
    let begun = text.lines().flat_map(|line| line.split(['┌', '╶']).skip(1));
    let operation = |begun: &str| begun.split(['│', '├', '└']).next().map(str::to_owned);
    let begun = begun.filter_map(operation);
    let operation = |begun: String| begun.split(" -> ").next().unwrap().trim().to_owned();
    let mut operations: Vec<String> = begun.map(operation).collect();
    operations.sort();
    operations
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
