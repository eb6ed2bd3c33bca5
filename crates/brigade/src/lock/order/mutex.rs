//! The mutex with a level.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::super::{Mutex as Plain, MutexGuard as PlainGuard};

use super::{Borrowed, LockAfter, Token};

/// A mutex that can be taken only in the order of its level; see the [module](super).
///
/// As large and as fast as [`Mutex`](crate::lock::Mutex), which it is underneath: orders with other locks are still
/// compared as the program runs.
pub struct OrderedMutex<Level, T: ?Sized> {
    level: PhantomData<fn() -> Level>,
    plain: Plain<T>,
}

/// Access to what an [`OrderedMutex`] protects, until dropped. It keeps the token borrowed with
/// which the lock was taken.
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct OrderedMutexGuard<'token, Level, T: ?Sized> {
    plain: PlainGuard<'token, T>,
    token: Borrowed<'token, Level>,
}

type Taken<'token, Level, T> = (OrderedMutexGuard<'token, Level, T>, Token<'token, Level>);

impl<Level, T> OrderedMutex<Level, T> {
    /// A mutex of this level, free.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            level: PhantomData,
            plain: Plain::new(value),
        }
    }

    /// The value, without the lock.
    pub fn into_inner(self) -> T {
        self.plain.into_inner()
    }
}

impl<Level, T: ?Sized> OrderedMutex<Level, T> {
    /// Waits for the lock and takes it. The token that comes with the guard is for locks of later
    /// levels; drop it or leave it if there are none to take.
    #[track_caller]
    pub fn lock<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> (OrderedMutexGuard<'token, Level, T>, Token<'token, Level>)
    where
        Level: LockAfter<Outer>,
    {
        Self::taken(token, self.plain.lock())
    }

    /// Takes the lock if it is free.
    #[track_caller]
    pub fn try_lock<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> Option<(OrderedMutexGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_lock()?;
        Some(Self::taken(token, plain))
    }

    /// Takes the lock if it becomes free within this time.
    #[track_caller]
    pub fn try_lock_for<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
        timeout: Duration,
    ) -> Option<(OrderedMutexGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_lock_for(timeout)?;
        Some(Self::taken(token, plain))
    }

    /// The value; no lock is needed, since nobody else can have one.
    pub fn get_mut(&mut self) -> &mut T {
        self.plain.get_mut()
    }

    /// The guard and the token in place of the one borrowed.
    fn taken<'token, Outer>(
        _borrowed: &'token mut Token<'_, Outer>,
        plain: PlainGuard<'token, T>,
    ) -> Taken<'token, Level, T>
    where
        Level: LockAfter<Outer>,
    {
        let guard = OrderedMutexGuard {
            plain,
            token: PhantomData,
        };
        (guard, Token::new())
    }
}

impl<Level, T: Default> Default for OrderedMutex<Level, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<Level, T> From<T> for OrderedMutex<Level, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<Level, T: ?Sized + fmt::Debug> fmt::Debug for OrderedMutex<Level, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain.fmt(formatter)
    }
}

impl<Level, T: ?Sized> Deref for OrderedMutexGuard<'_, Level, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.plain
    }
}

impl<Level, T: ?Sized> DerefMut for OrderedMutexGuard<'_, Level, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.plain
    }
}

impl<Level, T: ?Sized + fmt::Debug> fmt::Debug for OrderedMutexGuard<'_, Level, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
