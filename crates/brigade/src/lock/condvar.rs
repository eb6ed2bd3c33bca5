//! The condition variable.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use parking_lot::WaitTimeoutResult;
use parking_lot::lock_api::{self, GuardNoSend};

use super::acquire::{Checked, retaken_at};
use super::mode::Mode;
use super::mutex::{MutexGuard, RawMutex};
use super::retaking::Retaking;

/// `parking_lot`'s raw condition variable, for our mutex.
struct RawCondvar(parking_lot::RawCondvar);

// SAFETY: every wait is done by parking_lot's condition variable on parking_lot's mutex, which is the one that is
// held. What is noted around it may panic only before the wait, while the mutex is held.
unsafe impl lock_api::RawCondvar for RawCondvar {
    const INIT: Self = Self(parking_lot::RawCondvar::INIT);

    type RawMutex = RawMutex;

    unsafe fn wait(&self, mutex: &RawMutex, guard: &mut GuardNoSend) {
        let _retaking = Retaking::begin(mutex, Mode::Exclusive);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.wait(mutex.below(), guard) }
    }

    fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    fn notify_all(&self) -> usize {
        self.0.notify_all()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawCondvarTimed for RawCondvar {
    fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
        Instant::now().checked_add(*timeout)
    }

    unsafe fn wait_until(
        &self,
        mutex: &RawMutex,
        guard: &mut GuardNoSend,
        deadline: &Instant,
    ) -> bool {
        let _retaking = Retaking::begin(mutex, Mode::Exclusive);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.wait_until(mutex.below(), guard, deadline) }
    }
}

/// A condition variable for [`Mutex`](super::Mutex), with `parking_lot`'s interface. It never wakes without cause.
///
/// While a thread waits it does not hold the mutex; to go on it takes it again, so what it still holds meanwhile
/// counts as held before the mutex. If that order is wrong, any wait can panic as [`lock`](super::Mutex::lock) can,
/// before it begins.
///
/// ```
/// use brigade::lock::{Condvar, Mutex};
///
/// let (ready, changed) = (Mutex::new(false), Condvar::new());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         *ready.lock() = true;
///         changed.notify_one();
///     });
///     let mut ready = ready.lock();
///     changed.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// ```
pub struct Condvar(lock_api::Condvar<RawCondvar>);

impl Condvar {
    /// A condition variable that nobody waits on.
    pub const fn new() -> Self {
        Self(lock_api::Condvar::new())
    }

    /// Wakes one thread that waits; false if there was none.
    pub fn notify_one(&self) -> bool {
        self.0.notify_one()
    }

    /// Wakes all threads that wait; returns how many.
    pub fn notify_all(&self) -> usize {
        self.0.notify_all()
    }

    /// Releases the mutex, waits until it is notified, and takes the mutex again.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        note_place(guard, Location::caller());
        self.0.wait(guard);
    }

    /// As [`wait`](Self::wait), until `deadline` at the latest.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        note_place(guard, Location::caller());
        self.0.wait_until(guard, deadline)
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        note_place(guard, Location::caller());
        self.0.wait_for(guard, timeout)
    }

    /// Waits for as long as `condition` holds, which is looked at first and after each notification.
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) {
        note_place(guard, Location::caller());
        self.0.wait_while(guard, condition);
    }

    /// As [`wait_while`](Self::wait_while), until `deadline` at the latest; then the condition still holds.
    #[track_caller]
    pub fn wait_while_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        note_place(guard, Location::caller());
        self.0.wait_while_until(guard, condition, deadline)
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`; then the condition still holds.
    #[track_caller]
    pub fn wait_while_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        note_place(guard, Location::caller());
        self.0.wait_while_for(guard, condition, timeout)
    }
}

/// The mutex will have been taken where the wait is.
fn note_place<T: ?Sized>(guard: &MutexGuard<'_, T>, place: &'static Location<'static>) {
    // SAFETY: it is only looked at.
    let mutex = unsafe { MutexGuard::mutex(guard).raw() };
    retaken_at(mutex.address(), place);
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad("Condvar { .. }")
    }
}
