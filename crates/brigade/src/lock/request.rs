//! One thread's wish for one lock: is the order right, would waiting end.

use std::panic::Location;
use std::time::{Duration, Instant};

use crossbeam_utils::Backoff;
use parking_lot::lock_api::GuardNoSend;

use super::abandoned;
use super::acquire::Checked;
use super::action;
use super::chain::Chain;
use super::class::Origin;
use super::detection::{self, Wanted};
use super::error::LockError;
use super::held::Record;
use super::mode::Mode;
use super::prediction;
use super::records;
use super::report::{FindingKind, Report, name_of};

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

    /// Looks at a chain that is news, and acts on what is wrong.
    #[track_caller]
    pub(crate) fn act_on_news(self, record: &Record, chain: Chain) {
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

    /// As [`act_on_news`](Self::act_on_news), but what is wrong in every run is returned.
    #[track_caller]
    pub(crate) fn act_or_refuse(self, record: &Record, chain: Chain) -> Result<(), Box<Report>> {
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
    pub(crate) fn wait<L: Checked>(
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

/// True if the chain must be looked at. A thread that holds nothing can take any lock; only that somebody writes must
/// be known, since readers then can wait for readers.
#[inline(always)]
pub(crate) fn is_news(
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

/// What was acted on once need not be looked at again, unless it is refused where errors are returned.
fn note_acted_on(findings: &[Report], record: &Record, chain: Chain) {
    let is_refused = |report: &Report| report.kind() == FindingKind::Rank;
    if !findings.is_empty() && !findings.iter().any(is_refused) {
        record.note_seen(chain);
    }
}
