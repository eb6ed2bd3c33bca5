//! Which operations a seed or a token stands for.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use brigade_check::{Failure, Strategy, linearizable, point};
use proptest::prelude::any;

use crate::{Sum, found, lose_ten, sums};

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
        check.strategy(Strategy::Random)
    };
    let report = check.check(
        || AtomicU32::new(0),
        move |sum, step| {
            notes.lock().unwrap().push(*step);
            point("before");
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
