//! The locks of several keys at once: all of them or none.

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::{LockTable, TableGuard, User};
use crate::lock::error::LockError;
use crate::lock::member::{Member, take_all_by, take_all_in_order, try_take_all};
use crate::lock::mode::Mode;

/// The locks of several keys, taken together.
///
/// The keys may be given in any order, and a key more than once: it is locked once, and exclusively if any of them
/// is to be. All such calls take keys in the same order, so they cannot deadlock with each other. The thread should
/// hold no key of the table already.
impl<K: Hash + Ord> LockTable<K> {
    /// Takes the locks of all these keys; waits while others hold some of them.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if the wait would never end, because of locks that the thread holds already. Nothing
    /// is held then.
    ///
    /// # Panics
    /// If the locks are taken in a wrong order under what the thread holds, as the [`Action`](crate::lock::Action)
    /// says.
    ///
    /// ```
    /// use brigade::lock::{LockError, LockTable};
    /// use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    ///
    /// let balances = [AtomicI64::new(100), AtomicI64::new(0)];
    /// let accounts = LockTable::named("accounts");
    /// let transfer = |from: usize, to: usize, amount| {
    ///     let _both = accounts.lock_all([from, to])?;
    ///     balances[from].store(balances[from].load(Relaxed) - amount, Relaxed);
    ///     balances[to].store(balances[to].load(Relaxed) + amount, Relaxed);
    ///     Ok::<(), LockError>(())
    /// };
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| transfer(0, 1, 10));
    ///     scope.spawn(|| transfer(1, 0, 3));
    /// });
    /// transfer(1, 1, 7)?; // from == to: locked once
    /// assert_eq!(balances.map(AtomicI64::into_inner), [93, 7]);
    /// # Ok::<(), LockError>(())
    /// ```
    #[track_caller]
    pub fn lock_all(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<TableGuards<'_, K>, LockError> {
        self.lock_all_mixed(keys, [])
    }

    /// As [`lock_all`](Self::lock_all), waiting for at most `limit`. While it waits for one of the keys it holds none
    /// of the others.
    ///
    /// # Errors
    /// [`LockError::TimedOut`]; otherwise as [`lock_all`](Self::lock_all).
    #[track_caller]
    pub fn lock_all_timeout(
        &self,
        keys: impl IntoIterator<Item = K>,
        limit: Duration,
    ) -> Result<TableGuards<'_, K>, LockError> {
        self.lock_all_mixed_timeout(keys, [], limit)
    }

    /// Takes the locks of all these keys if all of them are free.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if one is not.
    #[track_caller]
    pub fn try_lock_all(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<TableGuards<'_, K>, LockError> {
        self.try_lock_all_mixed(keys, [])
    }

    /// As [`lock_all`](Self::lock_all), for some keys exclusively and for some shared.
    ///
    /// # Errors
    /// As [`lock_all`](Self::lock_all).
    ///
    /// # Panics
    /// As [`lock_all`](Self::lock_all).
    ///
    /// ```
    /// use brigade::lock::{LockError, LockTable};
    ///
    /// let resources = LockTable::named("resources");
    /// let job = resources.lock_all_mixed(["database"], ["cache", "settings"])?;
    /// assert!(resources.try_lock("settings").is_none());
    /// assert!(job.keys().eq(&["cache", "database", "settings"]));
    /// # Ok::<(), LockError>(())
    /// ```
    #[track_caller]
    pub fn lock_all_mixed(
        &self,
        exclusive: impl IntoIterator<Item = K>,
        shared: impl IntoIterator<Item = K>,
    ) -> Result<TableGuards<'_, K>, LockError> {
        let place = Location::caller();
        let wishes = self.wishes(exclusive, shared);
        take_all_in_order(&members(&wishes), place)?;
        // SAFETY: all of them have just been taken.
        Ok(unsafe { TableGuards::new(wishes) })
    }

    /// As [`lock_all_mixed`](Self::lock_all_mixed), waiting for at most `limit`. While it waits for one of the keys it
    /// holds none of the others.
    ///
    /// # Errors
    /// As [`lock_all_timeout`](Self::lock_all_timeout).
    #[track_caller]
    pub fn lock_all_mixed_timeout(
        &self,
        exclusive: impl IntoIterator<Item = K>,
        shared: impl IntoIterator<Item = K>,
        limit: Duration,
    ) -> Result<TableGuards<'_, K>, LockError> {
        let place = Location::caller();
        let wishes = self.wishes(exclusive, shared);
        let mut members = members(&wishes);
        match Instant::now().checked_add(limit) {
            Some(deadline) => take_all_by(&mut members, place, deadline)?,
            None => take_all_in_order(&members, place)?,
        }
        drop(members);
        // SAFETY: all of them have just been taken.
        Ok(unsafe { TableGuards::new(wishes) })
    }

    /// As [`try_lock_all`](Self::try_lock_all), for some keys exclusively and for some shared.
    ///
    /// # Errors
    /// As [`try_lock_all`](Self::try_lock_all).
    #[track_caller]
    pub fn try_lock_all_mixed(
        &self,
        exclusive: impl IntoIterator<Item = K>,
        shared: impl IntoIterator<Item = K>,
    ) -> Result<TableGuards<'_, K>, LockError> {
        let place = Location::caller();
        let wishes = self.wishes(exclusive, shared);
        try_take_all(&members(&wishes), place)?;
        // SAFETY: all of them have just been taken.
        Ok(unsafe { TableGuards::new(wishes) })
    }

    /// Begins to use the entry of each key, once, in the order in which all are taken.
    fn wishes(
        &self,
        exclusive: impl IntoIterator<Item = K>,
        shared: impl IntoIterator<Item = K>,
    ) -> Vec<Wish<'_, K>> {
        let exclusive = exclusive.into_iter().map(|key| (key, Mode::Exclusive));
        let shared = shared.into_iter().map(|key| (key, Mode::Shared));
        let mut keys: Vec<_> = exclusive.chain(shared).collect();
        // Of equal keys the exclusive one comes first, and stays.
        keys.sort_unstable();
        keys.dedup_by(|(later, _), (earlier, _)| later == earlier);
        keys.into_iter()
            .map(|(key, mode)| (self.enter(key), mode))
            .collect()
    }
}

/// A key that is to be locked, and how.
type Wish<'a, K> = (User<'a, K>, Mode);

fn members<'w, K>(wishes: &'w [Wish<'_, K>]) -> Vec<Member<'w>> {
    let member = |(user, mode): &'w Wish<'_, K>| Member::rwlock(user.lock(), *mode);
    wishes.iter().map(member).collect()
}

/// Holds the locks of several keys of a [`LockTable`], and releases them when dropped, the last first.
#[must_use = "the locks are released when the guards are dropped"]
pub struct TableGuards<'a, K> {
    guards: Vec<TableGuard<'a, K>>,
}

impl<'a, K> TableGuards<'a, K> {
    /// # Safety
    /// This thread holds the lock of each wish, and has no guard for it.
    unsafe fn new(wishes: Vec<Wish<'a, K>>) -> Self {
        let guards = wishes.into_iter();
        Self {
            // SAFETY: the caller's obligations are the same.
            guards: guards
                .map(|(user, mode)| unsafe { TableGuard::new(user, mode) })
                .collect(),
        }
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.guards.iter().map(TableGuard::key)
    }
}

impl<K> Drop for TableGuards<'_, K> {
    fn drop(&mut self) {
        // The other way round it would cost more to find each in what the thread holds.
        while self.guards.pop().is_some() {}
    }
}

impl<K: fmt::Debug> fmt::Debug for TableGuards<'_, K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(&self.guards).finish()
    }
}
