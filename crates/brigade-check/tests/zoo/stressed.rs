//! The same zoo on the primitives of std, for real threads.

pub(crate) mod primitive {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;
}

#[path = "families.rs"]
mod families;

pub(crate) use self::families::FAMILIES;
