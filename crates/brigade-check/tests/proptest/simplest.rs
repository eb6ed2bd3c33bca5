//! The simplest values with which a scenario still fails, whatever the thing and its model do on the way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use brigade_check::{Failure, Kind, Model, linearizable, point};
use proptest::prelude::any;

use crate::{Sum, found, lose_ten, operations, sums};

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
