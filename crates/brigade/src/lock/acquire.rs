//! The way to a lock, the same for all kinds: is the order right, is the lock free, would waiting end.

use std::panic::Location;
use std::time::{Duration, Instant};

use crossbeam_utils::Backoff;
use parking_lot::lock_api::GuardNoSend;

use super::abandoned;
use super::action;
use super::chain::Chain;
use super::class::Origin;
use super::detection::{self, Wanted};
use super::error::LockError;
use super::held::{Held, Record};
use super::mode::Mode;
use super::prediction;
use super::records;
use super::report::{FindingKind, Report, name_of};

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

/// One thread's wish for one lock.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) address: usize,
    pub(crate) origin: Origin,
    pub(crate) mode: Mode,
    /// It is a read-write lock.
    pub(crate) has_readers: bool,
    /// The thread holds it upgradably, and wants it exclusively.
    pub(crate) upgrades: bool,
    /// Where it was made.
    pub(crate) place: &'static Location<'static>,
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

/// True if the chain must be looked at. A thread that holds nothing can take any lock; only that somebody writes must
/// be known, since readers then can wait for readers.
#[inline(always)]
fn is_news(
    address: usize,
    has_readers: bool,
    mode: Mode,
    record: &Record,
    depth: usize,
    chain: Chain,
) -> bool {
    let writes = has_readers && matches!(mode, Mode::Exclusive);
    if depth == 0 && !writes {
        return false;
    }
    // The same lock read twice is not seen by its class, if locks of the class may be nested.
    !record.has_seen(chain) || !matches!(mode, Mode::Exclusive) && record.holds(address).is_some()
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

/// What was acted on once need not be looked at again, unless it is refused where errors are returned.
fn note_acted_on(findings: &[Report], record: &Record, chain: Chain) {
    let is_refused = |report: &Report| report.kind() == FindingKind::Rank;
    if !findings.is_empty() && !findings.iter().any(is_refused) {
        record.note_seen(chain);
    }
}

impl Request {
    pub(crate) fn new<L: Checked>(lock: &L, mode: Mode, place: &'static Location<'static>) -> Self {
        Self {
            address: lock.address(),
            origin: lock.origin(),
            mode,
            has_readers: L::HAS_READERS,
            upgrades: false,
            place,
        }
    }

    /// Looks whether the lock may be taken, and acts on it if not.
    #[track_caller]
    pub(crate) fn predict(self, record: &Record) {
        if let Some(chain) = self.news(record) {
            self.act_on_news(record, chain);
        }
    }

    /// As [`predict`](Self::predict), but what is wrong in every run is returned.
    #[track_caller]
    pub(crate) fn predict_checked(self, record: &Record) -> Result<(), LockError> {
        let news = self.news(record);
        let acted = news.map_or(Ok(()), |chain| self.act_or_refuse(record, chain));
        acted.map_err(LockError::Deadlock)
    }

    /// The chain that taking the lock makes, if it must be looked at.
    fn news(&self, record: &Record) -> Option<Chain> {
        let depth = record.depth();
        let chain = record.chain_with(depth, self.origin, self.mode, true);
        let (address, has_readers, mode) = (self.address, self.has_readers, self.mode);
        is_news(address, has_readers, mode, record, depth, chain).then_some(chain)
    }

    #[track_caller]
    fn act_on_news(self, record: &Record, chain: Chain) {
        let findings = prediction::check(record, &self, chain);
        if self.blocks_itself(record) {
            for finding in &findings {
                action::fail(finding);
            }
        } else {
            for finding in &findings {
                action::act(finding);
            }
            note_acted_on(&findings, record, chain);
        }
    }

    #[track_caller]
    fn act_or_refuse(self, record: &Record, chain: Chain) -> Result<(), Box<Report>> {
        let mut findings = prediction::check(record, &self, chain);
        let refuses =
            |report: &Report| report.kind() == FindingKind::Rank || self.blocks_itself(record);
        let refused = findings.extract_if(.., |report| refuses(report)).next();
        for finding in &findings {
            action::act(finding);
        }
        match refused {
            Some(report) => Err(Box::new(report)),
            None => {
                note_acted_on(&findings, record, chain);
                Ok(())
            }
        }
    }

    /// True if this very thread holds the lock so that it cannot have it again.
    pub(crate) fn blocks_itself(&self, record: &Record) -> bool {
        let own = record.holds(self.address);
        !self.upgrades && own.is_some_and(|held| self.mode.excludes(held.chain.mode()))
    }

    /// Waits for the lock, in the wait graph if somebody could wait for this thread; `None` if it gave up.
    fn wait<L: Checked>(
        self,
        lock: &L,
        record: &'static Record,
        until: Option<Instant>,
    ) -> Result<Option<GuardNoSend>, Box<Report>> {
        let wait = |until| lock.wait(self.mode, until);
        // Readers wait behind a writer that waits, though it holds nothing.
        let is_in_the_way = self.has_readers && self.mode == Mode::Exclusive;
        if record.is_free() && !is_in_the_way && !abandoned::any() {
            return Ok(wait(until));
        }
        // Most waits are over before it would pay to enter the graph; a free thread leaves this to the lock below.
        let backoff = Backoff::new();
        while !backoff.is_completed() {
            if let Some(guard) = lock.attempt(self.mode) {
                return Ok(Some(guard));
            }
            backoff.snooze();
        }
        detection::wait(record, Wanted::lock(self, until), &wait)
    }

    /// Waits by `wait` for the lock that the thread holds upgradably.
    ///
    /// # Panics
    /// If the wait would never end.
    #[cold]
    #[track_caller]
    pub(crate) fn wait_to_upgrade<G>(self, wait: impl FnOnce() -> G) -> G {
        let enter = |record| detection::enter(record, Wanted::lock(self, None));
        let entered = records::current().map(enter).transpose();
        if let Err(report) = &entered {
            action::fail(report);
        }
        wait()
    }

    pub(crate) fn timed_out(self, waited: Duration) -> LockError {
        LockError::TimedOut {
            lock: name_of(self.origin),
            waited,
        }
    }
}
