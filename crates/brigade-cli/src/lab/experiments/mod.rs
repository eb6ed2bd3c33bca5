//! The experiments, one file each.

mod backpressure;
mod pipeline;
mod pool;
mod priority;
mod race;
mod sizing;

use super::experiment::Experiment;

/// All experiments, in the order in which they are worth reading.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    race::EXPERIMENT,
    pool::EXPERIMENT,
    backpressure::EXPERIMENT,
    priority::EXPERIMENT,
    pipeline::EXPERIMENT,
    sizing::EXPERIMENT,
];
