//! Tests for concurrent code.

mod history;
pub mod linearizability;
mod model;

pub use fastrand::Rng;
pub use history::{Call, History};
pub use linearizability::{Criterion, Verdict};
pub use model::Model;
