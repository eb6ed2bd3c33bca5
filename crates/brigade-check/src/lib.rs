//! Tests for concurrent code.

mod environment;
#[cfg(feature = "explore")]
mod explore;
mod failure;
mod history;
pub mod linearizability;
mod linearizable;
mod minimise;
mod model;
mod panics;
mod point;
mod report;
mod scenario;
mod stress;
mod verdict;

#[cfg(feature = "explore")]
pub use explore::{Explore, Strategy, explore};
pub use failure::{Failure, Finding, Kind};
pub use fastrand::Rng;
pub use history::{Call, History};
pub use linearizability::{Criterion, Verdict};
pub use linearizable::{Linearizable, linearizable};
pub use model::Model;
pub use point::point;
pub use report::Report;
pub use verdict::Verifiable;
