//! Real threads.

mod amount;
mod builder;
mod iterations;
mod progress;
mod scenario;
mod shrinking;
mod team;

pub use self::builder::{Stress, stress};
pub use self::iterations::Worker;
pub(crate) use self::scenario::stress_scenario;
