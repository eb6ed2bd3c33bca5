//! What the read-write lock is made of.

use std::panic::Location;
use std::time::{Duration, Instant};

use parking_lot::lock_api::{
    self, GuardNoSend, RawRwLock as _, RawRwLockFair as _, RawRwLockTimed as _,
    RawRwLockUpgrade as _, RawRwLockUpgradeFair as _, RawRwLockUpgradeTimed as _,
};

use super::acquire::{Checked, change_mode, release, release_exclusive, take, take_by, try_take};
use super::class::Origin;
use super::mode::Mode;
use super::passed_over;
use super::records;
use super::request::Request;
use super::retaking::Retaking;

/// What [`RwLock`](super::RwLock) is made of: `parking_lot`'s raw read-write lock, and where the lock comes from.
///
/// It implements `lock_api`'s traits, which is where the guards' methods come from.
pub struct RawRwLock {
    origin: Origin,
    raw: parking_lot::RawRwLock,
}

impl RawRwLock {
    pub(crate) const fn new(origin: Origin) -> Self {
        Self {
            origin,
            raw: parking_lot::RawRwLock::INIT,
        }
    }

    /// Releases the lock: whoever waits longest has it then.
    ///
    /// # Safety
    /// This thread holds it in this mode, and no other guard does.
    #[inline]
    pub(crate) unsafe fn release_fairly(&self, mode: Mode) {
        let guard = GuardNoSend::new();
        // SAFETY: a hold has no state of its own; the rest is the caller's obligation.
        unsafe {
            match mode {
                Mode::Exclusive => self.unlock_exclusive_fair(guard),
                Mode::Upgradable => self.unlock_upgradable_fair(guard),
                Mode::Shared => self.unlock_shared_fair(guard),
            }
        }
    }

    /// If it is locked, whoever leaked its guard does not hold it any more.
    #[inline]
    pub(crate) fn forget_holders(&self) {
        if self.raw.is_locked() {
            records::forget(self.address());
        }
    }

    #[track_caller]
    fn try_lock_for(&self, mode: Mode, timeout: Duration) -> Option<GuardNoSend> {
        let place = Location::caller();
        match Instant::now().checked_add(timeout) {
            Some(deadline) => take_by(self, mode, place, deadline),
            None => Some(take(self, mode, place)),
        }
    }
}

impl Checked for RawRwLock {
    const HAS_READERS: bool = true;

    #[inline(always)]
    fn origin(&self) -> Origin {
        self.origin
    }

    #[inline(always)]
    fn attempt(&self, mode: Mode) -> Option<GuardNoSend> {
        match mode {
            Mode::Exclusive => self.raw.try_lock_exclusive(),
            Mode::Upgradable => self.raw.try_lock_upgradable(),
            Mode::Shared => self.raw.try_lock_shared(),
        }
    }

    fn wait(&self, mode: Mode, until: Option<Instant>) -> Option<GuardNoSend> {
        match (mode, until) {
            (Mode::Exclusive, None) => Some(self.raw.lock_exclusive()),
            (Mode::Upgradable, None) => Some(self.raw.lock_upgradable()),
            (Mode::Exclusive, Some(until)) => self.raw.try_lock_exclusive_until(until),
            (Mode::Upgradable, Some(until)) => self.raw.try_lock_upgradable_until(until),
            (Mode::Shared, _) => passed_over::wait_to_read(self.address(), || match until {
                None => Some(self.raw.lock_shared()),
                Some(until) => self.raw.try_lock_shared_until(until),
            }),
        }
    }
}

// SAFETY: every operation is done by parking_lot's lock, which keeps the contract; what is noted beside it may
// panic only before the lock is taken.
unsafe impl lock_api::RawRwLock for RawRwLock {
    const INIT: Self = Self::new(Origin::place(Location::caller()));

    type SharedGuard = GuardNoSend;
    type ExclusiveGuard = GuardNoSend;

    #[inline]
    #[track_caller]
    fn lock_shared(&self) -> GuardNoSend {
        take(self, Mode::Shared, Location::caller())
    }

    #[inline]
    #[track_caller]
    fn try_lock_shared(&self) -> Option<GuardNoSend> {
        try_take(self, Mode::Shared, Location::caller())
    }

    #[inline]
    unsafe fn unlock_shared(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_shared(guard) }
    }

    #[inline]
    #[track_caller]
    fn lock_exclusive(&self) -> GuardNoSend {
        take(self, Mode::Exclusive, Location::caller())
    }

    #[inline]
    #[track_caller]
    fn try_lock_exclusive(&self) -> Option<GuardNoSend> {
        try_take(self, Mode::Exclusive, Location::caller())
    }

    #[inline]
    unsafe fn unlock_exclusive(&self, guard: GuardNoSend) {
        let lets_others = release_exclusive(self.address()) || passed_over::is_due(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe {
            if lets_others {
                self.raw.unlock_exclusive_fair(guard);
            } else {
                self.raw.unlock_exclusive(guard);
            }
        }
    }

    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    fn is_locked_exclusive(&self) -> bool {
        self.raw.is_locked_exclusive()
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockFair for RawRwLock {
    unsafe fn unlock_shared_fair(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_shared_fair(guard) }
    }

    unsafe fn unlock_exclusive_fair(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_exclusive_fair(guard) }
    }

    #[track_caller]
    unsafe fn bump_shared(&self, guard: &mut GuardNoSend) {
        let _retaking = Retaking::begin(self, Mode::Shared);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.bump_shared(guard) }
    }

    #[track_caller]
    unsafe fn bump_exclusive(&self, guard: &mut GuardNoSend) {
        let _retaking = Retaking::begin(self, Mode::Exclusive);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.bump_exclusive(guard) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    unsafe fn downgrade(&self, guard: GuardNoSend) -> GuardNoSend {
        change_mode(self.address(), Mode::Shared);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.downgrade(guard) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    type Duration = Duration;
    type Instant = Instant;

    #[track_caller]
    fn try_lock_shared_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock_for(Mode::Shared, timeout)
    }

    #[track_caller]
    fn try_lock_shared_until(&self, deadline: Instant) -> Option<GuardNoSend> {
        take_by(self, Mode::Shared, Location::caller(), deadline)
    }

    #[track_caller]
    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock_for(Mode::Exclusive, timeout)
    }

    #[track_caller]
    fn try_lock_exclusive_until(&self, deadline: Instant) -> Option<GuardNoSend> {
        take_by(self, Mode::Exclusive, Location::caller(), deadline)
    }
}

// SAFETY: as above; an upgrade that would never end panics when it has released the lock.
unsafe impl lock_api::RawRwLockUpgrade for RawRwLock {
    type UpgradableGuard = GuardNoSend;

    #[inline]
    #[track_caller]
    fn lock_upgradable(&self) -> GuardNoSend {
        take(self, Mode::Upgradable, Location::caller())
    }

    #[inline]
    #[track_caller]
    fn try_lock_upgradable(&self) -> Option<GuardNoSend> {
        try_take(self, Mode::Upgradable, Location::caller())
    }

    #[inline]
    unsafe fn unlock_upgradable(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_upgradable(guard) }
    }

    #[track_caller]
    unsafe fn upgrade(&self, guard: GuardNoSend) -> GuardNoSend {
        let mut request = Request::new(self, Mode::Exclusive, Location::caller());
        request.upgrades = true;
        // On a panic in what follows the lock is released, as the contract asks.
        let held = Upgradable(self);
        if let Some(record) = records::current() {
            request.predict(record);
        }
        // SAFETY: the caller's obligations are the same.
        let guard = match unsafe { self.raw.try_upgrade(guard) } {
            Ok(guard) => guard,
            // SAFETY: the state that came back is that of this upgradable hold.
            Err(guard) => request.wait_to_upgrade(|| unsafe { self.raw.upgrade(guard) }),
        };
        std::mem::forget(held);
        change_mode(self.address(), Mode::Exclusive);
        guard
    }

    unsafe fn try_upgrade(&self, guard: GuardNoSend) -> Result<GuardNoSend, GuardNoSend> {
        // SAFETY: the caller's obligations are the same.
        let upgraded = unsafe { self.raw.try_upgrade(guard) };
        if upgraded.is_ok() {
            change_mode(self.address(), Mode::Exclusive);
        }
        upgraded
    }
}

/// A lock that is held upgradably; released when dropped.
struct Upgradable<'a>(&'a RawRwLock);

impl Drop for Upgradable<'_> {
    fn drop(&mut self) {
        // SAFETY: it is made only by `upgrade`, whose caller holds the lock upgradably, and forgotten once it no longer does;
        // a hold has no state of its own.
        unsafe { self.0.unlock_upgradable(GuardNoSend::new()) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeFair for RawRwLock {
    unsafe fn unlock_upgradable_fair(&self, guard: GuardNoSend) {
        release(self.address());
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.unlock_upgradable_fair(guard) }
    }

    #[track_caller]
    unsafe fn bump_upgradable(&self, guard: &mut GuardNoSend) {
        let _retaking = Retaking::begin(self, Mode::Upgradable);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.bump_upgradable(guard) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeDowngrade for RawRwLock {
    unsafe fn downgrade_upgradable(&self, guard: GuardNoSend) -> GuardNoSend {
        change_mode(self.address(), Mode::Shared);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.downgrade_upgradable(guard) }
    }

    unsafe fn downgrade_to_upgradable(&self, guard: GuardNoSend) -> GuardNoSend {
        change_mode(self.address(), Mode::Upgradable);
        // SAFETY: the caller's obligations are the same.
        unsafe { self.raw.downgrade_to_upgradable(guard) }
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawRwLockUpgradeTimed for RawRwLock {
    #[track_caller]
    fn try_lock_upgradable_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock_for(Mode::Upgradable, timeout)
    }

    #[track_caller]
    fn try_lock_upgradable_until(&self, deadline: Instant) -> Option<GuardNoSend> {
        take_by(self, Mode::Upgradable, Location::caller(), deadline)
    }

    unsafe fn try_upgrade_for(
        &self,
        guard: GuardNoSend,
        timeout: Duration,
    ) -> Result<GuardNoSend, GuardNoSend> {
        // SAFETY: the caller's obligations are the same.
        let upgraded = unsafe { self.raw.try_upgrade_for(guard, timeout) };
        if upgraded.is_ok() {
            change_mode(self.address(), Mode::Exclusive);
        }
        upgraded
    }

    unsafe fn try_upgrade_until(
        &self,
        guard: GuardNoSend,
        deadline: Instant,
    ) -> Result<GuardNoSend, GuardNoSend> {
        // SAFETY: the caller's obligations are the same.
        let upgraded = unsafe { self.raw.try_upgrade_until(guard, deadline) };
        if upgraded.is_ok() {
            change_mode(self.address(), Mode::Exclusive);
        }
        upgraded
    }
}

impl Drop for RawRwLock {
    #[inline]
    fn drop(&mut self) {
        self.forget_holders();
    }
}
