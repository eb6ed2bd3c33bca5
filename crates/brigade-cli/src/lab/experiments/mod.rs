//! The experiments, one file each.

mod check_then_act;
mod deadlock;
mod race;
mod rwlock;
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
    rwlock::EXPERIMENT,
];
