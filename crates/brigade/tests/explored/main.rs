//! Brigade's structures under schedules of our choosing, by `brigade-check`: `--cfg shuttle`.
//!
//! What `tests/check` leaves to chance. A schedule that fails is printed as a token, which repeats it.
#![cfg(shuttle)]

mod consumers;
mod counter;
#[path = "../check/ledger.rs"]
#[expect(dead_code, reason = "tests/check uses more of it")]
mod ledger;
mod once_map;
mod partitioned;
mod pool;
