//! Several locks at once: all of them or none.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::error::LockError;
use super::lockable::LockSet;
use super::member::{Member, take_all_by, take_all_in_order, try_take_all};

/// Takes several locks at once; waits while others hold some of them.
///
/// The locks are taken in one order that is the same in the whole program (by rank, then by address), whatever the
/// order in which they are given; so calls of it cannot deadlock with each other. They may be of one class.
/// They are given as a tuple of up to eight, or as a slice; read-write locks by
/// [`reading`](super::RwLock::reading) or [`writing`](super::RwLock::writing). The guards come back in the same form.
///
/// # Errors
/// [`LockError::Duplicate`] if a lock is given twice; [`LockError::Deadlock`] if the wait would never end, because of
/// locks that the thread holds already. Nothing is held then.
///
/// ```
/// use brigade::lock::{LockError, Mutex, RwLock, lock_all};
///
/// let (from, to, rate) = (Mutex::new(100), Mutex::new(0), RwLock::new(2));
/// {
///     let (mut from, mut to, rate) = lock_all((&from, &to, rate.reading()))?;
///     *from -= 10;
///     *to += 10 * *rate;
/// }
/// assert!(matches!(lock_all((&from, &from)), Err(LockError::Duplicate { .. })));
/// # Ok::<(), LockError>(())
/// ```
#[track_caller]
pub fn lock_all<S: LockSet>(locks: S) -> Result<S::Guards, LockError> {
    let place = Location::caller();
    let members = sorted(&locks)?;
    take_all_in_order(&members, place)?;
    // SAFETY: all of them have just been taken.
    Ok(unsafe { locks.guards() })
}

/// As [`lock_all`], waiting for at most `limit`. While it waits for one of the locks it holds none of the others.
///
/// # Errors
/// [`LockError::TimedOut`] with the lock that was waited for; otherwise as [`lock_all`].
#[track_caller]
pub fn lock_all_timeout<S: LockSet>(locks: S, limit: Duration) -> Result<S::Guards, LockError> {
    let place = Location::caller();
    let mut members = sorted(&locks)?;
    match Instant::now().checked_add(limit) {
        Some(deadline) => take_all_by(&mut members, place, deadline)?,
        None => take_all_in_order(&members, place)?,
    }
    // SAFETY: all of them have just been taken.
    Ok(unsafe { locks.guards() })
}

/// Takes several locks at once if all of them are free.
///
/// # Errors
/// [`LockError::WouldBlock`] with the first lock that is not free; [`LockError::Duplicate`] as [`lock_all`].
#[track_caller]
pub fn try_lock_all<S: LockSet>(locks: S) -> Result<S::Guards, LockError> {
    let place = Location::caller();
    let members = sorted(&locks)?;
    try_take_all(&members, place)?;
    // SAFETY: all of them have just been taken.
    Ok(unsafe { locks.guards() })
}

/// The members in the order of the whole program.
fn sorted<S: LockSet>(locks: &S) -> Result<Vec<Member<'_>>, LockError> {
    let mut members = Vec::new();
    locks.collect(&mut |member| members.push(member));
    members.sort_by_key(Member::order);
    let twice = members
        .windows(2)
        .find(|pair| pair[0].address() == pair[1].address());
    match twice {
        Some(pair) => Err(LockError::Duplicate {
            lock: pair[0].name(),
        }),
        None => Ok(members),
    }
}
