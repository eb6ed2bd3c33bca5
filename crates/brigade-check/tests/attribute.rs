//! The attribute: which tests it makes, and that they run the check. Also run with `--cfg shuttle`.
#![cfg(feature = "macros")]

use std::process::{Command, Output};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use brigade_check::{Explore, Linearizable, Model, Stress, point};

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u32);

impl Model for Count {
    type Operation = u32;
    type Outcome = u32;

    fn apply(&mut self, step: &u32) -> u32 {
        self.0 += step;
        self.0
    }
}

fn lose_an_update(sum: &AtomicU32, step: &u32) -> u32 {
    let read = sum.load(SeqCst);
    point("read");
    sum.store(read + step, SeqCst);
    read + step
}

#[brigade_check::test(stress, explore)]
fn a_correct_sum_passes(check: Linearizable<Count>) {
    let check = check.scenarios(10).generate(|rng| rng.u32(1..4));
    check.assert(
        || AtomicU32::new(0),
        |sum, step| {
            point("before");
            sum.fetch_add(*step, SeqCst) + step
        },
    );
}

#[brigade_check::test(explore)]
#[should_panic(expected = "BRIGADE_CHECK_REPLAY=bc2-")]
fn a_lost_update_fails_with_its_token(check: Linearizable<Count>) {
    check
        .generate(|rng| rng.u32(1..4))
        .assert(|| AtomicU32::new(0), lose_an_update);
}

#[brigade_check::test(stress)]
#[should_panic(expected = "BRIGADE_CHECK_SEED=")]
fn a_wrong_end_fails_with_its_seed(check: Stress) {
    check
        .iterations(3)
        .assert(|| (), |(), _| (), |()| Err("wrong".to_owned()));
}

#[brigade_check::test(explore)]
#[should_panic(expected = "a broken invariant after 1 run")]
fn any_code_is_explored(check: Explore) {
    check.assert(|| Err("at once"));
}

#[brigade_check::test(explore)]
fn what_the_function_returns_is_the_outcome_of_the_test(
    check: Explore,
) -> Result<(), brigade_check::Failure> {
    check.schedules(1).check(|| ()).map(|_| ())
}

/// By the way of this build, which the message of the other test says.
#[brigade_check::test]
#[ignore = "fails, for another test to look at"]
fn as_built(check: Linearizable<Count>) {
    check.generate(|_| 1).assert(|| (), |(), _| 7);
}

#[test]
fn without_ways_it_is_real_threads_or_with_shuttle_schedules() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["as_built", "--ignored", "--nocapture"]);
    let Output {
        stdout,
        stderr,
        status,
    } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    assert!(!status.success(), "{text}");
    let (test, repeat) = match cfg!(shuttle) {
        false => ("as_built::stress", "BRIGADE_CHECK_SEED="),
        true => ("as_built::explore", "BRIGADE_CHECK_REPLAY="),
    };
    assert!(text.contains(test) && text.contains(repeat), "{text}");
    assert!(text.contains("running 1 test"), "{text}");
}
