//! The condition variable.

use std::time::{Duration, Instant};

use parking_lot::lock_api::{self, GuardNoSend};

use super::condition_wait::ConditionWait;
use super::mutex::RawMutex;

/// What [`Condvar`] is made of: `parking_lot`'s raw condition variable.
pub struct RawCondvar(parking_lot::RawCondvar);

// SAFETY: every wait is done by parking_lot's condition variable on parking_lot's mutex, which is the one that is
// held. What is noted around it may panic only before the wait, while the mutex is held.
unsafe impl lock_api::RawCondvar for RawCondvar {
    const INIT: Self = Self(parking_lot::RawCondvar::INIT);

    type RawMutex = RawMutex;

    #[track_caller]
    unsafe fn wait(&self, mutex: &RawMutex, guard: &mut GuardNoSend) {
        let _wait = ConditionWait::begin(mutex);
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

    #[track_caller]
    unsafe fn wait_until(
        &self,
        mutex: &RawMutex,
        guard: &mut GuardNoSend,
        deadline: &Instant,
    ) -> bool {
        let _wait = ConditionWait::begin(mutex);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.0.wait_until(mutex.below(), guard, deadline) }
    }
}

/// A condition variable for [`Mutex`](super::Mutex), with `parking_lot`'s interface. It never wakes without cause.
///
/// While a thread waits it does not hold the mutex; to go on it takes it again, so what it still holds meanwhile
/// counts as held before the mutex.
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
pub type Condvar = lock_api::Condvar<RawCondvar>;
