//! The one switch between real threads and the model checkers.
//!
//! Everything in this crate takes its mutexes, atomics, threads, parking and clock from here, so
//! that the very code that ships is what loom (`--cfg loom`) and shuttle (`--cfg shuttle`) explore.
//! `Arc` stays std's everywhere: the models are about the pool's own synchronisation.

pub(crate) use self::selected::{
    Mutex, MutexGuard, Parker, Unparker, atomic, thread, thread_local,
};

#[cfg(not(any(loom, shuttle)))]
mod selected {
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::sync::atomic;
    pub(crate) use std::{thread, thread_local};

    pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
}

#[cfg(loom)]
mod selected {
    pub(crate) use loom::sync::{MutexGuard, atomic};
    pub(crate) use loom::{thread, thread_local};

    use loom::sync::{Condvar, Mutex as Poisoning};

    super::modelled!();
}

#[cfg(shuttle)]
mod selected {
    pub(crate) use shuttle::sync::{MutexGuard, atomic};
    pub(crate) use shuttle::{thread, thread_local};

    use shuttle::sync::{Condvar, Mutex as Poisoning};

    super::modelled!();
}

/// `parking_lot`'s mutex and crossbeam's parker, built from what a model checker offers.
#[cfg(any(loom, shuttle))]
macro_rules! modelled {
    () => {
        pub(crate) struct Mutex<T>(Poisoning<T>);

        impl<T> Mutex<T> {
            pub(crate) fn new(value: T) -> Self {
                Self(Poisoning::new(value))
            }

            pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
                self.0
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            }

            pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
                self.0.try_lock().ok()
            }

            pub(crate) fn into_inner(self) -> T {
                self.0
                    .into_inner()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            }
        }

        struct Token {
            given: Poisoning<bool>,
            changed: Condvar,
        }

        pub(crate) struct Parker(Unparker);

        #[derive(Clone)]
        pub(crate) struct Unparker(std::sync::Arc<Token>);

        impl Parker {
            pub(crate) fn new() -> Self {
                Self(Unparker(std::sync::Arc::new(Token {
                    given: Poisoning::new(false),
                    changed: Condvar::new(),
                })))
            }

            pub(crate) fn park(&self) {
                let token = &self.0.0;
                let mut given = token.given.lock().unwrap();
                while !*given {
                    given = token.changed.wait(given).unwrap();
                }
                *given = false;
            }

            /// Models have no time: a timed park waits for its token.
            pub(crate) fn park_timeout(&self, _limit: std::time::Duration) {
                self.park();
            }

            pub(crate) fn unparker(&self) -> &Unparker {
                &self.0
            }
        }

        impl Unparker {
            pub(crate) fn unpark(&self) {
                *self.0.given.lock().unwrap() = true;
                self.0.changed.notify_one();
            }
        }
    };
}
#[cfg(any(loom, shuttle))]
use modelled;

/// Nanoseconds since some moment before the first call; never decreases.
#[cfg(not(any(loom, shuttle)))]
#[inline]
pub(crate) fn now() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;

    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    let elapsed = EPOCH.elapsed();
    // 584 years fit in 64 bits of nanoseconds.
    elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
}

/// In a model each look at the clock finds a millisecond gone: tasks are never tiny there. What the pool
/// defers for tiny tasks rests on timeouts, which models do not have; tests show that part.
#[cfg(any(loom, shuttle))]
pub(crate) fn now() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    static NOW: AtomicU64 = AtomicU64::new(1);
    NOW.fetch_add(1_000_000, Relaxed)
}

/// How many times a worker looks for work before it leaves the core to others,
/// and how many times it does that before it parks. A model would only repeat itself.
pub(crate) const SPINS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 40 };
pub(crate) const YIELDS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 8 };

/// How many times a held lock is looked at before waiting for it in earnest.
pub(crate) const LOCK_SPINS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 40 };
