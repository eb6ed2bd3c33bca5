//! Real threads.

mod builder;
mod iterations;
mod scenario;
mod shrinking;
mod team;

pub use self::builder::{Stress, stress};
pub use self::iterations::Worker;
pub(crate) use self::scenario::stress_scenario;
