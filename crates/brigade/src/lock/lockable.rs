//! What can be taken together with others.

use parking_lot::lock_api::GuardNoSend;

use self::sealed::{One, Several};
use super::member::Member;
use super::mode::Mode;
use super::mutex::{Mutex, MutexGuard};
use super::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The parts that only this crate calls.
pub(crate) mod sealed {
    use super::super::member::Member;

    /// One lock.
    pub trait One: Copy {
        type Guard;
        fn member(&self) -> Member<'_>;
        /// # Safety
        /// This thread holds the lock as `member` says, and has no guard for it.
        unsafe fn guard(self) -> Self::Guard;
    }

    /// Several locks.
    pub trait Several {
        type Guards;
        fn collect<'a>(&'a self, add: &mut dyn FnMut(Member<'a>));
        /// # Safety
        /// This thread holds each lock as `collect` says, and has no guard for it.
        unsafe fn guards(self) -> Self::Guards;
    }
}

/// One lock that [`lock_all`](super::lock_all) can take: a `&Mutex`, or what [`RwLock::reading`] and
/// [`RwLock::writing`] return.
pub trait Lockable: One {}

impl<L: One> Lockable for L {}

/// Several locks that [`lock_all`](super::lock_all) can take: a tuple of up to eight [`Lockable`]s, or a slice or
/// array of them by reference, whose guards come as a `Vec`.
pub trait LockSet: Several {}

impl<S: Several> LockSet for S {}

/// A read-write lock that is to be taken for reading.
#[derive(Debug)]
pub struct Reading<'a, T: ?Sized>(pub(crate) &'a RwLock<T>);

/// A read-write lock that is to be taken for writing.
#[derive(Debug)]
pub struct Writing<'a, T: ?Sized>(pub(crate) &'a RwLock<T>);

impl<T: ?Sized> Clone for Reading<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Reading<'_, T> {}

impl<T: ?Sized> Clone for Writing<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Writing<'_, T> {}

impl<'a, T: ?Sized> One for &'a Mutex<T> {
    type Guard = MutexGuard<'a, T>;

    fn member(&self) -> Member<'_> {
        Member::mutex(self.raw())
    }

    unsafe fn guard(self) -> Self::Guard {
        // SAFETY: the caller holds it, without a guard.
        unsafe { self.inner().make_guard_unchecked(GuardNoSend::new()) }
    }
}

impl<'a, T: ?Sized> One for Reading<'a, T> {
    type Guard = RwLockReadGuard<'a, T>;

    fn member(&self) -> Member<'_> {
        Member::rwlock(self.0.raw(), Mode::Shared)
    }

    unsafe fn guard(self) -> Self::Guard {
        // SAFETY: the caller holds it for reading, without a guard.
        unsafe { self.0.inner().make_read_guard_unchecked(GuardNoSend::new()) }
    }
}

impl<'a, T: ?Sized> One for Writing<'a, T> {
    type Guard = RwLockWriteGuard<'a, T>;

    fn member(&self) -> Member<'_> {
        Member::rwlock(self.0.raw(), Mode::Exclusive)
    }

    unsafe fn guard(self) -> Self::Guard {
        // SAFETY: the caller holds it for writing, without a guard.
        unsafe {
            self.0
                .inner()
                .make_write_guard_unchecked(GuardNoSend::new())
        }
    }
}

impl<L: One> Several for &[L] {
    type Guards = Vec<L::Guard>;

    fn collect<'a>(&'a self, add: &mut dyn FnMut(Member<'a>)) {
        self.iter().for_each(|lock| add(lock.member()));
    }

    unsafe fn guards(self) -> Self::Guards {
        // SAFETY: the caller holds each, without a guard.
        self.iter().map(|lock| unsafe { lock.guard() }).collect()
    }
}

impl<L: One, const N: usize> Several for &[L; N] {
    type Guards = Vec<L::Guard>;

    fn collect<'a>(&'a self, add: &mut dyn FnMut(Member<'a>)) {
        self.iter().for_each(|lock| add(lock.member()));
    }

    unsafe fn guards(self) -> Self::Guards {
        // SAFETY: the caller holds each, without a guard.
        self.iter().map(|lock| unsafe { lock.guard() }).collect()
    }
}

impl<'s, T> Several for &'s [Mutex<T>] {
    type Guards = Vec<MutexGuard<'s, T>>;

    fn collect<'a>(&'a self, add: &mut dyn FnMut(Member<'a>)) {
        self.iter().for_each(|lock| add(Member::mutex(lock.raw())));
    }

    unsafe fn guards(self) -> Self::Guards {
        // SAFETY: the caller holds each, without a guard.
        self.iter().map(|lock| unsafe { lock.guard() }).collect()
    }
}

/// Implements the trait for a tuple of locks.
macro_rules! several {
    ($($lock:ident $place:tt),+) => {
        impl<$($lock: One),+> Several for ($($lock,)+) {
            type Guards = ($($lock::Guard,)+);

            fn collect<'a>(&'a self, add: &mut dyn FnMut(Member<'a>)) {
                $(add(self.$place.member());)+
            }

            unsafe fn guards(self) -> Self::Guards {
                // SAFETY: the caller holds each, without a guard.
                unsafe { ($(self.$place.guard(),)+) }
            }
        }
    };
}

several!(A 0);
several!(A 0, B 1);
several!(A 0, B 1, C 2);
several!(A 0, B 1, C 2, D 3);
several!(A 0, B 1, C 2, D 3, E 4);
several!(A 0, B 1, C 2, D 3, E 4, F 5);
several!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
several!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
