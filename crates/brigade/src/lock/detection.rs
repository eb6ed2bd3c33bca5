//! Who waits for whom: a wait that would close a cycle fails.
//!
//! A thread enters the graph when it is about to wait, unless it holds nothing that others could wait for. The
//! one that enters last sees the whole cycle, and its call fails; so nobody has to look from time to time, but
//! for readers (see [`Entered::confirm`]).
//!
//! Why nothing is missed: whoever is in a cycle noted what it holds before it entered, and entering takes the
//! graph's lock, so the last one sees all. Why there is no false alarm: a lock is taken off its holder's record
//! before it is released; so when the record of a thread that is entered, and therefore still, has the lock, it
//! has it in fact.

use std::panic::Location;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::primitive::Mutex;

use super::abandoned;
use super::acquire::Request;
use super::class::Origin;
use super::held::{Held, Record};
use super::mode::Mode;
use super::report::{Access, Acquisition, FindingKind, Report, Step};

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
    /// That the workers of this pool have ended what they do.
    Pool { address: usize, name: Arc<str> },
    /// That one of several threads makes room.
    Room { room: Arc<dyn Room>, name: Arc<str> },
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
            Target::Room { name, .. } => Acquisition::of_other(name, Access::Room),
        }
    }
}

/// Room in a queue, that the workers of one pool can make. Unlike all else it is there as soon as one of them makes
/// it: who waits for it is stuck only if all of them are.
pub(crate) trait Room: Send + Sync {
    /// The address of the pool.
    fn pool(&self) -> usize;
    /// How many workers there are, or are about to be; `None` if there is room. Called under the graph's lock.
    fn workers_if_full(&self) -> Option<usize>;
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
    /// True if `other` must do something before this wait can end.
    fn is_blocked_by(&self, other: &Self) -> bool {
        match self.wanted.target {
            Target::Lock { .. } => other.record.any_held(|held| self.is_blocked(other, held)),
            Target::Duty { address, .. } => other.record.duties.include(address),
            Target::Pool { address, .. } => {
                let waits_for_the_same = matches!(
                    other.wanted.target,
                    Target::Pool { address: its, .. } if its == address
                );
                other.record.pool() == address && !waits_for_the_same
            }
            Target::Room { ref room, .. } => other.record.pool() == room.pool(),
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
            return before.wanted.acquisition();
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
    /// The cycle that this thread found by a guess about readers: each wait, and how often it was confirmed then.
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
            let report = Box::new(describe(&cycle));
            state.remove(ticket);
            return Err(report);
        }
        Ok(Entered {
            graph: self,
            ticket,
            suspicion: Vec::new(),
        })
    }
}

impl State {
    fn remove(&mut self, ticket: u64) {
        self.waits.retain(|wait| wait.ticket != ticket);
    }

    /// A cycle of waits that begins with this one; `guessing` also follows readers to waiting writers.
    ///
    /// A wait that gives up one day is no part of a deadlock, unless it is the one that asks.
    fn cycle(&self, ticket: u64, guessing: bool) -> Option<Vec<&Wait>> {
        let start = self.waits.iter().find(|wait| wait.ticket == ticket)?;
        let mut path = vec![start];
        let mut seen = Vec::new();
        self.search(&mut path, &mut seen, guessing).then_some(path)
    }

    fn search<'a>(&'a self, path: &mut Vec<&'a Wait>, seen: &mut Vec<u64>, guessing: bool) -> bool {
        let (start, last) = (path[0], path[path.len() - 1]);
        if let Target::Room { room, .. } = &last.wanted.target
            && !self.all_are_stuck(&**room, path, guessing)
        {
            return false;
        }
        // A writer that gives up lets a reader in that comes before the next writer.
        let mut waits = self.waits.iter();
        let guessing = guessing
            && !waits.any(|other| other.wanted.until.is_some() && last.may_wait_behind(other));
        let leads_to =
            |other: &Wait| last.is_blocked_by(other) || guessing && last.may_wait_behind(other);
        if leads_to(start) {
            return true;
        }
        for other in &self.waits {
            let gives_up = other.wanted.until.is_some();
            if gives_up || seen.contains(&other.ticket) || !leads_to(other) {
                continue;
            }
            seen.push(other.ticket);
            path.push(other);
            if self.search(path, seen, guessing) {
                return true;
            }
            path.pop();
        }
        false
    }
}

impl State {
    /// True if each worker that could make the room waits for somebody on the path.
    fn all_are_stuck(&self, room: &dyn Room, path: &[&Wait], guessing: bool) -> bool {
        let workers = || {
            let waits = self.waits.iter();
            waits.filter(|wait| wait.record.pool() == room.pool())
        };
        let is_stuck = |worker: &Wait| {
            let on_path = path.iter().any(|wait| wait.ticket == worker.ticket);
            on_path || self.leads_to_any(worker, path, guessing)
        };
        room.workers_if_full() == Some(workers().count()) && workers().all(is_stuck)
    }

    fn leads_to_any(&self, worker: &Wait, path: &[&Wait], guessing: bool) -> bool {
        path.iter().any(|goal| {
            // From the goal to itself by way of the worker, with the rest of the path in between left out.
            let mut way = vec![*goal, worker];
            let mut seen: Vec<u64> = path.iter().map(|wait| wait.ticket).collect();
            worker.wanted.until.is_none() && self.search(&mut way, &mut seen, guessing)
        })
    }
}

impl Entered<'_> {
    /// To be called by a waiting reader that has just seen that it still has to wait.
    ///
    /// Readers wait behind writers that wait, but whether a given reader does is known to itself alone, and only
    /// now. So a cycle in which some do is at first a suspicion. If the same waits are still in it when each of
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
            .iter()
            .zip(&self.suspicion)
            .all(|(wait, (_, before))| {
                !wait.wanted.waits_behind_writers() || wait.confirmed >= before + 2
            });
        if !proven {
            return Ok(());
        }
        let report = Box::new(describe(&cycle));
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

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
