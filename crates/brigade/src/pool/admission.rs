//! The door: who gets into the queue, who waits for room, who is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::primitive::thread::yield_now;
use crate::primitive::{MutexGuard, YIELDS, now};

use super::blocking::{self, Blocked};
use super::builder::WhenFull;
use super::error::RejectReason;
use super::job::{Job, NotRun, Unstarted, Work};
use super::member;
use super::priority::Priority;
use super::shared::{Phase, Shared, State, Wakes};

/// How long a producer waits for room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// Not at all, whatever the pool's policy.
    None,
    /// As the policy says; if it says wait, until this moment.
    Until(Option<Instant>),
}

/// Work that was not accepted.
pub(crate) struct Refused<W> {
    pub(crate) work: W,
    pub(crate) reason: RejectReason,
}

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

    /// Leaves the line, with the job unless it was admitted.
    fn leave(&mut self, ticket: Ticket) -> Option<Job> {
        let waiting = self.waiting.remove(&ticket).map(|(job, _)| job);
        waiting.or_else(|| self.turned_away.remove(&ticket))
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

impl Shared {
    /// Queues `work`, or says why not. Exactly one of the two, whatever else happens.
    #[inline]
    pub(crate) fn admit<W: Work>(
        self: &Arc<Self>,
        work: W,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), Refused<W>> {
        if Job::fits::<W>() {
            return self.admit_in_place(work, priority, patience);
        }
        // Boxed before the lock is taken.
        self.admit_in_place(Box::new(work), priority, patience)
            .map_err(|Refused { work, reason }| Refused {
                work: *work,
                reason,
            })
    }

    #[inline]
    fn admit_in_place<W: Work>(
        self: &Arc<Self>,
        work: W,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), Refused<W>> {
        let mut state = self.lock_after_workers();
        if state.phase == Phase::Open
            && state.crew.live > 0
            && state.line.is_empty()
            && state.room(self.settings.queue_capacity) > 0
        {
            let mut wakes = Wakes::none();
            state.accept_work(work, priority);
            state.call_worker(&mut wakes);
            self.release_queued(state, wakes, priority);
            return Ok(());
        }
        self.admit_slowly(state, Job::new(work), priority, patience)
            .map_err(|(job, reason)| {
                // SAFETY: the job that comes back is the one made of a `W` above: the line keeps jobs by
                // ticket, and a job that was queued does not come back.
                Refused {
                    work: unsafe { job.into_work::<W>() },
                    reason,
                }
            })
    }

    /// The way of a job that does not get in at once.
    #[cold]
    fn admit_slowly<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
        job: Job,
        priority: Priority,
        patience: Patience,
    ) -> Result<(), (Job, RejectReason)> {
        let capacity = self.settings.queue_capacity;
        loop {
            if state.phase != Phase::Open {
                state.events.refused_shut_down += 1;
                return Err((
                    job,
                    RejectReason::ShutDown {
                        pool: Arc::clone(&self.name),
                    },
                ));
            }
            if state.crew.live > 0 {
                break;
            }
            drop(state);
            if let Err(error) = self.employ_one() {
                self.lock().events.refused_no_workers += 1;
                let (pool, error) = (Arc::clone(&self.name), error.to_string().into());
                return Err((job, RejectReason::NoWorkers { pool, error }));
            }
            state = self.lock();
        }
        let mut wakes = Wakes::none();
        // Those who came first go first, even if there is little room.
        state.admit_waiting(capacity, &mut wakes);
        if state.room(capacity) > 0 {
            state.accept(job, priority);
            state.call_worker(&mut wakes);
            self.release(state, wakes);
            return Ok(());
        }
        let Patience::Until(deadline) = patience else {
            return self.refuse_full(state, wakes, job, Duration::ZERO);
        };
        match self.settings.when_full {
            WhenFull::Refuse => self.refuse_full(state, wakes, job, Duration::ZERO),
            WhenFull::CallerRuns => {
                self.run_here(state, wakes, job);
                Ok(())
            }
            WhenFull::DiscardOldest => self.discard_for(state, wakes, job, priority),
            WhenFull::Wait if member::is_member(self) => {
                // A worker that waited for room might wait for itself. It runs the task now, unless
                // it holds a lock: the task might want that very lock.
                if !crate::lock::held::any() {
                    self.run_here(state, wakes, job);
                    return Ok(());
                }
                if !state.crew.could_replace() {
                    return self.refuse_full(state, wakes, job, Duration::ZERO);
                }
                self.wait_in_line(state, wakes, job, priority, deadline)
            }
            WhenFull::Wait => self.wait_in_line(state, wakes, job, priority, deadline),
        }
    }

    /// Sees to it that there is a worker, or says why there is none.
    fn employ_one(self: &Arc<Self>) -> std::io::Result<()> {
        let mut state = self.lock();
        if state.crew.live > 0 {
            return Ok(());
        }
        if state.crew.starting >= state.crew.size.max {
            drop(state); // others are at it
            crate::primitive::thread::yield_now();
            return Ok(());
        }
        state.crew.starting += 1;
        drop(state);
        self.start_worker()
    }

    #[cold]
    fn refuse_full(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        wakes: Wakes,
        job: Job,
        waited: Duration,
    ) -> Result<(), (Job, RejectReason)> {
        if waited.is_zero() {
            state.events.refused_full += 1;
        } else {
            state.events.refused_after_wait += 1;
        }
        let reason = RejectReason::Full {
            pool: Arc::clone(&self.name),
            capacity: self.settings.queue_capacity,
            waited,
            retry_after: state.pace.retry_after(state.line.waiting.len()),
        };
        self.release(state, wakes);
        Err((job, reason))
    }

    /// Runs a job on the thread that brought it.
    fn run_here(self: &Arc<Self>, mut state: MutexGuard<'_, State>, wakes: Wakes, job: Job) {
        state.events.submitted += 1;
        state.crew.outside += 1;
        self.release(state, wakes);
        let started = now();
        let ran = job.run(self, &self.outside);
        if self.outside.count(ran) {
            self.outside.time(0, now() - started, 1);
        }
        let mut wakes = Wakes::none();
        let mut state = self.lock();
        state.crew.outside -= 1;
        state.tell_watchers_of_rest(&mut wakes);
        self.release(state, wakes);
    }

    /// Makes room by giving up the oldest of the least urgent tasks, unless all are more urgent.
    fn discard_for(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        mut wakes: Wakes,
        job: Job,
        priority: Priority,
    ) -> Result<(), (Job, RejectReason)> {
        let (old, its_priority) = loop {
            match state.queue.pop_least_urgent(priority) {
                None => return self.refuse_full(state, wakes, job, Duration::ZERO),
                Some((husk, _)) if husk.is_stale() => {
                    state.stale -= 1;
                    wakes.list().husks.push(husk);
                }
                Some(found) => break found,
            }
        };
        state.accept(job, priority);
        state.call_worker(&mut wakes);
        state.events.discarded += 1;
        self.release(state, wakes);
        match old.hand_back(self, NotRun::Discarded) {
            Some(task) => {
                if let Some(handler) = &self.settings.on_discard {
                    // As with the panic handler: its own panic has been printed.
                    let _ = super::panic::catch(|| {
                        handler(Unstarted {
                            priority: its_priority,
                            task,
                        })
                    });
                }
            }
            // Someone cancelled or claimed it a moment ago: the husk was counted there.
            None => {
                let mut state = self.lock();
                state.events.discarded -= 1;
                state.stale -= 1;
            }
        }
        Ok(())
    }

    fn wait_in_line(
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
        let parking = blocking::Parking::current();
        let ticket = state.line.join(job, priority, parking.waker());
        let bulk = state.pace.refill(capacity, state.crew.awake()) > 1;
        self.release(state, wakes);
        // If tasks are tiny, room comes while this thread leaves the core to a worker.
        let yields = if bulk { YIELDS } else { 0 };
        for _ in 0..yields {
            yield_now();
            if !self.lock().line.waiting.contains_key(&ticket) {
                break;
            }
        }
        let blocked = Blocked::enter();
        let outcome = loop {
            let impatient = bulk.then(|| Instant::now() + IMPATIENCE);
            if self.lock().line.waiting.contains_key(&ticket) {
                parking.park(deadline.into_iter().chain(impatient).min());
            }
            let mut state = self.lock();
            let mut wakes = Wakes::none();
            if bulk {
                state.admit_waiting(capacity, &mut wakes);
                state.call_worker(&mut wakes);
            }
            match state.line.progress(ticket) {
                Progress::Admitted => {
                    self.release(state, wakes);
                    break Ok(());
                }
                Progress::TurnedAway(job) => {
                    state.events.refused_shut_down += 1;
                    self.release(state, wakes);
                    break Err((
                        job,
                        RejectReason::ShutDown {
                            pool: Arc::clone(&self.name),
                        },
                    ));
                }
                Progress::Waiting
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) =>
                {
                    let job = state
                        .line
                        .leave(ticket)
                        .expect("who waits has its job in line");
                    let waited = began.elapsed().max(Duration::from_nanos(1));
                    break self.refuse_full(state, wakes, job, waited);
                }
                Progress::Waiting => self.release(state, wakes),
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
        let waits = self.settings.when_full == WhenFull::Wait;
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
        let ticket = state.line.join(job, priority, waker.clone());
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
        let mut state = self.lock();
        match state.line.progress(ticket) {
            Progress::Admitted => Ok(true),
            Progress::Waiting => {
                if let Some((_, known)) = state.line.waiting.get_mut(&ticket) {
                    known.clone_from(waker);
                }
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
        let job = state.line.leave(ticket);
        state.tell_watchers_of_rest(&mut wakes);
        self.release(state, wakes);
        drop(job); // without the lock: its destructor is the user's code
    }
}
