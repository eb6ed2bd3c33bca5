//! The systems, each in its documented, cheapest use.
//!
//! What a lock protects is one number. It is changed in a closure, as that is the one form that all systems
//! have; where a system has guards, the closure runs under one.

use std::sync::PoisonError;

use brigade::lock as brigade_lock;
use happylock::ThreadKey;
use tracing_mutex::parkinglot::tracing as tracing_mutex;

/// A mutex around a number.
pub(super) trait Mutex: Send + Sync + 'static {
    /// The system's stable name.
    const NAME: &'static str;
    /// What a thread must have to take any lock.
    type Key;

    /// This thread's; to be asked for once.
    fn key() -> Self::Key;
    /// A lock of the class of this name, where there are classes.
    fn named(class: &str) -> Self;
    /// Takes the lock for `work`.
    fn with<R>(&self, key: &mut Self::Key, work: impl FnOnce(&mut u64) -> R) -> R;
}

/// A mutex that can be taken while another one is held.
pub(super) trait Nested: Mutex<Key = ()> {}

/// A read-write lock around a number.
pub(super) trait RwLock: Send + Sync + 'static {
    /// The system's stable name.
    const NAME: &'static str;
    /// What a thread must have to take any lock.
    type Key;

    /// This thread's; to be asked for once.
    fn key() -> Self::Key;
    /// A lock.
    fn new() -> Self;
    /// Takes the lock for reading.
    fn read<R>(&self, key: &mut Self::Key, work: impl FnOnce(&u64) -> R) -> R;
    /// Takes the lock for writing.
    fn write<R>(&self, key: &mut Self::Key, work: impl FnOnce(&mut u64) -> R) -> R;
}

/// Implements the traits for a system whose locks return guards.
macro_rules! guarded {
    ($name:expr, $mutex:ty, $rwlock:ty, |$class:pat_param| $made:expr, |$taken:ident| $guard:expr) => {
        impl Mutex for $mutex {
            const NAME: &'static str = $name;
            type Key = ();

            fn key() {}

            fn named($class: &str) -> Self {
                $made
            }

            #[inline(always)]
            fn with<R>(&self, (): &mut (), work: impl FnOnce(&mut u64) -> R) -> R {
                let $taken = self.lock();
                let mut guard = $guard;
                work(&mut guard)
            }
        }

        impl Nested for $mutex {}

        impl RwLock for $rwlock {
            const NAME: &'static str = $name;
            type Key = ();

            fn key() {}

            fn new() -> Self {
                <$rwlock>::new(0)
            }

            #[inline(always)]
            fn read<R>(&self, (): &mut (), work: impl FnOnce(&u64) -> R) -> R {
                let $taken = self.read();
                let guard = $guard;
                work(&guard)
            }

            #[inline(always)]
            fn write<R>(&self, (): &mut (), work: impl FnOnce(&mut u64) -> R) -> R {
                let $taken = self.write();
                let mut guard = $guard;
                work(&mut guard)
            }
        }
    };
}

guarded!(
    crate::REFERENCE,
    brigade_lock::Mutex<u64>,
    brigade_lock::RwLock<u64>,
    |class| Self::named(class, 0),
    |guard| guard
);
guarded!(
    "parking_lot",
    parking_lot::Mutex<u64>,
    parking_lot::RwLock<u64>,
    |_| Self::new(0),
    |guard| guard
);
// The modules of this name check in release builds too.
guarded!(
    "tracing-mutex",
    tracing_mutex::Mutex<u64>,
    tracing_mutex::RwLock<u64>,
    |_| Self::new(0),
    |guard| guard
);
guarded!(
    "std",
    std::sync::Mutex<u64>,
    std::sync::RwLock<u64>,
    |_| Self::new(0),
    |taken| taken.unwrap_or_else(PoisonError::into_inner)
);

/// A thread has one key and lends it to the lock it takes: it can take none under another.
impl Mutex for happylock::Mutex<u64> {
    const NAME: &'static str = "happylock";
    type Key = ThreadKey;

    fn key() -> ThreadKey {
        thread_key()
    }

    fn named(_: &str) -> Self {
        Self::new(0)
    }

    #[inline(always)]
    fn with<R>(&self, key: &mut ThreadKey, work: impl FnOnce(&mut u64) -> R) -> R {
        self.scoped_lock(key, work)
    }
}

impl RwLock for happylock::RwLock<u64> {
    const NAME: &'static str = "happylock";
    type Key = ThreadKey;

    fn key() -> ThreadKey {
        thread_key()
    }

    fn new() -> Self {
        Self::new(0)
    }

    #[inline(always)]
    fn read<R>(&self, key: &mut ThreadKey, work: impl FnOnce(&u64) -> R) -> R {
        self.scoped_read(key, work)
    }

    #[inline(always)]
    fn write<R>(&self, key: &mut ThreadKey, work: impl FnOnce(&mut u64) -> R) -> R {
        self.scoped_write(key, work)
    }
}

fn thread_key() -> ThreadKey {
    ThreadKey::get().expect("a measurement gives its key back")
}
