//! The zoo on the primitives of shuttle, whose schedules can be chosen.

pub(crate) mod primitive {
    pub(crate) use shuttle::hint::spin_loop;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use shuttle::thread;
}

#[path = "families.rs"]
mod families;

pub(crate) use self::families::FAMILIES;
