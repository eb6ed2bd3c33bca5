//! One key's lock, held.

use std::fmt;
use std::marker::PhantomData;

use parking_lot::lock_api::GuardNoSend;

use super::User;
use crate::lock::mode::Mode;

/// Holds the lock of one key of a [`LockTable`](super::LockTable), and releases it when dropped.
///
/// Whoever waits longest for the key gets it then.
#[must_use = "the lock is released when the guard is dropped"]
pub struct TableGuard<'a, K> {
    user: User<'a, K>,
    /// Invariant: the thread that has the guard holds the lock in this mode, for this guard alone.
    mode: Mode,
    /// Locks are released by the thread that took them.
    stays: PhantomData<GuardNoSend>,
}

impl<'a, K> TableGuard<'a, K> {
    /// The guard of a lock that this thread has just taken.
    ///
    /// # Safety
    /// It holds it in this mode, and has no guard for it.
    #[inline]
    pub(super) unsafe fn new(user: User<'a, K>, mode: Mode) -> Self {
        Self {
            user,
            mode,
            stays: PhantomData,
        }
    }

    /// The key.
    pub fn key(&self) -> &K {
        self.user.key()
    }

    /// True if others may hold the same key, shared.
    pub fn is_shared(&self) -> bool {
        self.mode == Mode::Shared
    }
}

impl<K> Drop for TableGuard<'_, K> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant of `mode`; the guard is not `Send`, so this is that thread.
        unsafe { self.user.lock().release_fairly(self.mode) }
    }
}

impl<K: fmt::Debug> fmt::Debug for TableGuard<'_, K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TableGuard")
            .field("key", self.key())
            .field("shared", &self.is_shared())
            .finish()
    }
}
