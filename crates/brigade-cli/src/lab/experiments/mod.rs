//! The experiments, one file each.

mod backpressure;
mod check_then_act;
mod deadlock;
mod pipeline;
mod pool;
mod priority;
mod race;
mod rwlock;
mod sizing;
mod transfer;
mod tuesday;

use super::experiment::Experiment;

/// All experiments, in the order in which they are worth reading.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    race::EXPERIMENT,
    check_then_act::EXPERIMENT,
    transfer::EXPERIMENT,
    deadlock::EXPERIMENT,
    tuesday::EXPERIMENT,
    pool::EXPERIMENT,
    backpressure::EXPERIMENT,
    priority::EXPERIMENT,
    rwlock::EXPERIMENT,
    pipeline::EXPERIMENT,
    sizing::EXPERIMENT,
];
