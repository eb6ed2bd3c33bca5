//! Brigade's structures under `brigade-check`, by real threads: against sequential models, and by what must hold
//! at the end whatever the threads did.
//!
//! Each check draws its operations anew in each run of the tests; a failure says the seed that repeats them. What
//! is checked under schedules of our choosing is in `tests/explored`.
#![cfg(not(any(loom, shuttle)))]

#[cfg(feature = "cache")]
mod cache;
mod consumers;
mod counter;
mod ledger;
mod lock_table;
mod locks;
mod once_map;
mod partitioned;
mod pool;
mod queue;

/// How often a check is repeated: so often with debug assertions, three times as often without.
/// For much longer there is `BRIGADE_CHECK_TIME`.
fn repeated(times: u64) -> u64 {
    if cfg!(debug_assertions) {
        times
    } else {
        3 * times
    }
}

/// As [`repeated`], for the scenarios of a check against a model.
fn scenarios(times: usize) -> usize {
    usize::try_from(repeated(times as u64)).unwrap()
}
