//! Lock order checked by the compiler: taking locks in the wrong order does not compile.
//!
//! Levels are types, declared from the outermost inwards by [`lock_levels!`]. Each
//! [`OrderedMutex`] and [`OrderedRwLock`] has a level. To lock one, a thread shows a [`Token`]; the
//! first is its [`Key`], of which it can have one at a time. Locking borrows the token for as long as
//! the guard lives, and gives another one in its place, with which only locks of later levels can be
//! taken. So a thread that holds a lock cannot take one of the same or an earlier level, and threads
//! that take all their locks this way cannot deadlock on them.
//!
//! All of this is gone after compilation: tokens have no size, the locks and guards are as large as
//! the plain ones, and nothing is checked when the program runs but that a thread has one key.
//!
//! ```
//! use brigade::lock::order::{Key, OrderedMutex, OrderedRwLock, lock_levels};
//!
//! lock_levels! {
//!     /// Balances by account.
//!     pub Accounts < Journal < Log
//! }
//!
//! static ACCOUNTS: OrderedRwLock<Accounts, [i64; 2]> = OrderedRwLock::new([100, 0]);
//! static JOURNAL: OrderedMutex<Journal, Vec<i64>> = OrderedMutex::new(Vec::new());
//! static LOG: OrderedMutex<Log, String> = OrderedMutex::new(String::new());
//!
//! let mut key = Key::get().expect("no other key in this thread");
//! {
//!     let (mut accounts, mut token) = ACCOUNTS.write(&mut key);
//!     let (mut journal, _) = JOURNAL.lock(&mut token);
//!     accounts[0] -= 30;
//!     accounts[1] += 30;
//!     journal.push(30);
//! }
//! // A level can be skipped.
//! let (accounts, mut token) = ACCOUNTS.read(&mut key);
//! let (mut log, _) = LOG.lock(&mut token);
//! log.push_str(&format!("{accounts:?}"));
//! assert_eq!(*log, "[70, 30]");
//! ```
//!
//! # What does not compile
//!
//! The wrong order:
//!
//! ```compile_fail,E0277
//! use brigade::lock::order::{Key, OrderedMutex, lock_levels};
//!
//! lock_levels! { Accounts < Journal }
//!
//! let accounts = OrderedMutex::<Accounts, _>::new([100, 0]);
//! let journal = OrderedMutex::<Journal, _>::new(vec![30]);
//! let mut key = Key::get().unwrap();
//! let (_journal, mut token) = journal.lock(&mut key);
//! let (_accounts, _) = accounts.lock(&mut token); // `Accounts` comes before `Journal`
//! ```
//!
//! One level twice, be it two locks or one, be it only to read:
//!
//! ```compile_fail,E0277
//! use brigade::lock::order::{Key, OrderedRwLock, lock_levels};
//!
//! lock_levels! { Accounts }
//!
//! let ours = OrderedRwLock::<Accounts, _>::new([100, 0]);
//! let theirs = OrderedRwLock::<Accounts, _>::new([100, 0]);
//! let mut key = Key::get().unwrap();
//! let (_ours, mut token) = ours.read(&mut key);
//! let (_theirs, _) = theirs.read(&mut token); // `Accounts` is not after itself
//! ```
//!
//! The key, or any earlier token, while a guard lives:
//!
//! ```compile_fail,E0499
//! use brigade::lock::order::{Key, OrderedMutex, lock_levels};
//!
//! lock_levels! { Accounts < Journal }
//!
//! let accounts = OrderedMutex::<Accounts, _>::new([100, 0]);
//! let journal = OrderedMutex::<Journal, _>::new(vec![30]);
//! let mut key = Key::get().unwrap();
//! let (_journal, _) = journal.lock(&mut key);
//! let (_accounts, _) = accounts.lock(&mut key); // still borrowed by `_journal`
//! ```
//!
//! Giving the key up while a guard lives:
//!
//! ```compile_fail,E0505
//! use brigade::lock::order::{Key, OrderedMutex, lock_levels};
//!
//! lock_levels! { Accounts }
//!
//! let accounts = OrderedMutex::<Accounts, _>::new([100, 0]);
//! let mut key = Key::get().unwrap();
//! let (_accounts, _) = accounts.lock(&mut key);
//! drop(key); // still borrowed by `_accounts`
//! ```
//!
//! Taking a token to another thread:
//!
//! ```compile_fail,E0277
//! use brigade::lock::order::{Key, OrderedMutex, lock_levels};
//!
//! lock_levels! { Accounts < Journal }
//!
//! let accounts = OrderedMutex::<Accounts, _>::new([100, 0]);
//! let journal = OrderedMutex::<Journal, _>::new(vec![30]);
//! let mut key = Key::get().unwrap();
//! let (_accounts, mut token) = accounts.lock(&mut key);
//! std::thread::scope(|scope| {
//!     scope.spawn(|| drop(journal.lock(&mut token))); // tokens are not `Send`
//! });
//! ```
//!
//! # What the compiler cannot see
//!
//! Locks other than these; a guard that is leaked ([`std::mem::forget`]), whose lock stays taken
//! when its token is free again; and waiting for something else than a lock (another thread's end, a
//! message) while holding one. The rest of [`lock`](crate::lock) watches for those at run time.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use crate::primitive::thread_local;

#[doc(inline)]
pub use crate::__lock_levels as lock_levels;

pub use self::mutex::{OrderedMutex, OrderedMutexGuard};
pub use self::rwlock::{OrderedReadGuard, OrderedRwLock, OrderedWriteGuard};

mod mutex;
mod rwlock;

/// The level of a thread that holds none of these locks: before all others.
pub enum Root {}

/// Locks of this level may be taken while one of level `Outer` is held.
///
/// [`lock_levels!`] implements it for each level and all those before it, so that it is a strict
/// order: no level comes after itself, not even through others. Use it in the bounds of
/// functions that lock, to say with which tokens they can be called:
///
/// ```
/// use brigade::lock::order::{Key, LockAfter, OrderedMutex, Token, lock_levels};
///
/// lock_levels! { Accounts < Journal < Log }
///
/// static ACCOUNTS: OrderedMutex<Accounts, [i64; 2]> = OrderedMutex::new([100, 0]);
/// static JOURNAL: OrderedMutex<Journal, Vec<i64>> = OrderedMutex::new(Vec::new());
/// static LOG: OrderedMutex<Log, Vec<&str>> = OrderedMutex::new(Vec::new());
///
/// fn log<Outer>(line: &'static str, token: &mut Token<'_, Outer>)
/// where
///     Log: LockAfter<Outer>,
/// {
///     LOG.lock(token).0.push(line);
/// }
///
/// fn record<Outer>(amount: i64, token: &mut Token<'_, Outer>)
/// where
///     Journal: LockAfter<Outer>, // and so `Log` is, too
/// {
///     JOURNAL.lock(token).0.push(amount);
///     log("recorded", token);
/// }
///
/// let mut key = Key::get().unwrap();
/// record(1, &mut key);
/// let (_accounts, mut token) = ACCOUNTS.lock(&mut key);
/// record(2, &mut token);
/// ```
///
/// It is not to be implemented by hand, which could turn the order around:
///
/// ```compile_fail,E0046
/// use brigade::lock::order::{LockAfter, lock_levels};
///
/// lock_levels! { Accounts < Journal }
///
/// impl LockAfter<Journal> for Accounts {}
/// ```
#[diagnostic::on_unimplemented(
    message = "a lock of level `{Self}` cannot be taken while one of level `{Outer}` is held",
    label = "`{Self}` does not come after `{Outer}`",
    note = "the order of the levels is that of `lock_levels!`"
)]
pub trait LockAfter<Outer>: declared::AtOrAfter<Outer> {
    #[doc(hidden)]
    const DECLARED: declared::ByLockLevels;
}

/// What [`lock_levels!`] writes down. Not for use by hand: no semver promise.
#[doc(hidden)]
pub mod declared {
    /// The level is `Outer` itself or comes after it. Each level implements this for itself, and for
    /// all for which the level before it does. That the two never overlap is known to the
    /// compiler in the crate that declares the level, which is why levels can extend those of
    /// another crate; it would not be if [`LockAfter`](super::LockAfter) were built on itself.
    pub trait AtOrAfter<Outer> {}

    impl AtOrAfter<super::Root> for super::Root {}

    /// Before everything, and no level of any token. If `Root` came after one level alone, the compiler
    /// would take each token shown to a first level for that one's, and complain of other things.
    pub enum Nowhere {}

    impl AtOrAfter<Nowhere> for super::Root {}

    /// Keeps [`LockAfter`](super::LockAfter) from being implemented in passing.
    pub struct ByLockLevels;
}

/// Declares lock levels from the outermost inwards, each as a type.
///
/// ```
/// # use brigade::lock::order::lock_levels;
/// lock_levels! {
///     /// Documentation, other attributes and visibility are as for a struct.
///     pub Accounts < pub(crate) Journal < Log
/// }
/// ```
///
/// `after` declares levels that come after one declared before, here or in another crate. They then
/// come after all those before it, too, but have no order with other levels after it: of two
/// branches, only locks of one can be held at a time.
///
/// ```
/// # mod bank {
/// #     brigade::lock::order::lock_levels! { pub Accounts < pub Journal }
/// # }
/// # use brigade::lock::order::lock_levels;
/// lock_levels! { after bank::Accounts: Cache < CacheFile }
/// lock_levels! { after Cache: CacheIndex }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __lock_levels {
    (@after $outer:path;
        $(#[$attribute:meta])* $visibility:vis $level:ident $(< $($later:tt)+)?
    ) => {
        $(#[$attribute])*
        $visibility struct $level;

        // So that errors name the level, not the one before it.
        #[diagnostic::do_not_recommend]
        impl<__Outer> $crate::lock::order::LockAfter<__Outer> for $level
        where
            $outer: $crate::lock::order::declared::AtOrAfter<__Outer>,
        {
            const DECLARED: $crate::lock::order::declared::ByLockLevels =
                $crate::lock::order::declared::ByLockLevels;
        }

        impl $crate::lock::order::declared::AtOrAfter<$level> for $level {}

        impl<__Outer> $crate::lock::order::declared::AtOrAfter<__Outer> for $level
        where
            $outer: $crate::lock::order::declared::AtOrAfter<__Outer>,
        {
        }

        $($crate::__lock_levels! { @after $level; $($later)+ })?
    };
    (after $outer:path: $($levels:tt)+) => {
        $crate::__lock_levels! { @after $outer; $($levels)+ }
    };
    ($($levels:tt)+) => {
        $crate::__lock_levels! { @after $crate::lock::order::Root; $($levels)+ }
    };
}

/// The right to take locks of levels after `Level`. It has no size.
///
/// A [`Key`] can be used wherever a `&mut Token<'_, Root>` is asked for.
// Invariant: the tokens of a thread that are not borrowed are of the level of the innermost lock it
// holds, or after. `'outer` is the borrow of the token that this one stands in for. The raw pointer
// makes it neither `Send` nor `Sync`.
pub struct Token<'outer, Level> {
    outer: PhantomData<&'outer mut ()>,
    level: PhantomData<*const Level>,
}

impl<Level> Token<'_, Level> {
    /// Only for who has just taken a lock of this level and borrows the token it took it with.
    const fn new() -> Self {
        Self {
            outer: PhantomData,
            level: PhantomData,
        }
    }
}

impl<Level> fmt::Debug for Token<'_, Level> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = std::any::type_name::<Level>();
        formatter.debug_tuple("Token").field(&level).finish()
    }
}

/// In a guard: the token borrowed for it. Guards can be looked at from other threads but, like the
/// stand-in from std, not go there: their lock would then be held beside that thread's own tokens.
type Borrowed<'token, Level> = PhantomData<(MutexGuard<'token, ()>, fn() -> Level)>;

thread_local! {
    /// This thread has a key.
    static TAKEN: Cell<bool> = Cell::new(false);
}

/// A thread's first token: that of a thread that holds no ordered locks.
///
/// A thread has at most one at a time, and keeps it to itself.
#[derive(Debug)]
pub struct Key {
    token: Token<'static, Root>,
}

impl Key {
    /// This thread's key; `None` while it has one already. It can be had again after it was dropped.
    ///
    /// ```
    /// use brigade::lock::order::Key;
    ///
    /// let key = Key::get();
    /// assert!(key.is_some());
    /// assert!(Key::get().is_none());
    /// assert!(std::thread::spawn(|| Key::get().is_some()).join().unwrap());
    /// drop(key);
    /// assert!(Key::get().is_some());
    /// ```
    #[must_use]
    pub fn get() -> Option<Self> {
        let taken = TAKEN.with(|taken| taken.replace(true));
        (!taken).then(|| Self {
            token: Token::new(),
        })
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        TAKEN.with(|taken| taken.set(false));
    }
}

impl Deref for Key {
    type Target = Token<'static, Root>;

    fn deref(&self) -> &Self::Target {
        &self.token
    }
}

impl DerefMut for Key {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.token
    }
}

#[cfg(test)]
mod tests;
