//! Deterministic schedules, on shuttle.

mod builder;
mod driver;
mod notes;
mod scenario;
mod session;
mod strategy;
mod token;
mod witness;

pub use self::builder::{Explore, explore};
pub(crate) use self::driver::Trace;
pub(crate) use self::scenario::explore_scenario;
pub(crate) use self::session::{Plan, first_run};
pub use self::strategy::Strategy;
pub(crate) use self::token::Token;

/// After so many steps a run counts as a livelock.
pub(crate) const STEPS: usize = 10_000;
