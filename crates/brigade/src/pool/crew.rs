//! Who works here: seats, counts, and the rule by which one more worker is woken or started.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::primitive::now;
use crate::primitive::thread::JoinHandle;

use super::hoard::Worker;
use super::sizing::WorkerRange;
use super::tally::Totals;

/// The workers of a pool, under the pool's lock.
///
/// Invariants:
/// - `live` counts confirmed workers: their thread exists and has not left. `starting` counts seats
///   whose thread is not confirmed yet. A task is accepted only while `live > 0`, and a worker leaves
///   only while nothing is queued or there are too many, so an accepted task always has a worker.
/// - `idle` holds the parked workers, the most recently parked last; a worker that is woken is taken
///   off it by whoever wakes it, and counted in `waking` until it has looked at the queue.
/// - `live - idle.len() - blocked` workers are awake; more than `max` only until they next look.
/// - A task may wait while a worker is parked only if the guard watches (see [`Crew::guard`]).
pub(crate) struct Crew {
    pub(crate) size: WorkerRange,
    seats: Vec<Seat>,
    pub(crate) live: usize,
    /// Live workers that have decided to leave and are on their way, inside their last hook.
    pub(crate) leaving: usize,
    pub(crate) starting: usize,
    pub(crate) peak: usize,
    /// Threads that were ever confirmed, and those that the system refused.
    pub(crate) started: u64,
    pub(crate) refused: u64,
    pub(crate) idle: Vec<usize>,
    /// Woken or just started, and yet to look at the queue.
    pub(crate) waking: usize,
    /// A worker found nothing and looks again and again for a moment before it parks.
    pub(crate) spinning: bool,
    /// Workers that wait inside a task: for another task, for room, for the pool to be idle.
    pub(crate) blocked: usize,
    /// Workers that have taken tasks and not yet come back for more.
    pub(crate) active: usize,
    /// Threads outside the crew that run a task of the pool (caller-runs).
    pub(crate) outside: usize,
    /// Blocked workers that run tasks on top of the one they are in if nobody else can, and how to
    /// wake them; the latest to block last.
    helpers: Vec<(usize, Waker)>,
    /// Threads that wait for the pool to be idle or shut down, from inside one of its tasks.
    pub(crate) awaiting_rest: usize,
    /// Of those, the ones that wait for the shutdown.
    pub(crate) awaiting_shutdown: usize,
    /// The parked worker that looks every [`GUARD_INTERVAL`] whether tasks are stuck. While there is
    /// one, tiny tasks may be hoarded and queued without waking the others.
    pub(crate) guard: Option<usize>,
    /// The guard has seen that the workers at work do not come back: tasks that wait, however tiny and
    /// few, need another one. Until one of those workers comes back.
    pub(crate) stalled: bool,
    /// After a resize to fewer workers: idle ones leave at once.
    pub(crate) trimming: bool,
    /// Threads that have left and are still to be joined, with their seats.
    departed: Vec<(usize, JoinHandle<()>)>,
    /// What the workers that have left had counted.
    pub(crate) retired: Totals,
    /// Before this moment (nanoseconds) no other thread is asked for, after the system refused one.
    refused_until: u64,
}

/// How often the guard looks.
pub(crate) const GUARD_INTERVAL: Duration = Duration::from_millis(1);

/// After so many looks at which nothing had moved, the guard sleeps like the others.
pub(crate) const GUARD_PATIENCE: u32 = 20;

/// The place of one worker; its number is in the worker's name.
#[derive(Default)]
struct Seat {
    taken: bool,
    confirmed: bool,
    worker: Option<Arc<Worker>>,
    handle: Option<JoinHandle<()>>,
}

/// What a task waits for that its own worker would keep from coming, and which leaves that out of account.
#[derive(Clone, Copy, Default)]
pub(crate) struct Awaited {
    pub(crate) rest: bool,
    pub(crate) shutdown: bool,
}

/// What to do about a task that waits.
pub(crate) enum Call {
    /// Enough workers are on their way, or no more are allowed.
    Nobody,
    /// Wake this parked worker.
    Wake(usize),
    /// Wake this blocked worker: nobody else can be had.
    Help(Waker),
    /// Start a worker; `starting` counts it already.
    Start,
}

impl Crew {
    pub(crate) fn new(size: WorkerRange, histograms: bool) -> Self {
        Self {
            size,
            seats: Vec::new(),
            live: 0,
            leaving: 0,
            starting: 0,
            peak: 0,
            started: 0,
            refused: 0,
            idle: Vec::new(),
            waking: 0,
            spinning: false,
            blocked: 0,
            active: 0,
            outside: 0,
            helpers: Vec::new(),
            awaiting_rest: 0,
            awaiting_shutdown: 0,
            guard: None,
            stalled: false,
            trimming: false,
            departed: Vec::new(),
            retired: Totals::new(histograms),
            refused_until: 0,
        }
    }

    /// Workers that mean to stay.
    pub(crate) fn staying(&self) -> usize {
        self.live - self.leaving
    }

    /// Workers that run tasks or look for them.
    pub(crate) fn awake(&self) -> usize {
        self.live.saturating_sub(self.idle.len() + self.blocked)
    }

    /// True if this many workers may not be awake at once.
    pub(crate) fn overstaffed(&self) -> bool {
        self.awake() > self.size.max
    }

    /// Workers that will look at the queue without being called.
    pub(crate) fn searching(&self) -> usize {
        self.waking + self.starting + usize::from(self.spinning)
    }

    /// Workers that run tasks, and are not known to wait inside one.
    pub(crate) fn at_work(&self) -> usize {
        self.active.saturating_sub(self.blocked)
    }

    /// True if another worker could be had for a task that waits.
    pub(crate) fn could_call(&self) -> bool {
        self.awake() + self.starting < self.size.max
    }

    /// True if a thread may be asked for. Blocked workers are replaced, but not without end.
    fn may_start(&self) -> bool {
        let most = self.size.max.saturating_mul(2);
        let refused = self.refused_until > 0 && now() < self.refused_until;
        self.live + self.starting < most && !refused
    }

    /// True if a task waits for which no worker is free, parked, or to be had.
    pub(crate) fn needs_help(&self, queued: usize) -> bool {
        queued > self.searching() && self.could_call() && self.idle.is_empty() && !self.may_start()
    }

    /// A thread inside a task begins to wait for something (`sign` is 1), or ends it (-1).
    pub(crate) fn awaits(&mut self, awaited: Awaited, sign: isize) {
        let changed = |count: usize, by: bool| count.strict_add_signed(sign * isize::from(by));
        self.awaiting_rest = changed(self.awaiting_rest, awaited.rest);
        self.awaiting_shutdown = changed(self.awaiting_shutdown, awaited.shutdown);
    }

    /// True if somebody comes for a task that waits: is called, or about to be.
    pub(crate) fn is_coming(&self) -> bool {
        self.could_call() && (self.could_replace() || !self.helpers.is_empty())
    }

    /// A blocked worker offers its help.
    pub(crate) fn offer_help(&mut self, number: usize, waker: &Waker) {
        if !self.helpers.iter().any(|(known, _)| *known == number) {
            self.helpers.push((number, waker.clone()));
        }
    }

    /// It is no longer blocked, or helps already.
    pub(crate) fn withdraw_help(&mut self, number: usize) {
        self.helpers.retain(|(known, _)| *known != number);
    }

    /// Decides who is called when `queued` tasks wait.
    pub(crate) fn call(&mut self, queued: usize) -> Call {
        if queued <= self.searching() || !self.could_call() {
            return Call::Nobody;
        }
        if let Some(number) = self.idle.pop() {
            if self.guard == Some(number) {
                self.guard = None;
            }
            self.waking += 1;
            return Call::Wake(number);
        }
        if self.may_start() {
            self.starting += 1;
            return Call::Start;
        }
        match self.helpers.last() {
            Some((_, waker)) => Call::Help(waker.clone()),
            None => Call::Nobody,
        }
    }

    /// Calls every parked worker, to look at what has changed.
    pub(crate) fn call_all(&mut self, called: &mut Vec<Arc<Worker>>) {
        self.guard = None;
        self.waking += self.idle.len();
        for number in std::mem::take(&mut self.idle) {
            called.extend(self.worker(number).cloned());
        }
    }

    /// The worker on a seat.
    pub(crate) fn worker(&self, number: usize) -> Option<&Arc<Worker>> {
        self.seats.get(number)?.worker.as_ref()
    }

    /// All workers that have not left.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.seats.iter().filter_map(|seat| seat.worker.as_ref())
    }

    /// Reserves the lowest free number.
    pub(crate) fn take_seat(&mut self) -> usize {
        let number = self
            .seats
            .iter()
            .position(|seat| !seat.taken)
            .unwrap_or(self.seats.len());
        if number == self.seats.len() {
            self.seats.push(Seat::default());
        }
        self.seats[number].taken = true;
        number
    }

    /// Seats a worker whose thread is about to be started.
    pub(crate) fn seat(&mut self, worker: Arc<Worker>) {
        let number = worker.number;
        self.seats[number].worker = Some(worker);
    }

    /// Counts a worker as live; called by its thread and by who started it, whichever is first.
    pub(crate) fn confirm(&mut self, number: usize) {
        let seat = &mut self.seats[number];
        if seat.confirmed {
            return;
        }
        seat.confirmed = true;
        self.starting -= 1;
        self.live += 1;
        self.started += 1;
        self.waking += 1;
        self.peak = self.peak.max(self.live);
    }

    /// Keeps the handle of a started thread, which may have left already.
    pub(crate) fn keep_handle(&mut self, number: usize, handle: JoinHandle<()>) {
        let seat = &mut self.seats[number];
        if seat.worker.is_some() {
            seat.handle = Some(handle);
        } else {
            self.departed.push((number, handle));
        }
    }

    /// Gives a seat up whose thread the system refused.
    pub(crate) fn refuse(&mut self, number: usize, until: u64) {
        self.starting -= 1;
        self.refused += 1;
        self.refused_until = until;
        self.vacate(number);
    }

    /// A worker that was leaving leaves: it is no longer counted, but keeps its number until its thread is joined.
    pub(crate) fn leave(&mut self, number: usize) {
        self.live -= 1;
        self.leaving -= 1;
        let seat = &mut self.seats[number];
        if let Some(worker) = seat.worker.take() {
            worker.tally.add_to(&mut self.retired);
        }
        if let Some(handle) = seat.handle.take() {
            self.departed.push((number, handle));
        }
        if self.live <= self.size.max {
            self.trimming = false;
        }
    }

    /// Threads that have left, for the caller to join without the lock and then [`vacate`](Self::vacate).
    pub(crate) fn take_departed(&mut self) -> Vec<(usize, JoinHandle<()>)> {
        std::mem::take(&mut self.departed)
    }

    /// Frees a number for reuse: no thread bears it any more.
    pub(crate) fn vacate(&mut self, number: usize) {
        self.seats[number] = Seat::default();
    }

    /// True if nobody has called this parked worker.
    pub(crate) fn is_idle(&self, number: usize) -> bool {
        self.idle.contains(&number)
    }

    /// Takes a worker off the idle list without a call.
    pub(crate) fn unpark_self(&mut self, number: usize) {
        self.idle.retain(|&idle| idle != number);
        if self.guard == Some(number) {
            self.guard = None;
        }
    }

    /// True if a worker that is about to block could be replaced.
    pub(crate) fn could_replace(&self) -> bool {
        !self.idle.is_empty() || self.may_start()
    }
}
