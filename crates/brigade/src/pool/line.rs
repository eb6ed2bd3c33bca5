//! The line before a full queue: producers that wait for room, on a thread or as a future.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::lock::duty::{self, Awaited, Needs, Owed};
use crate::primitive::thread::yield_now;
use crate::primitive::{MutexGuard, YIELDS};
use crate::waiting::{Blocked, Parking};

use super::admission::{Patience, Refused};
use super::builder::WhenFull;
use super::error::RejectReason;
use super::job::{Job, Work};
use super::member;
use super::priority::Priority;
use super::shared::{Phase, Shared, State, Wakes};

/// A producer's place in line: the more urgent first, then who came first.
pub(crate) type Ticket = (Priority, u64);

/// Producers that wait for room, each with the job it brought. When there is room, whoever made it
/// moves the job into the queue: nobody who comes later can take the place.
pub(crate) struct Line {
    waiting: BTreeMap<Ticket, (Job, Waker)>,
    /// Jobs whose producers have yet to learn that the pool shut down.
    turned_away: BTreeMap<Ticket, Job>,
    next: u64,
}

/// What has become of a producer in line.
enum Progress {
    Admitted,
    Waiting,
    TurnedAway(Job),
}

impl Line {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            next: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn join(&mut self, job: Job, priority: Priority, waker: Waker) -> Ticket {
        let ticket = (priority, self.next);
        self.next += 1;
        self.waiting.insert(ticket, (job, waker));
        ticket
    }

    fn progress(&mut self, ticket: Ticket) -> Progress {
        if self.waiting.contains_key(&ticket) {
            Progress::Waiting
        } else if let Some(job) = self.turned_away.remove(&ticket) {
            Progress::TurnedAway(job)
        } else {
            Progress::Admitted
        }
    }

    /// Leaves the line, with the job unless it was admitted, and the waker: both are foreign code, to
    /// be dropped without the lock.
    fn leave(&mut self, ticket: Ticket) -> (Option<Job>, Option<Waker>) {
        match self.waiting.remove(&ticket) {
            Some((job, waker)) => (Some(job), Some(waker)),
            None => (self.turned_away.remove(&ticket), None),
        }
    }

    /// Sends everyone home; each gets its job back when it looks.
    pub(crate) fn turn_away(&mut self, wakes: &mut Wakes) {
        for (ticket, (job, waker)) in std::mem::take(&mut self.waiting) {
            self.turned_away.insert(ticket, job);
            wakes.list().wakers.push(waker);
        }
    }
}

impl State {
    /// Lets waiting producers in while there is room.
    pub(crate) fn admit_waiting(&mut self, capacity: usize, wakes: &mut Wakes) {
        while !self.line.is_empty() && self.room(capacity) > 0 {
            if let Some(((priority, _), (job, waker))) = self.line.waiting.pop_first() {
                self.accept(job, priority);
                wakes.list().wakers.push(waker);
            }
        }
    }

    /// Lets waiting producers in if there is room enough to make waking them worth while.
    pub(crate) fn admit_waiting_in_bulk(&mut self, capacity: usize, wakes: &mut Wakes) {
        if self.line.is_empty() {
            return;
        }
        let enough = self.pace.refill(capacity, self.crew.awake());
        if self.room(capacity) >= enough {
            self.admit_waiting(capacity, wakes);
        }
    }
}

/// A producer's place in line, for the wait graph: room is made by the workers, if nobody cancels what waits.
struct PlaceInLine(Arc<Shared>, Ticket);

impl Awaited for PlaceInLine {
    fn needs(&self) -> Needs {
        let Self(shared, ticket) = self;
        let state = shared.lock();
        let waits = state.line.waiting.contains_key(ticket);
        if !waits || state.room(shared.settings.queue_capacity) > 0 {
            return Needs::Nobody;
        }
        shared.any_worker(&state)
    }
}

impl Shared {
    /// Waits until someone makes room and lets the job in.
    pub(crate) fn wait_in_line(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        wakes: Wakes,
        job: Job,
        priority: Priority,
        deadline: Option<Instant>,
    ) -> Result<(), (Job, RejectReason)> {
        /// A producer that is let in only in bulk looks again after this time.
        const IMPATIENCE: Duration = Duration::from_millis(1);
        let began = Instant::now();
        let capacity = self.settings.queue_capacity;
        let parking = Parking::current();
        let ticket = state.line.join(job, priority, parking.waker());
        // A worker waits only under a lock, and for another that may have to be asked for again.
        let bulk = state.pace.refill(capacity, state.crew.awake()) > 1 || member::is_member(self);
        self.release(state, wakes);
        // If tasks are tiny, room comes while this thread leaves the core to a worker.
        let yields = if bulk { YIELDS } else { 0 };
        for _ in 0..yields {
            yield_now();
            if !self.lock().line.waiting.contains_key(&ticket) {
                break;
            }
        }
        let blocked = Blocked::enter(deadline);
        let room = || Owed::Room(Arc::new(PlaceInLine(Arc::clone(self), ticket)));
        let outcome = loop {
            let impatient = bulk.then(|| Instant::now() + IMPATIENCE);
            let waits = self.lock().line.waiting.contains_key(&ticket);
            let mut stuck = None;
            if waits && !blocked.help(parking.waker_ref()) {
                let name = || format!("room in the queue of pool `{}`", self.name);
                match duty::enter(room, name, deadline, parking.waker_ref()) {
                    Ok(_entered) => parking.park(deadline.into_iter().chain(impatient).min()),
                    Err(report) => stuck = Some(report),
                }
            }
            let mut state = self.lock();
            let mut wakes = Wakes::none();
            if bulk {
                state.admit_waiting(capacity, &mut wakes);
                state.call_worker(&mut wakes);
            }
            match (state.line.progress(ticket), stuck) {
                (Progress::Admitted, _) => {
                    self.release(state, wakes);
                    break Ok(());
                }
                (Progress::TurnedAway(job), _) => {
                    state.events.refused_shut_down += 1;
                    self.release(state, wakes);
                    break Err((
                        job,
                        RejectReason::ShutDown {
                            pool: Arc::clone(&self.name),
                        },
                    ));
                }
                (Progress::Waiting, Some(report)) => {
                    let (job, _own) = state.line.leave(ticket);
                    state.events.refused_deadlock += 1;
                    self.release(state, wakes);
                    let pool = Arc::clone(&self.name);
                    let job = job.expect("who waits has its job in line");
                    break Err((job, RejectReason::Deadlock { pool, report }));
                }
                (Progress::Waiting, None)
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) =>
                {
                    let (job, _own) = state.line.leave(ticket);
                    let job = job.expect("who waits has its job in line");
                    let waited = began.elapsed().max(Duration::from_nanos(1));
                    break self.refuse_full(state, wakes, job, waited);
                }
                (Progress::Waiting, None) => self.release(state, wakes),
            }
        };
        drop(blocked);
        outcome
    }

    /// Tries to queue `work` at once; otherwise puts it in line and wakes `waker` when that moves.
    pub(crate) fn admit_later<W: Work>(
        self: &Arc<Self>,
        work: W,
        priority: Priority,
        waker: &Waker,
    ) -> Result<Option<Ticket>, Refused<W>> {
        // First as `try_submit`, which also starts a worker if there is none.
        let refused = match self.admit(work, priority, Patience::None) {
            Ok(()) => return Ok(None),
            Err(refused) => refused,
        };
        // A worker of this pool does not wait for room, which it may be the only one to make.
        let runs_here = member::is_member(self) && !crate::lock::records::holds_any();
        let waits = self.settings.when_full == WhenFull::Wait && !runs_here;
        match refused.reason {
            RejectReason::Full { .. } if waits => {}
            RejectReason::Full { .. } => {
                self.lock().events.refused_full -= 1;
                return self
                    .admit(refused.work, priority, Patience::Until(None))
                    .map(|()| None);
            }
            _ => return Err(refused),
        }
        let job = Job::new(refused.work);
        let waker = waker.clone(); // foreign code, so before the lock is taken
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        state.events.refused_full -= 1; // it was not refused: it waits
        if state.phase != Phase::Open {
            state.events.refused_shut_down += 1;
            drop(state);
            // SAFETY: made of a `W` a few lines above.
            let work = unsafe { job.into_work::<W>() };
            return Err(Refused {
                work,
                reason: RejectReason::ShutDown {
                    pool: Arc::clone(&self.name),
                },
            });
        }
        let ticket = state.line.join(job, priority, waker);
        // Room may have come between the two looks.
        state.admit_waiting(self.settings.queue_capacity, &mut wakes);
        state.call_worker(&mut wakes);
        self.release(state, wakes);
        Ok(Some(ticket))
    }

    /// What has become of work in line: `Ok(true)` admitted, `Ok(false)` still waiting.
    pub(crate) fn progress<W: Work>(
        &self,
        ticket: Ticket,
        waker: &Waker,
    ) -> Result<bool, Refused<W>> {
        let mut newest = waker.clone(); // cloned and dropped without the lock: it is foreign code
        let mut state = self.lock();
        match state.line.progress(ticket) {
            Progress::Admitted => Ok(true),
            Progress::Waiting => {
                if let Some((_, known)) = state.line.waiting.get_mut(&ticket) {
                    std::mem::swap(known, &mut newest);
                }
                drop(state);
                drop(newest); // the one that was known before
                Ok(false)
            }
            Progress::TurnedAway(job) => {
                state.events.refused_shut_down += 1;
                drop(state);
                // SAFETY: the ticket is that of a job made of a `W`, by `admit_later::<W>`; its
                // holder, `SubmitAsync`, is generic over this very `W`.
                let work = unsafe { job.into_work::<W>() };
                Err(Refused {
                    work,
                    reason: RejectReason::ShutDown {
                        pool: Arc::clone(&self.name),
                    },
                })
            }
        }
    }

    /// Gives up a place in line; the work is dropped, unless it was admitted.
    pub(crate) fn give_up(self: &Arc<Self>, ticket: Ticket) {
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        let given_up = state.line.leave(ticket);
        state.tell_watchers_of_rest(&mut wakes);
        self.release(state, wakes);
        drop(given_up);
    }
}
