//! The same zoo on the primitives of std, for real threads.

pub(crate) mod primitive {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;
}

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

use crate::specimen::Specimen;

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
