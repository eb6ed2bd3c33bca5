//! The read-write lock with a level.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::super::{
    RwLock as Plain, RwLockReadGuard as PlainReadGuard, RwLockWriteGuard as PlainWriteGuard,
};

use super::{Borrowed, LockAfter, Token};

/// A read-write lock that can be taken only in the order of its level; see the [module](super).
///
/// Readers must keep to the order, too: they block each other where a writer waits between them.
/// As large and as fast as the lock without a level.
pub struct OrderedRwLock<Level, T: ?Sized> {
    level: PhantomData<fn() -> Level>,
    plain: Plain<T>,
}

/// Shared access to what an [`OrderedRwLock`] protects, until dropped. It keeps the token
/// borrowed with which the lock was taken.
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct OrderedReadGuard<'token, Level, T: ?Sized> {
    plain: PlainReadGuard<'token, T>,
    token: Borrowed<'token, Level>,
}

/// Exclusive access to what an [`OrderedRwLock`] protects, until dropped. It keeps the token
/// borrowed with which the lock was taken.
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct OrderedWriteGuard<'token, Level, T: ?Sized> {
    plain: PlainWriteGuard<'token, T>,
    token: Borrowed<'token, Level>,
}

type Read<'token, Level, T> = (OrderedReadGuard<'token, Level, T>, Token<'token, Level>);
type Written<'token, Level, T> = (OrderedWriteGuard<'token, Level, T>, Token<'token, Level>);

impl<Level, T> OrderedRwLock<Level, T> {
    /// A read-write lock of this level, free.
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

impl<Level, T: ?Sized> OrderedRwLock<Level, T> {
    /// Waits for shared access. The token that comes with the guard is for locks of later levels;
    /// drop it or leave it if there are none to take.
    #[track_caller]
    pub fn read<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> (OrderedReadGuard<'token, Level, T>, Token<'token, Level>)
    where
        Level: LockAfter<Outer>,
    {
        Self::shared(token, self.plain.read())
    }

    /// Takes shared access if nobody has or waits for exclusive access.
    #[track_caller]
    pub fn try_read<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> Option<(OrderedReadGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_read()?;
        Some(Self::shared(token, plain))
    }

    /// Takes shared access if it can be had within this time.
    #[track_caller]
    pub fn try_read_for<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
        timeout: Duration,
    ) -> Option<(OrderedReadGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_read_for(timeout)?;
        Some(Self::shared(token, plain))
    }

    /// Waits for exclusive access. The token that comes with the guard is for locks of later levels.
    #[track_caller]
    pub fn write<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> (OrderedWriteGuard<'token, Level, T>, Token<'token, Level>)
    where
        Level: LockAfter<Outer>,
    {
        Self::exclusive(token, self.plain.write())
    }

    /// Takes exclusive access if nobody has any.
    #[track_caller]
    pub fn try_write<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
    ) -> Option<(OrderedWriteGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_write()?;
        Some(Self::exclusive(token, plain))
    }

    /// Takes exclusive access if it can be had within this time.
    #[track_caller]
    pub fn try_write_for<'token, Outer>(
        &'token self,
        token: &'token mut Token<'_, Outer>,
        timeout: Duration,
    ) -> Option<(OrderedWriteGuard<'token, Level, T>, Token<'token, Level>)>
    where
        Level: LockAfter<Outer>,
    {
        let plain = self.plain.try_write_for(timeout)?;
        Some(Self::exclusive(token, plain))
    }

    /// The value; no lock is needed, since nobody else can have one.
    pub fn get_mut(&mut self) -> &mut T {
        self.plain.get_mut()
    }

    /// The guard and the token in place of the one borrowed.
    fn shared<'token, Outer>(
        _borrowed: &'token mut Token<'_, Outer>,
        plain: PlainReadGuard<'token, T>,
    ) -> Read<'token, Level, T>
    where
        Level: LockAfter<Outer>,
    {
        let token = PhantomData;
        (OrderedReadGuard { plain, token }, Token::new())
    }

    /// The guard and the token in place of the one borrowed.
    fn exclusive<'token, Outer>(
        _borrowed: &'token mut Token<'_, Outer>,
        plain: PlainWriteGuard<'token, T>,
    ) -> Written<'token, Level, T>
    where
        Level: LockAfter<Outer>,
    {
        let token = PhantomData;
        (OrderedWriteGuard { plain, token }, Token::new())
    }
}

impl<Level, T: Default> Default for OrderedRwLock<Level, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<Level, T> From<T> for OrderedRwLock<Level, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<Level, T: ?Sized + fmt::Debug> fmt::Debug for OrderedRwLock<Level, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain.fmt(formatter)
    }
}

impl<Level, T: ?Sized> Deref for OrderedReadGuard<'_, Level, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.plain
    }
}

impl<Level, T: ?Sized> Deref for OrderedWriteGuard<'_, Level, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.plain
    }
}

impl<Level, T: ?Sized> DerefMut for OrderedWriteGuard<'_, Level, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.plain
    }
}

impl<Level, T: ?Sized + fmt::Debug> fmt::Debug for OrderedReadGuard<'_, Level, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

impl<Level, T: ?Sized + fmt::Debug> fmt::Debug for OrderedWriteGuard<'_, Level, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}
