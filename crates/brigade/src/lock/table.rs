//! Locks by key.

mod guard;
#[cfg(all(test, loom))]
mod model;
mod several;
mod shard;

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::panic::Location;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

pub use self::guard::TableGuard;
pub use self::several::TableGuards;
use self::shard::Shard;
use super::acquire::{take, take_checked, take_until, try_take};
use super::class::{Class, Origin, Rank};
use super::error::LockError;
use super::mode::Mode;
use super::raw_rwlock::RawRwLock;
use super::report::name_of;

type User<'a, K> = shard::User<'a, K, RawRwLock>;

/// Locks by key, exclusive or shared: made when they are asked for, forgotten when nobody holds or wants them.
///
/// For what is locked by number or by name: accounts, files, devices. The table holds no values, only locks. It needs
/// memory for the keys in use, not for all that ever were.
///
/// Locks are handed over: whoever waits longest for a key gets it next. Waits take part in the detection of deadlocks.
/// All keys of a table are of one class, so a thread that holds one and locks another one is reported
/// ([`FindingKind::SameClass`](super::FindingKind::SameClass)): threads that do so can deadlock. To hold several, take
/// them by [`lock_all`](Self::lock_all).
///
/// Keys are taken by value, and kept while in use: for text let `K` be `&'static str` or `Arc<str>` rather than
/// `String`, and no call copies it. The table must not be used by a key's `Eq`. Cost: about 50 ns for a key that is
/// free, with one small allocation.
///
/// ```
/// use brigade::lock::LockTable;
///
/// let resources = LockTable::named("resources");
/// let reads = resources.lock_shared("settings");
/// let also_reads = resources.try_lock_shared("settings");
/// assert!(also_reads.is_some());
/// assert!(resources.try_lock("settings").is_none());
///
/// drop((reads, also_reads));
/// assert!(resources.is_empty());
/// ```
pub struct LockTable<K> {
    origin: Origin,
    hashes: RandomState,
    /// A power of two of them.
    shards: Box<[CachePadded<Shard<K, RawRwLock>>]>,
}

impl<K> LockTable<K> {
    /// A table whose locks are of the class of the line that calls this.
    #[track_caller]
    pub fn new() -> Self {
        Self::from_origin(Origin::place(Location::caller()))
    }

    /// A table whose locks are of a class that was declared.
    pub fn of(class: &'static Class) -> Self {
        Self::from_origin(Origin::class(class))
    }

    /// A table whose locks are of the class of this name; see [`Mutex::named`](super::Mutex::named).
    #[track_caller]
    pub fn named(name: &str) -> Self {
        Self::of(Class::interned(name, None, Location::caller()))
    }

    /// A table whose locks are of the class of this name and rank; see [`Rank`].
    ///
    /// ```
    /// use brigade::lock::{LockTable, Mutex, Rank};
    ///
    /// let accounts = LockTable::ranked(Rank(10), "accounts");
    /// let journal = Mutex::ranked(Rank(20), "journal", vec![]);
    /// let account = accounts.lock(17);
    /// journal.lock().push(*account.key()); // 10 before 20: as declared
    /// ```
    #[track_caller]
    pub fn ranked(rank: Rank, name: &str) -> Self {
        Self::of(Class::interned(name, Some(rank), Location::caller()))
    }

    fn from_origin(origin: Origin) -> Self {
        /// So many shards for each thread that can run: two threads then seldom want the same one at once.
        const SHARDS_PER_THREAD: usize = 4;
        let threads = available_parallelism().map_or(1, usize::from);
        let shards = (SHARDS_PER_THREAD * threads).next_power_of_two();
        Self {
            origin,
            hashes: RandomState::new(),
            shards: (0..shards)
                .map(|_| CachePadded::new(Shard::new()))
                .collect(),
        }
    }

    /// How many keys are held or waited for; it may be out of date at once.
    ///
    /// Cost: a look at each key in use.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// True if no key is held or waited for; it may be out of date at once.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq> LockTable<K> {
    /// Takes the lock of a key; waits while others hold it.
    ///
    /// # Panics
    /// If the wait would never end, with the report as the message. If the order is wrong but nothing hangs, as
    /// the [`Action`](super::Action) says.
    #[inline]
    #[track_caller]
    pub fn lock(&self, key: K) -> TableGuard<'_, K> {
        self.take(key, Mode::Exclusive, Location::caller())
    }

    /// Takes the lock of a key beside others who take it so; waits while somebody holds it, or waits for it,
    /// exclusively.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn lock_shared(&self, key: K) -> TableGuard<'_, K> {
        self.take(key, Mode::Shared, Location::caller())
    }

    /// As [`lock`](Self::lock), but a wait that would never end is an error.
    ///
    /// # Errors
    /// [`LockError::Deadlock`], also if the lock is taken against its [`Rank`].
    #[track_caller]
    pub fn lock_checked(&self, key: K) -> Result<TableGuard<'_, K>, LockError> {
        self.take_checked(key, Mode::Exclusive, Location::caller())
    }

    /// As [`lock_shared`](Self::lock_shared), but a wait that would never end is an error.
    ///
    /// # Errors
    /// As [`lock_checked`](Self::lock_checked).
    #[track_caller]
    pub fn lock_shared_checked(&self, key: K) -> Result<TableGuard<'_, K>, LockError> {
        self.take_checked(key, Mode::Shared, Location::caller())
    }

    /// As [`lock_checked`](Self::lock_checked), waiting for at most `limit`.
    ///
    /// # Errors
    /// [`LockError::TimedOut`], or at once [`LockError::Deadlock`] if it closes a cycle of threads of which no
    /// other would give up.
    #[track_caller]
    pub fn lock_timeout(&self, key: K, limit: Duration) -> Result<TableGuard<'_, K>, LockError> {
        self.take_timeout(key, Mode::Exclusive, Location::caller(), limit)
    }

    /// As [`lock_shared_checked`](Self::lock_shared_checked), waiting for at most `limit`.
    ///
    /// # Errors
    /// As [`lock_timeout`](Self::lock_timeout).
    #[track_caller]
    pub fn lock_shared_timeout(
        &self,
        key: K,
        limit: Duration,
    ) -> Result<TableGuard<'_, K>, LockError> {
        self.take_timeout(key, Mode::Shared, Location::caller(), limit)
    }

    /// Takes the lock of a key if it is free.
    #[track_caller]
    pub fn try_lock(&self, key: K) -> Option<TableGuard<'_, K>> {
        self.try_take(key, Mode::Exclusive, Location::caller())
    }

    /// Takes the lock of a key beside others who take it so, if nobody holds it, or waits for it, exclusively.
    #[track_caller]
    pub fn try_lock_shared(&self, key: K) -> Option<TableGuard<'_, K>> {
        self.try_take(key, Mode::Shared, Location::caller())
    }

    #[inline]
    fn take(&self, key: K, mode: Mode, place: &'static Location<'static>) -> TableGuard<'_, K> {
        let user = self.enter(key);
        take(user.lock(), mode, place);
        // SAFETY: it was just taken in this mode.
        unsafe { TableGuard::new(user, mode) }
    }

    fn take_checked(
        &self,
        key: K,
        mode: Mode,
        place: &'static Location<'static>,
    ) -> Result<TableGuard<'_, K>, LockError> {
        let user = self.enter(key);
        take_checked(user.lock(), mode, place)?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { TableGuard::new(user, mode) })
    }

    fn take_timeout(
        &self,
        key: K,
        mode: Mode,
        place: &'static Location<'static>,
        limit: Duration,
    ) -> Result<TableGuard<'_, K>, LockError> {
        let Some(deadline) = Instant::now().checked_add(limit) else {
            return self.take_checked(key, mode, place);
        };
        let user = self.enter(key);
        take_until(user.lock(), mode, place, deadline)?;
        // SAFETY: it was just taken in this mode.
        Ok(unsafe { TableGuard::new(user, mode) })
    }

    fn try_take(
        &self,
        key: K,
        mode: Mode,
        place: &'static Location<'static>,
    ) -> Option<TableGuard<'_, K>> {
        let user = self.enter(key);
        try_take(user.lock(), mode, place)?;
        // SAFETY: it was just taken in this mode.
        Some(unsafe { TableGuard::new(user, mode) })
    }

    /// Begins to use the entry of a key.
    #[inline]
    fn enter(&self, key: K) -> User<'_, K> {
        let hash = self.hashes.hash_one(&key);
        // The maps inside go by the lowest and the highest bits; these are neither.
        let shard = &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)];
        shard.enter(hash, key, || RawRwLock::new(self.origin))
    }
}

impl<K> Default for LockTable<K> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Drop for LockTable<K> {
    fn drop(&mut self) {
        // The guards of what is still in use were leaked, and keep their entries; but nothing is held any more.
        for shard in &self.shards {
            shard.for_each_lock(RawRwLock::forget_holders);
        }
    }
}

impl<K> fmt::Debug for LockTable<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LockTable")
            .field("name", &name_of(self.origin))
            .field("len", &self.len())
            .finish()
    }
}
