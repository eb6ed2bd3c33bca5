//! The way to a lock and back, the same for all kinds: it is taken, noted as held, and released.

use std::panic::Location;
use std::time::Instant;

use parking_lot::lock_api::GuardNoSend;

use super::abandoned;
use super::action;
use super::chain::Chain;
use super::class::Origin;
use super::error::LockError;
use super::held::{Held, Record};
use super::mode::Mode;
use super::records;
use super::request::{Request, is_news};

/// A lock as the checks see it: where it comes from, and how the lock below is taken.
pub(crate) trait Checked {
    /// It is a read-write lock.
    const HAS_READERS: bool;

    fn origin(&self) -> Origin;
    /// Takes the lock if it is free.
    fn attempt(&self, mode: Mode) -> Option<GuardNoSend>;
    /// Takes the lock, or gives up at a moment.
    fn wait(&self, mode: Mode, until: Option<Instant>) -> Option<GuardNoSend>;

    #[inline(always)]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Takes the lock; waits while others hold it.
///
/// # Panics
/// If the wait would never end, and as the action says on what is predicted.
#[track_caller]
#[inline(always)]
pub(crate) fn take<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
) -> GuardNoSend {
    let Some(record) = records::current() else {
        return forever(lock, mode);
    };
    let depth = record.depth();
    let chain = record.chain_with(depth, lock.origin(), mode, true);
    if is_news(lock.address(), L::HAS_READERS, mode, record, depth, chain) {
        act_on_news(lock, mode, place, record, chain);
    }
    let guard = match lock.attempt(mode) {
        Some(guard) => guard,
        None => wait(lock, mode, place, record),
    };
    record.push(depth, held(lock, place, chain));
    guard
}

/// Takes the lock if it is free. It does not wait, so its order cannot be wrong; what is taken under it can.
#[inline(always)]
pub(crate) fn try_take<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
) -> Option<GuardNoSend> {
    let guard = lock.attempt(mode)?;
    note_taken(lock, mode, place, false);
    Some(guard)
}

/// As [`take`], but a wait that would never end and a wrong rank are returned as errors.
#[track_caller]
pub(crate) fn take_checked<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
) -> Result<GuardNoSend, LockError> {
    let Some(record) = records::current() else {
        return Ok(forever(lock, mode));
    };
    let request = Request::new(lock, mode, place);
    let depth = record.depth();
    let chain = record.chain_with(depth, lock.origin(), mode, true);
    if is_news(lock.address(), L::HAS_READERS, mode, record, depth, chain) {
        request
            .act_or_refuse(record, chain)
            .map_err(LockError::Deadlock)?;
    }
    let guard = match lock.attempt(mode) {
        Some(guard) => guard,
        None => match request
            .wait(lock, record, None)
            .map_err(LockError::Deadlock)?
        {
            Some(guard) => guard,
            None => forever(lock, mode),
        },
    };
    record.push(depth, held(lock, place, chain));
    Ok(guard)
}

/// Takes the lock, or gives up at `deadline`. A wait that ends can stall but not deadlock, so its order is not held
/// against it; but if the others in a cycle wait for ever, it ends at once.
pub(crate) fn take_until<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    deadline: Instant,
) -> Result<GuardNoSend, LockError> {
    if let Some(guard) = try_take(lock, mode, place) {
        return Ok(guard);
    }
    wait_unnoted(lock, mode, place, Some(deadline))?;
    note_taken(lock, mode, place, false);
    Ok(GuardNoSend::new())
}

/// As [`take_until`], but never gives up early.
pub(crate) fn take_by<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    deadline: Instant,
) -> Option<GuardNoSend> {
    match take_until(lock, mode, place, deadline) {
        Ok(guard) => Some(guard),
        // The others in the cycle may give up.
        Err(LockError::Deadlock(_)) => {
            let guard = lock.wait(mode, Some(deadline))?;
            note_taken(lock, mode, place, false);
            Some(guard)
        }
        Err(_) => None,
    }
}

/// Waits for a lock without a look at its order; whoever calls this notes that it was taken.
pub(crate) fn wait_unnoted<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    until: Option<Instant>,
) -> Result<(), LockError> {
    let request = Request::new(lock, mode, place);
    let began = Instant::now();
    let waited = match records::current() {
        Some(record) => request
            .wait(lock, record, until)
            .map_err(LockError::Deadlock)?,
        None => lock.wait(mode, until),
    };
    match waited {
        Some(_) => Ok(()),
        None => Err(request.timed_out(began.elapsed())),
    }
}

/// Notes that a lock was taken; `checked` if its order with all locks before it was.
#[inline(always)]
pub(crate) fn note_taken<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    checked: bool,
) {
    if let Some(record) = records::current() {
        let depth = record.depth();
        let chain = record.chain_with(depth, lock.origin(), mode, checked);
        record.push(depth, held(lock, place, chain));
    }
}

/// Notes that a lock is released. To be called before it is, so that what is noted as held is held.
#[inline(always)]
pub(crate) fn release(address: usize) {
    match records::current() {
        Some(record) => record.pop(address),
        None => abandoned::forget(address),
    }
}

/// As [`release`], of a lock that nobody else can have meanwhile; true if it should be handed to who has waited longest.
#[inline(always)]
pub(crate) fn release_exclusive(address: usize) -> bool {
    release(address);
    records::current().is_some_and(|record| record.turns.let_others())
}

/// Notes that a lock is now held in another mode.
pub(crate) fn change_mode(address: usize, mode: Mode) {
    if let Some(record) = records::current() {
        record.change_mode(address, mode);
    }
}

/// Notes that a lock that is held will be released and taken again at this place.
pub(crate) fn retaken_at(address: usize, place: &'static Location<'static>) {
    if let Some(record) = records::current() {
        record.change_place(address, place);
    }
}

/// Waits without a limit of time.
#[inline]
fn forever<L: Checked>(lock: &L, mode: Mode) -> GuardNoSend {
    loop {
        if let Some(guard) = lock.wait(mode, None) {
            return guard;
        }
    }
}

#[inline(always)]
fn held<L: Checked>(lock: &L, place: &'static Location<'static>, chain: Chain) -> Held {
    Held {
        address: lock.address(),
        origin: lock.origin(),
        place,
        chain,
    }
}

#[track_caller]
#[cold]
#[inline(never)]
fn act_on_news<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    record: &Record,
    chain: Chain,
) {
    Request::new(lock, mode, place).act_on_news(record, chain);
}

#[track_caller]
#[cold]
#[inline(never)]
fn wait<L: Checked>(
    lock: &L,
    mode: Mode,
    place: &'static Location<'static>,
    record: &'static Record,
) -> GuardNoSend {
    match Request::new(lock, mode, place).wait(lock, record, None) {
        Ok(Some(guard)) => return guard,
        Ok(None) => {}
        Err(report) => action::fail(&report),
    }
    forever(lock, mode)
}
