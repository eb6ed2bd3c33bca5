//! The experiments, one file each.

mod backpressure;
mod pool;
mod priority;
mod race;

use super::experiment::Experiment;

/// All experiments, in the order in which they are worth reading.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    race::EXPERIMENT,
    pool::EXPERIMENT,
    backpressure::EXPERIMENT,
    priority::EXPERIMENT,
];
