//! The families of the zoo, in the order of the table, on the primitives of the module around this.

use super::primitive;
use crate::specimen::Specimen;

#[path = "collections.rs"]
mod collections;
#[path = "initialisation.rs"]
mod initialisation;
#[path = "locks.rs"]
mod locks;
#[path = "memory.rs"]
mod memory;
#[path = "queues.rs"]
mod queues;
#[path = "reads.rs"]
mod reads;
#[path = "stacks.rs"]
mod stacks;
#[path = "updates.rs"]
mod updates;
#[path = "waiting.rs"]
mod waiting;

pub(crate) const FAMILIES: &[&[Specimen]] = &[
    updates::SPECIMENS,
    reads::SPECIMENS,
    initialisation::SPECIMENS,
    locks::SPECIMENS,
    waiting::SPECIMENS,
    queues::SPECIMENS,
    stacks::SPECIMENS,
    collections::SPECIMENS,
    memory::SPECIMENS,
];
