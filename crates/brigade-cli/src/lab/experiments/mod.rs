//! The experiments, one file each.

mod race;

use super::experiment::Experiment;

/// All experiments, in the order in which they are worth reading.
pub(crate) const EXPERIMENTS: &[Experiment] = &[race::EXPERIMENT];
