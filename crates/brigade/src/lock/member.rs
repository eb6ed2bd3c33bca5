//! Taking several locks: one after the other in an order, or without holding any while waiting.

use std::panic::Location;
use std::time::Instant;

use parking_lot::lock_api::{GuardNoSend, RawMutex as _, RawRwLock as _, RawRwLockUpgrade as _};

use super::acquire::{self, Checked, note_taken};
use super::class::Rank;
use super::error::LockError;
use super::mode::Mode;
use super::mutex::RawMutex;
use super::raw_rwlock::RawRwLock;
use super::records;
use super::report::name_of;
use super::request::Request;

/// One of several locks that are taken together, and how.
#[derive(Clone, Copy)]
pub struct Member<'a>(Kind<'a>);

#[derive(Clone, Copy)]
enum Kind<'a> {
    Mutex(&'a RawMutex),
    RwLock(&'a RawRwLock, Mode),
}

impl<'a> Member<'a> {
    pub(crate) fn mutex(lock: &'a RawMutex) -> Self {
        Self(Kind::Mutex(lock))
    }

    pub(crate) fn rwlock(lock: &'a RawRwLock, mode: Mode) -> Self {
        Self(Kind::RwLock(lock, mode))
    }
}

impl Member<'_> {
    pub(crate) fn address(&self) -> usize {
        match &self.0 {
            Kind::Mutex(lock) => lock.address(),
            Kind::RwLock(lock, _) => lock.address(),
        }
    }

    /// The place in the order of the whole program.
    pub(crate) fn order(&self) -> (Option<Rank>, usize) {
        let origin = match &self.0 {
            Kind::Mutex(lock) => lock.origin(),
            Kind::RwLock(lock, _) => lock.origin(),
        };
        (origin.rank(), self.address())
    }

    pub(crate) fn name(&self) -> String {
        match &self.0 {
            Kind::Mutex(lock) => name_of(lock.origin()),
            Kind::RwLock(lock, _) => name_of(lock.origin()),
        }
    }

    fn request(&self, place: &'static Location<'static>) -> Request {
        match &self.0 {
            Kind::Mutex(lock) => Request::new(*lock, Mode::Exclusive, place),
            Kind::RwLock(lock, mode) => Request::new(*lock, *mode, place),
        }
    }

    fn attempt(&self) -> bool {
        match &self.0 {
            Kind::Mutex(lock) => lock.attempt(Mode::Exclusive),
            Kind::RwLock(lock, mode) => lock.attempt(*mode),
        }
        .is_some()
    }

    /// Notes that it was taken. Only the first of several has an order with what was held before: all others
    /// stand beside it.
    fn note(&self, place: &'static Location<'static>, first: bool) {
        match &self.0 {
            Kind::Mutex(lock) => note_taken(*lock, Mode::Exclusive, place, first),
            Kind::RwLock(lock, mode) => note_taken(*lock, *mode, place, first),
        }
    }

    /// Takes it without a look at its order.
    fn wait(
        &self,
        place: &'static Location<'static>,
        until: Option<Instant>,
    ) -> Result<(), LockError> {
        match &self.0 {
            Kind::Mutex(lock) => acquire::wait_unnoted(*lock, Mode::Exclusive, place, until),
            Kind::RwLock(lock, mode) => acquire::wait_unnoted(*lock, *mode, place, until),
        }
    }

    /// Releases it.
    ///
    /// # Safety
    /// This thread holds it, as the mode says, and no guard does.
    unsafe fn release(&self) {
        let guard = GuardNoSend::new();
        // SAFETY: a hold has no state of its own; the rest is the caller's obligation.
        unsafe {
            match &self.0 {
                Kind::Mutex(lock) => lock.unlock(guard),
                Kind::RwLock(lock, Mode::Exclusive) => lock.unlock_exclusive(guard),
                Kind::RwLock(lock, Mode::Upgradable) => lock.unlock_upgradable(guard),
                Kind::RwLock(lock, Mode::Shared) => lock.unlock_shared(guard),
            }
        }
    }
}

/// Releases what was taken so far, unless all was.
struct Taken<'m, 'a> {
    members: &'m [Member<'a>],
    count: usize,
}

impl Drop for Taken<'_, '_> {
    fn drop(&mut self) {
        for member in self.members[..self.count].iter().rev() {
            // SAFETY: the first `count` were taken, and their guards do not exist yet.
            unsafe { member.release() };
        }
    }
}

/// Looks whether each may be taken under what the thread holds.
#[track_caller]
fn predict(members: &[Member<'_>], place: &'static Location<'static>) -> Result<(), LockError> {
    if let Some(record) = records::current() {
        for member in members {
            member.request(place).predict_checked(record)?;
        }
    }
    Ok(())
}

/// Takes all, in their order.
#[track_caller]
pub(crate) fn take_all_in_order(
    members: &[Member<'_>],
    place: &'static Location<'static>,
) -> Result<(), LockError> {
    predict(members, place)?;
    let mut taken = Taken { members, count: 0 };
    for member in taken.members {
        if !member.attempt() {
            member.wait(place, None)?;
        }
        member.note(place, taken.count == 0);
        taken.count += 1;
    }
    std::mem::forget(taken);
    Ok(())
}

/// Takes all if they are free. The order does not matter: nothing is waited for.
pub(crate) fn try_take_all(
    members: &[Member<'_>],
    place: &'static Location<'static>,
) -> Result<(), LockError> {
    match try_from(members, 0, place) {
        None => Ok(()),
        Some(busy) => Err(LockError::WouldBlock {
            lock: members[busy].name(),
        }),
    }
}

/// Takes all by `deadline`: waits for one that is not free while it holds none, then tries the others.
pub(crate) fn take_all_by(
    members: &mut [Member<'_>],
    place: &'static Location<'static>,
    deadline: Instant,
) -> Result<(), LockError> {
    let began = Instant::now();
    let mut held = 0;
    while let Some(busy) = try_from(members, held, place) {
        if held > 0 {
            // SAFETY: it was taken below, and `try_from` released only what it had taken.
            unsafe { members[0].release() };
        }
        if Instant::now() >= deadline {
            return Err(members[busy].request(place).timed_out(began.elapsed()));
        }
        // What is not free comes first from now on, and is waited for.
        members.swap(0, busy);
        members[0].wait(place, Some(deadline))?;
        members[0].note(place, false);
        held = 1;
    }
    Ok(())
}

/// Takes the members from `first` on, or says which one is not free; then none of these is held.
fn try_from(
    members: &[Member<'_>],
    first: usize,
    place: &'static Location<'static>,
) -> Option<usize> {
    let mut taken = Taken {
        members: &members[first..],
        count: 0,
    };
    for member in taken.members {
        if !member.attempt() {
            return Some(first + taken.count);
        }
        member.note(place, false);
        taken.count += 1;
    }
    std::mem::forget(taken);
    None
}
