//! Who waits for whom: a wait that would close a cycle fails.
//!
//! A thread enters the graph when it is about to wait, unless it holds nothing that others could wait for. The
//! one that enters last sees the whole cycle, and its call fails; so nobody has to look from time to time, but
//! for readers (see [`Entered::confirm`]), and when fewer threads than before may begin what is queued (see [`stir`]).
//!
//! Why nothing is missed: whoever is in a cycle noted what it holds before it entered, and entering takes the
//! graph's lock, so the last one sees all. Why there is no false alarm: a lock is taken off its holder's record
//! before it is released; so when the record of a thread that is entered, and therefore still, has the lock, it
//! has it in fact.

use std::panic::Location;
use std::sync::{Arc, LazyLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::primitive::Mutex;

use super::abandoned;
use super::class::Origin;
use super::held::{Held, Record};
use super::mode::Mode;
use super::report::{Access, Acquisition, FindingKind, Report, Step};
use super::request::Request;

/// What a thread is about to wait for.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) target: Target,
    /// When it gives up.
    pub(crate) until: Option<Instant>,
    /// Where it wanted that.
    pub(crate) place: Option<&'static Location<'static>>,
}

/// What a thread can wait for.
#[derive(Clone)]
pub(crate) enum Target {
    Lock {
        address: usize,
        origin: Origin,
        mode: Mode,
        /// The thread holds it already, and wants more of it.
        upgrades: bool,
        has_readers: bool,
    },
    /// That whoever has this duty has done it.
    Duty { address: usize, name: Arc<str> },
    /// That all who run tasks of a pool have ended what they do.
    Pool {
        duties: PoolDuties,
        /// That somebody begins what is queued, if nobody is left who runs anything else.
        queued: Arc<dyn Awaited>,
        name: Arc<str>,
        waker: Waker,
    },
    /// Something that other threads may have to bring about at other moments.
    Changing {
        awaited: Arc<dyn Awaited>,
        name: Arc<str>,
        access: Access,
        /// Makes the thread look again whether this wait can end.
        waker: Waker,
    },
}

impl Wanted {
    pub(crate) fn lock(request: Request, until: Option<Instant>) -> Self {
        let target = Target::Lock {
            address: request.address,
            origin: request.origin,
            mode: request.mode,
            upgrades: request.upgrades,
            has_readers: request.has_readers,
        };
        Self {
            target,
            until,
            place: Some(request.place),
        }
    }

    /// True if waiting writers, who do not hold the lock yet, can be in the way.
    fn waits_behind_writers(&self) -> bool {
        matches!(
            self.target,
            Target::Lock {
                has_readers: true,
                mode: Mode::Shared | Mode::Upgradable,
                ..
            }
        )
    }

    pub(crate) fn acquisition(&self) -> Acquisition {
        match &self.target {
            Target::Lock { origin, mode, .. } => Acquisition::of_lock(*origin, *mode, self.place),
            Target::Duty { name, .. } | Target::Pool { name, .. } => {
                Acquisition::of_other(name, Access::Completion)
            }
            Target::Changing { name, access, .. } => Acquisition::of_other(name, *access),
        }
    }
}

/// The duties of those who run the tasks of a pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolDuties {
    /// Of its workers.
    pub(crate) worker: usize,
    /// Of other threads, which run a task that they brought or wait for. They take no other from the queue.
    pub(crate) guest: usize,
}

/// What a thread waits for, if who must act for that depends on the moment: room in a queue, rest.
pub(crate) trait Awaited: Send + Sync {
    /// Who must act before the wait can end. Called under the graph's lock.
    fn needs(&self) -> Needs;
}

/// Who must act before a wait can end: threads, known by their duties.
pub(crate) enum Needs {
    /// Nobody, as far as is known: it may end already.
    Nobody,
    /// Each of the threads with one of these duties.
    Each(Vec<usize>),
    /// One of the threads with one of these duties. There are so many of them, or are about to be: who waits is
    /// stuck only if all of them are.
    Any { duties: Vec<usize>, threads: usize },
}

impl Needs {
    fn duties(&self) -> &[usize] {
        match self {
            Self::Nobody => &[],
            Self::Each(duties) | Self::Any { duties, .. } => duties,
        }
    }
}

/// A thread that waits.
#[derive(Clone)]
struct Wait {
    ticket: u64,
    record: &'static Record,
    wanted: Wanted,
    /// How often the thread has seen, while it waited, that it was still waiting.
    confirmed: u32,
}

impl Wait {
    /// Who must act now before it can end, if that depends on the moment.
    fn needs(&self) -> Needs {
        match &self.wanted.target {
            Target::Changing { awaited, .. } => awaited.needs(),
            Target::Pool { queued, .. } => queued.needs(),
            _ => Needs::Nobody,
        }
    }

    /// True if `other` must do something before this wait, which now has these needs, can end.
    fn is_blocked_by(&self, other: &Self, needs: &Needs) -> bool {
        match self.wanted.target {
            Target::Lock { .. } => other.record.any_held(|held| self.is_blocked(other, held)),
            Target::Duty { address, .. } => other.record.duties.include(address),
            Target::Pool { duties, .. } if needs.duties().is_empty() => {
                let waits_for_the_same = matches!(
                    other.wanted.target,
                    Target::Pool { duties: its, .. } if its == duties
                );
                let PoolDuties { worker, guest } = duties;
                let mut runs_tasks = [worker, guest].into_iter();
                runs_tasks.any(|duty| other.record.duties.include(duty)) && !waits_for_the_same
            }
            Target::Pool { .. } | Target::Changing { .. } => {
                let mut duties = needs.duties().iter();
                duties.any(|duty| other.record.duties.include(*duty))
            }
        }
    }

    /// True if this waits for a lock that `other` holds so.
    fn is_blocked(&self, other: &Self, held: &Held) -> bool {
        let Target::Lock {
            address,
            mode,
            upgrades,
            ..
        } = self.wanted.target
        else {
            return false;
        };
        // Not by what is to be upgraded, but by what else the thread reads.
        let upgraded =
            upgrades && self.ticket == other.ticket && held.chain.mode() == Mode::Upgradable;
        held.address == address && mode.excludes(held.chain.mode()) && !upgraded
    }

    /// True if this is a reader that may wait behind `other`, a writer that waits for the same lock. It only
    /// may: between waking up and saying so the reader has the lock.
    fn may_wait_behind(&self, other: &Self) -> bool {
        let Target::Lock { address, .. } = self.wanted.target else {
            return false;
        };
        let writes = matches!(
            other.wanted.target,
            Target::Lock { address: its, mode: Mode::Exclusive, .. } if its == address
        );
        writes && self.wanted.waits_behind_writers()
    }

    /// What this thread has that `before` waits for.
    fn has_what_wants(&self, before: &Self) -> Acquisition {
        let Target::Lock { .. } = before.wanted.target else {
            let mut wanted = before.wanted.acquisition();
            if wanted.access == Access::Completion && matches!(before.needs(), Needs::Any { .. }) {
                wanted.access = Access::Beginning;
            }
            return wanted;
        };
        let held = self.record.held();
        let excluded = held.iter().find(|held| before.is_blocked(self, held));
        match excluded {
            Some(held) => Acquisition::of_held(held),
            None => Acquisition {
                access: Access::InLine,
                ..self.wanted.acquisition()
            },
        }
    }
}

/// All threads that wait and that others may wait for.
pub(crate) struct WaitGraph {
    state: Mutex<State>,
}

struct State {
    waits: Vec<Wait>,
    next_ticket: u64,
}

/// A thread is in the graph for as long as this lives.
pub(crate) struct Entered<'a> {
    graph: &'a WaitGraph,
    ticket: u64,
    /// What this thread found by a guess about readers: each wait that is part of it, and how often it was confirmed
    /// then.
    suspicion: Vec<(u64, u32)>,
}

impl WaitGraph {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waits: Vec::new(),
                next_ticket: 0,
            }),
        }
    }

    /// Enters a thread that is about to wait, unless that would close a cycle.
    pub(crate) fn enter(
        &self,
        record: &'static Record,
        wanted: Wanted,
    ) -> Result<Entered<'_>, Box<Report>> {
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let wait = Wait {
            ticket,
            record,
            wanted,
            confirmed: 0,
        };
        state.waits.push(wait);
        if let Some(cycle) = state.cycle(ticket, false) {
            let report = Box::new(describe(&cycle.waits));
            state.remove(ticket);
            return Err(report);
        }
        Ok(Entered {
            graph: self,
            ticket,
            suspicion: Vec::new(),
        })
    }

    /// Makes all look again who wait for what depends on the moment.
    pub(crate) fn stir(&self) {
        let state = self.state.lock();
        let wakers = state
            .waits
            .iter()
            .filter_map(|wait| match &wait.wanted.target {
                Target::Pool { waker, .. } | Target::Changing { waker, .. } => Some(waker.clone()),
                _ => None,
            });
        let wakers: Vec<_> = wakers.collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    fn remove(&mut self, ticket: u64) {
        self.waits.retain(|wait| wait.ticket != ticket);
    }
}

impl Entered<'_> {
    /// To be called by a waiting reader that has just seen that it still has to wait.
    ///
    /// Readers wait behind writers that wait, but whether a given reader does is known to itself alone, and only
    /// now. So a cycle in which some do is at first a suspicion. If the same waits are still its grounds when each of
    /// its readers has since tried twice in vain, then each of them has tried once wholly in that time; and as
    /// all others stood still for that time, it is no suspicion any more.
    pub(crate) fn confirm(&mut self) -> Result<(), Box<Report>> {
        let mut state = self.graph.state.lock();
        if let Some(own) = state
            .waits
            .iter_mut()
            .find(|wait| wait.ticket == self.ticket)
        {
            own.confirmed += 1;
        }
        let Some(cycle) = state.cycle(self.ticket, true) else {
            self.suspicion.clear();
            return Ok(());
        };
        let now: Vec<_> = cycle
            .grounds
            .iter()
            .map(|wait| (wait.ticket, wait.confirmed))
            .collect();
        let same = now
            .iter()
            .map(|(ticket, _)| ticket)
            .eq(self.suspicion.iter().map(|(ticket, _)| ticket));
        if !same {
            self.suspicion = now;
            return Ok(());
        }
        let proven = cycle
            .grounds
            .iter()
            .zip(&self.suspicion)
            .all(|(wait, (_, before))| {
                !wait.wanted.waits_behind_writers() || wait.confirmed >= before + 2
            });
        if !proven {
            return Ok(());
        }
        let report = Box::new(describe(&cycle.waits));
        // At once, so that no other reader of the cycle fails too.
        state.remove(self.ticket);
        Err(report)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.graph.state.lock().remove(self.ticket);
    }
}

/// The report of a cycle in which each wait is blocked by the next.
fn describe(cycle: &[&Wait]) -> Report {
    let before = cycle.iter().cycle().skip(cycle.len() - 1);
    let step = |(wait, before): (&&Wait, &&Wait)| Step {
        thread: wait.record.name(),
        holds: wait.has_what_wants(before),
        wants: wait.wanted.acquisition(),
        backtrace: None,
    };
    let kind = match cycle {
        [alone] if matches!(alone.wanted.target, Target::Lock { .. }) => FindingKind::Recursive,
        _ => FindingKind::Deadlock,
    };
    Report::new(kind, cycle.iter().zip(before).map(step).collect())
}

/// The waits of this program.
static WAITS: LazyLock<WaitGraph> = LazyLock::new(WaitGraph::new);

/// Enters a thread that is about to wait, unless that would close a cycle.
pub(crate) fn enter(
    record: &'static Record,
    wanted: Wanted,
) -> Result<Entered<'static>, Box<Report>> {
    WAITS.enter(record, wanted)
}

/// Makes all look again who wait for what depends on the moment: fewer threads than before may bring it about. (Who
/// enters sees to it otherwise.)
pub(crate) fn stir() {
    WAITS.stir();
}

/// A reader's first attempt takes at most this long; each further one twice as long, so that it does not give
/// up its place in line again and again.
const FIRST_ATTEMPT: Duration = Duration::from_millis(20);

/// Waits for a lock by `wait`, which takes a moment at which to give up; `None` if it gave up.
pub(crate) fn wait<G>(
    record: &'static Record,
    wanted: Wanted,
    wait: &impl Fn(Option<Instant>) -> Option<G>,
) -> Result<Option<G>, Box<Report>> {
    abandoned::check(record, &wanted)?;
    let until = wanted.until;
    let behind_writers = wanted.waits_behind_writers();
    let mut entered = enter(record, wanted)?;
    if !behind_writers {
        return Ok(wait(until));
    }
    let mut attempt = FIRST_ATTEMPT;
    loop {
        let now = Instant::now();
        let end = now + attempt;
        let is_last = until.is_some_and(|until| until <= end);
        let guard = wait(if is_last { until } else { Some(end) });
        if guard.is_some() || is_last {
            return Ok(guard);
        }
        entered.confirm()?;
        attempt *= 2;
    }
}

mod cycle;
#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(shuttle)))]
mod wishes;
