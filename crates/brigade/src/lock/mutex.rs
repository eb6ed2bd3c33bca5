//! The mutex.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use parking_lot::lock_api::{self, GuardNoSend, RawMutex as _, RawMutexTimed as _};

use super::acquire::{Checked, release, take, take_by, take_checked, take_until, try_take};
use super::class::{Class, Origin, Rank};
use super::error::LockError;
use super::mode::Mode;
use super::records;
use super::retaking::Retaking;

/// What [`Mutex`] is made of: `parking_lot`'s raw mutex, and where the lock comes from.
///
/// It implements `lock_api`'s traits, which is where the guards' methods come from.
pub struct RawMutex {
    origin: Origin,
    raw: parking_lot::RawMutex,
}

impl RawMutex {
    const fn new(origin: Origin) -> Self {
        Self {
            origin,
            raw: parking_lot::RawMutex::INIT,
        }
    }

    /// The mutex below, for the condition variable.
    pub(crate) fn below(&self) -> &parking_lot::RawMutex {
        &self.raw
    }
}

impl Checked for RawMutex {
    const HAS_READERS: bool = false;

    #[inline(always)]
    fn origin(&self) -> Origin {
        self.origin
    }

    #[inline(always)]
    fn attempt(&self, _: Mode) -> Option<GuardNoSend> {
        self.raw.try_lock()
    }

    fn wait(&self, _: Mode, until: Option<Instant>) -> Option<GuardNoSend> {
        match until {
            None => Some(self.raw.lock()),
            Some(until) => self.raw.try_lock_until(until),
        }
    }
}

// SAFETY: every operation is done by parking_lot's mutex, which keeps the contract; what is noted beside it may
// panic only before the lock is taken.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: Self = Self::new(Origin::place(Location::caller()));

    type Guard = GuardNoSend;

    #[inline]
    #[track_caller]
    fn lock(&self) -> GuardNoSend {
        take(self, Mode::Exclusive, Location::caller())
    }

    #[inline]
    #[track_caller]
    fn try_lock(&self) -> Option<GuardNoSend> {
        try_take(self, Mode::Exclusive, Location::caller())
    }

    #[inline]
    unsafe fn unlock(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock(guard) }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexFair for RawMutex {
    #[inline]
    unsafe fn unlock_fair(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_fair(guard) }
    }

    #[track_caller]
    unsafe fn bump(&self, guard: &mut GuardNoSend) {
        let _retaking = Retaking::begin(self, Mode::Exclusive);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.bump(guard) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.try_lock_until(deadline),
            None => Some(self.lock()),
        }
    }

    #[track_caller]
    fn try_lock_until(&self, deadline: Instant) -> Option<GuardNoSend> {
        take_by(self, Mode::Exclusive, Location::caller(), deadline)
    }
}

impl Drop for RawMutex {
    #[inline]
    fn drop(&mut self) {
        if self.raw.is_locked() {
            records::forget(self.address());
        }
    }
}

/// A mutual exclusion lock that cannot deadlock in silence, with `parking_lot`'s interface.
///
/// Orders in which locks are taken are compared as they are seen; see the [module](super). No poisoning: a panic
/// releases it. A thread that takes it again at once may do so before others that wait; where that matters, release it
/// by [`MutexGuard::unlock_fair`]. Size: that of `parking_lot`'s mutex and at most 8 bytes. Cost: about a nanosecond more.
///
/// ```
/// use brigade::lock::Mutex;
///
/// static COUNT: Mutex<u64> = Mutex::new(0);
///
/// *COUNT.lock() += 1;
/// assert_eq!(COUNT.with(|count| *count), 1);
/// ```
pub struct Mutex<T: ?Sized>(lock_api::Mutex<RawMutex, T>);

/// Gives access to what a [`Mutex`] protects, and releases it when dropped.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

/// As [`MutexGuard`], for a part of what is protected; made by [`MutexGuard::map`].
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

impl<T> Mutex<T> {
    /// A mutex of the class of the line that calls this.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::from_origin(Origin::place(Location::caller()), value)
    }

    /// A mutex of a class that was declared.
    pub const fn of(class: &'static Class, value: T) -> Self {
        Self::from_origin(Origin::class(class), value)
    }

    /// A mutex of the class of this name. Names are kept for the life of the program: give one to each kind of
    /// lock, not to each lock.
    #[track_caller]
    pub fn named(name: &str, value: T) -> Self {
        Self::of(Class::interned(name, None, Location::caller()), value)
    }

    /// A mutex of the class of this name and rank; see [`Rank`].
    #[track_caller]
    pub fn ranked(rank: Rank, name: &str, value: T) -> Self {
        Self::of(Class::interned(name, Some(rank), Location::caller()), value)
    }

    const fn from_origin(origin: Origin, value: T) -> Self {
        Self(lock_api::Mutex::from_raw(RawMutex::new(origin), value))
    }

    /// What it protected.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock; waits while others hold it.
    ///
    /// # Panics
    /// If the wait would never end, with the report as the message. If the order is wrong but nothing hangs, as
    /// the [`Action`](super::Action) says.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    /// As [`lock`](Self::lock), but a wait that would never end is an error.
    ///
    /// # Errors
    /// [`LockError::Deadlock`], also if the lock is taken against its [`Rank`].
    #[track_caller]
    pub fn lock_checked(&self) -> Result<MutexGuard<'_, T>, LockError> {
        let guard = take_checked(self.raw(), Mode::Exclusive, Location::caller())?;
        // SAFETY: it was just taken.
        Ok(unsafe { self.0.make_guard_unchecked(guard) })
    }

    /// As [`lock_checked`](Self::lock_checked), waiting for at most `limit`.
    ///
    /// # Errors
    /// [`LockError::TimedOut`], or at once [`LockError::Deadlock`] if it closes a cycle of threads of which no
    /// other would give up.
    #[track_caller]
    pub fn lock_timeout(&self, limit: Duration) -> Result<MutexGuard<'_, T>, LockError> {
        let place = Location::caller();
        let guard = match Instant::now().checked_add(limit) {
            Some(deadline) => take_until(self.raw(), Mode::Exclusive, place, deadline)?,
            None => take_checked(self.raw(), Mode::Exclusive, place)?,
        };
        // SAFETY: it was just taken.
        Ok(unsafe { self.0.make_guard_unchecked(guard) })
    }

    /// Takes the lock if it is free.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// Takes the lock, waiting for at most `timeout`.
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock_for(timeout)
    }

    /// Takes the lock, waiting until `deadline` at the latest.
    #[track_caller]
    pub fn try_lock_until(&self, deadline: Instant) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock_until(deadline)
    }

    /// Calls `body` with what is protected: for reading, changing and writing as one step.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.lock())
    }

    /// What it protects; nobody else can hold it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// True if somebody holds it; it may be out of date at once.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    pub(crate) fn raw(&self) -> &RawMutex {
        // SAFETY: this crate uses it to take the lock for a guard, or to look.
        unsafe { self.0.raw() }
    }

    pub(crate) fn inner(&self) -> &lock_api::Mutex<RawMutex, T> {
        &self.0
    }
}

impl<T: Default> Default for Mutex<T> {
    /// Such a lock is of no class: see [`Class`].
    #[track_caller]
    fn default() -> Self {
        Self::from_origin(Origin::by_default(Location::caller()), T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
