//! The read-write lock.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use parking_lot::lock_api;

use super::acquire::{take_checked, take_until};
use super::class::{Class, Origin, Rank};
use super::error::LockError;
use super::lockable::{Reading, Writing};
use super::mode::Mode;
use super::raw_rwlock::RawRwLock;

/// A lock that many may read or one may write, that cannot deadlock in silence; with `parking_lot`'s interface.
///
/// A writer that waits goes before readers that come later. Readers that wait are let in after at most four turns of
/// writers, and those that waited before them; so neither starves. Therefore a thread that reads must not read the same lock once more: it could wait for a
/// writer that waits for it. That is reported at once. Size: that of `parking_lot`'s lock and at most 8 bytes.
///
/// ```
/// use brigade::lock::RwLock;
///
/// let prices = RwLock::named("prices", vec![3, 4]);
/// prices.write().push(5);
/// assert_eq!(prices.read().iter().sum::<i32>(), 12);
/// ```
pub struct RwLock<T: ?Sized>(lock_api::RwLock<RawRwLock, T>);

/// Lets read what an [`RwLock`] protects, and releases it when dropped.
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// Gives access to what an [`RwLock`] protects, and releases it when dropped.
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
/// Lets read what an [`RwLock`] protects, and become a writer without anyone's writing in between.
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;
/// As [`RwLockReadGuard`], for a part of what is protected.
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;
/// As [`RwLockWriteGuard`], for a part of what is protected.
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

impl<T> RwLock<T> {
    /// A lock of the class of the line that calls this.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self::from_origin(Origin::place(Location::caller()), value)
    }

    /// A lock of a class that was declared.
    pub const fn of(class: &'static Class, value: T) -> Self {
        Self::from_origin(Origin::class(class), value)
    }

    /// A lock of the class of this name; see [`Mutex::named`](super::Mutex::named).
    #[track_caller]
    pub fn named(name: &str, value: T) -> Self {
        Self::of(Class::interned(name, None, Location::caller()), value)
    }

    /// A lock of the class of this name and rank; see [`Rank`].
    #[track_caller]
    pub fn ranked(rank: Rank, name: &str, value: T) -> Self {
        Self::of(Class::interned(name, Some(rank), Location::caller()), value)
    }

    const fn from_origin(origin: Origin, value: T) -> Self {
        Self(lock_api::RwLock::from_raw(RawRwLock::new(origin), value))
    }

    /// What it protected.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock for reading; waits while somebody writes or waits to write.
    ///
    /// # Panics
    /// If the wait would never end, with the report as the message. If the order is wrong but nothing hangs, as
    /// the [`Action`](super::Action) says.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    /// Takes the lock for writing; waits while others hold it.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write()
    }

    /// Takes the lock for reading, with the right to write later; one thread at a time has that.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    #[track_caller]
    pub fn upgradable_read(&self) -> RwLockUpgradableReadGuard<'_, T> {
        self.0.upgradable_read()
    }

    /// As [`read`](Self::read), but a wait that would never end is an error.
    ///
    /// # Errors
    /// [`LockError::Deadlock`], also if the lock is taken against its [`Rank`].
    #[track_caller]
    pub fn read_checked(&self) -> Result<RwLockReadGuard<'_, T>, LockError> {
        let guard = take_checked(self.raw(), Mode::Shared, Location::caller())?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { self.0.make_read_guard_unchecked(guard) })
    }

    /// As [`write`](Self::write), but a wait that would never end is an error.
    ///
    /// # Errors
    /// As [`read_checked`](Self::read_checked).
    #[track_caller]
    pub fn write_checked(&self) -> Result<RwLockWriteGuard<'_, T>, LockError> {
        let guard = take_checked(self.raw(), Mode::Exclusive, Location::caller())?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { self.0.make_write_guard_unchecked(guard) })
    }

    /// As [`upgradable_read`](Self::upgradable_read), but a wait that would never end is an error.
    ///
    /// # Errors
    /// As [`read_checked`](Self::read_checked).
    #[track_caller]
    pub fn upgradable_read_checked(&self) -> Result<RwLockUpgradableReadGuard<'_, T>, LockError> {
        let guard = take_checked(self.raw(), Mode::Upgradable, Location::caller())?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { self.0.make_upgradable_guard_unchecked(guard) })
    }

    /// As [`read_checked`](Self::read_checked), waiting for at most `limit`.
    ///
    /// # Errors
    /// [`LockError::TimedOut`], or at once [`LockError::Deadlock`] if it closes a cycle of threads of which no
    /// other would give up.
    #[track_caller]
    pub fn read_timeout(&self, limit: Duration) -> Result<RwLockReadGuard<'_, T>, LockError> {
        let guard = self.lock_timeout(Mode::Shared, limit)?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { self.0.make_read_guard_unchecked(guard) })
    }

    /// As [`write_checked`](Self::write_checked), waiting for at most `limit`.
    ///
    /// # Errors
    /// As [`read_timeout`](Self::read_timeout).
    #[track_caller]
    pub fn write_timeout(&self, limit: Duration) -> Result<RwLockWriteGuard<'_, T>, LockError> {
        let guard = self.lock_timeout(Mode::Exclusive, limit)?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { self.0.make_write_guard_unchecked(guard) })
    }

    #[track_caller]
    fn lock_timeout(
        &self,
        mode: Mode,
        limit: Duration,
    ) -> Result<lock_api::GuardNoSend, LockError> {
        let place = Location::caller();
        match Instant::now().checked_add(limit) {
            Some(deadline) => take_until(self.raw(), mode, place, deadline),
            None => take_checked(self.raw(), mode, place),
        }
    }

    /// Takes the lock for reading if nobody writes or waits to write.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read()
    }

    /// Takes the lock for writing if it is free.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write()
    }

    /// Takes the lock for upgradable reading if that is possible at once.
    #[inline]
    #[track_caller]
    pub fn try_upgradable_read(&self) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        self.0.try_upgradable_read()
    }

    /// Takes the lock for reading, waiting for at most `timeout`.
    #[track_caller]
    pub fn try_read_for(&self, timeout: Duration) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read_for(timeout)
    }

    /// Takes the lock for reading, waiting until `deadline` at the latest.
    #[track_caller]
    pub fn try_read_until(&self, deadline: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.0.try_read_until(deadline)
    }

    /// Takes the lock for writing, waiting for at most `timeout`.
    #[track_caller]
    pub fn try_write_for(&self, timeout: Duration) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write_for(timeout)
    }

    /// Takes the lock for writing, waiting until `deadline` at the latest.
    #[track_caller]
    pub fn try_write_until(&self, deadline: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write_until(deadline)
    }

    /// Takes the lock for upgradable reading, waiting for at most `timeout`.
    #[track_caller]
    pub fn try_upgradable_read_for(
        &self,
        timeout: Duration,
    ) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        self.0.try_upgradable_read_for(timeout)
    }

    /// Takes the lock for upgradable reading, waiting until `deadline` at the latest.
    #[track_caller]
    pub fn try_upgradable_read_until(
        &self,
        deadline: Instant,
    ) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        self.0.try_upgradable_read_until(deadline)
    }

    /// The lock, to be taken for reading by [`lock_all`](super::lock_all).
    pub fn reading(&self) -> Reading<'_, T> {
        Reading(self)
    }

    /// The lock, to be taken for writing by [`lock_all`](super::lock_all).
    pub fn writing(&self) -> Writing<'_, T> {
        Writing(self)
    }

    /// What it protects; nobody else can hold it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// True if somebody reads or writes; it may be out of date at once.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// True if somebody writes; it may be out of date at once.
    pub fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }

    pub(crate) fn raw(&self) -> &RawRwLock {
        // SAFETY: this crate uses it to take the lock for a guard.
        unsafe { self.0.raw() }
    }

    pub(crate) fn inner(&self) -> &lock_api::RwLock<RawRwLock, T> {
        &self.0
    }
}

impl<T: Default> Default for RwLock<T> {
    /// Such a lock is of no class: see [`Class`].
    #[track_caller]
    fn default() -> Self {
        Self::from_origin(Origin::by_default(Location::caller()), T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
