//! Deterministic schedules, on shuttle.

mod builder;
mod driver;
mod exhaustive;
mod explorer;
mod notes;
mod scenario;
mod strategy;
mod threads;
mod token;
mod witness;

pub use self::builder::{Explore, explore};
pub(crate) use self::driver::{Course, Trace};
pub(crate) use self::exhaustive::{Counted, Exhaustive};
pub(crate) use self::explorer::{Runs, Stuck};
pub(crate) use self::scenario::explore_scenarios;
pub use self::strategy::Strategy;
pub(crate) use self::strategy::{DataSeeds, Replay, SharedChooser};
pub(crate) use self::threads::first_run;
pub(crate) use self::token::Token;

/// After so many steps a run counts as a livelock.
pub(crate) const STEPS: usize = 10_000;
