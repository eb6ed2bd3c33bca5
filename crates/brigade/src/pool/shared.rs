//! What a pool, its workers and its handles share: one lock, and what it guards.

use std::hint::spin_loop;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::primitive::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use crate::primitive::{LOCK_SPINS, Mutex, MutexGuard};

use super::builder::Settings;
use super::crew::{Call, Crew};
use super::error::TaskId;
use super::hoard::Worker;
use super::job::{Job, Work};
use super::line::Line;
use super::pace::Pace;
use super::panic::{Caught, Panic, catch};
use super::priority::Priority;
use super::queue::Queue;
use super::tally::Tally;

/// The pool itself; [`Pool`](super::Pool) is its owner's handle.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    /// Counts what ran on threads that are not workers of this pool.
    pub(crate) outside: Tally,
    /// Set once, by a shutdown that ends running tasks; they ask through `task::is_cancelled`.
    pub(crate) halted: AtomicBool,
    hints: CachePadded<Hints>,
    state: CachePadded<Mutex<State>>,
}

/// What is read without the lock, and may be out of date.
struct Hints {
    /// The most urgent priority that waits, [`NOTHING_WAITS`] if none does. Written under the lock, so that it is
    /// right whenever nobody has the lock, and on change only; read by workers that spin or run a hoard.
    urgency: AtomicU32,
    /// Workers that found the lock taken.
    workers_at_lock: AtomicU32,
}

/// No priority is so high.
pub(crate) const NOTHING_WAITS: u32 = 256;

/// What the lock guards.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) queue: Queue,
    /// Husks in the queue and in hoards: their work was cancelled or is run by who waits for it.
    /// May be negative for the moment between a worker's finding a husk and its maker's reporting it, and while a
    /// task that had to make room is given up.
    pub(crate) stale: isize,
    /// Tasks that workers have claimed beyond the one they run; they count against the capacity.
    pub(crate) hoarded: usize,
    /// Producers that wait for room.
    pub(crate) line: Line,
    pub(crate) crew: Crew,
    pub(crate) pace: Pace,
    pub(crate) events: Events,
    /// Who waits for the pool to come to rest or for workers to leave.
    pub(crate) watchers: Vec<Waker>,
}

/// The life of a pool, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Takes tasks.
    Open,
    /// Takes none; what is queued still runs.
    Draining,
    /// Nothing that is queued will run here.
    Halted,
}

/// What happened to tasks, as counted under the lock.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) submitted: u64,
    pub(crate) cancelled: u64,
    pub(crate) discarded: u64,
    pub(crate) handed_back: u64,
    pub(crate) refused_full: u64,
    pub(crate) refused_after_wait: u64,
    pub(crate) refused_shut_down: u64,
    pub(crate) refused_no_workers: u64,
    pub(crate) refused_deadlock: u64,
    pub(crate) queue_high_water: usize,
    /// Number of times that workers came for tasks: the guard sees by it that things flow.
    pub(crate) refills: u64,
}

/// What is to be done once the lock is released; mostly nothing, and then it is a null pointer.
#[must_use = "someone sleeps until this is performed"]
#[derive(Default)]
pub(crate) struct Wakes(Option<Box<WakeList>>);

#[derive(Default)]
pub(crate) struct WakeList {
    pub(crate) calls: Vec<Arc<Worker>>,
    pub(crate) start: bool,
    pub(crate) wakers: Vec<Waker>,
    /// Dropped without the lock: their destructors are the user's code.
    pub(crate) husks: Vec<Job>,
}

impl Wakes {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The list, to add to.
    #[cold]
    pub(crate) fn list(&mut self) -> &mut WakeList {
        self.0.get_or_insert_default()
    }

    /// The wakers alone, where nothing else can be on the list.
    pub(crate) fn into_wakers(self) -> Vec<Waker> {
        self.0.map(|list| list.wakers).unwrap_or_default()
    }

    #[cold]
    fn perform(list: WakeList, shared: &Arc<Shared>) {
        for worker in list.calls {
            worker.unparker.unpark();
        }
        for waker in list.wakers {
            shared.wake(waker);
        }
        if list.start {
            // Refused: the tasks run on the workers there are, and `submit` errs if there is none.
            let _ = shared.start_worker();
        }
    }
}

impl State {
    /// Tasks that wait, in the queue or claimed by a worker.
    pub(crate) fn queued(&self) -> usize {
        self.places_taken().saturating_add_signed(-self.stale)
    }

    /// Places that are taken, by tasks or by husks.
    pub(crate) fn places_taken(&self) -> usize {
        self.queue.len() + self.hoarded
    }

    /// How many more tasks may wait.
    #[inline]
    pub(crate) fn room(&self, capacity: usize) -> usize {
        capacity.saturating_sub(self.queued())
    }

    /// Queues a job made of `work`.
    #[inline(always)]
    pub(crate) fn accept_work<W: Work>(&mut self, work: W, priority: Priority) {
        let now = self.pace.stamp(self.queue.is_empty());
        self.queue.push_work(work, priority, now);
        self.count_accepted();
    }

    /// Queues a job.
    pub(crate) fn accept(&mut self, job: Job, priority: Priority) {
        let now = self.pace.stamp(self.queue.is_empty());
        self.queue.push(job, priority, now);
        self.count_accepted();
    }

    #[inline(always)]
    fn count_accepted(&mut self) {
        self.events.submitted += 1;
        let queued = self.queued().min(self.places_taken());
        self.events.queue_high_water = self.events.queue_high_water.max(queued);
    }

    /// Calls one more worker if a task would otherwise wait.
    #[inline]
    pub(crate) fn call_worker(&mut self, wakes: &mut Wakes) {
        let queued = self.queue.len();
        let served = self.crew.at_work() + self.crew.searching() > 0 && !self.crew.stalled;
        if served && self.crew.guard.is_some() && self.pace.is_trifle(queued) {
            return;
        }
        match self.crew.call(queued) {
            Call::Nobody => {}
            Call::Help(waker) => wakes.list().wakers.push(waker),
            Call::Wake(number) => wakes.list().calls.extend(self.crew.worker(number).cloned()),
            Call::Start => wakes.list().start = true,
        }
    }

    /// True if nothing waits and nothing runs, but for tasks that wait for just that.
    pub(crate) fn at_rest(&self) -> bool {
        self.queued() == 0
            && self.line.is_empty()
            && self.crew.active + self.crew.outside == self.crew.awaiting_rest
    }

    /// Wakes who waits for rest, if it has come; near the end of the pool, whenever it may have.
    pub(crate) fn tell_watchers_of_rest(&mut self, wakes: &mut Wakes) {
        if !self.watchers.is_empty() && (self.at_rest() || self.phase != Phase::Open) {
            wakes.list().wakers.append(&mut self.watchers);
        }
    }

    /// Counts a husk: its work was taken out of the queue by someone else.
    pub(crate) fn add_husk(&mut self, capacity: usize, wakes: &mut Wakes) {
        self.stale += 1;
        // Swept when they are many, so that sweeping costs each of them a constant.
        if self.stale > 32 && self.stale.unsigned_abs() > self.queue.len() / 2 {
            let husks = self.queue.remove_stale();
            self.stale -= husks.len().cast_signed();
            wakes.list().husks = husks;
        }
        self.admit_waiting(capacity, wakes);
        self.tell_watchers_of_rest(wakes);
    }
}

impl Shared {
    pub(crate) fn new(name: Arc<str>, settings: Settings) -> Self {
        let histograms = settings.histograms;
        let state = State {
            phase: Phase::Open,
            queue: Queue::new(settings.ageing.map(nanoseconds)),
            stale: 0,
            hoarded: 0,
            line: Line::new(),
            crew: Crew::new(settings.size, histograms),
            pace: Pace::new(),
            events: Events::default(),
            watchers: Vec::new(),
        };
        Self {
            name,
            settings,
            outside: Tally::new(histograms),
            halted: AtomicBool::new(false),
            hints: CachePadded::new(Hints {
                urgency: AtomicU32::new(NOTHING_WAITS),
                workers_at_lock: AtomicU32::new(0),
            }),
            state: CachePadded::new(Mutex::new(state)),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .try_lock()
            .unwrap_or_else(|| self.lock_contended())
    }

    /// The lock is held for some tens of nanoseconds at a time. Looking often for a microsecond nearly
    /// always gets it; the mutex by itself would soon leave the core, which costs more than that.
    #[cold]
    fn lock_contended(&self) -> MutexGuard<'_, State> {
        for _ in 0..LOCK_SPINS {
            spin_loop();
            if let Some(state) = self.state.try_lock() {
                return state;
            }
        }
        self.state.lock()
    }

    /// For a worker that comes for tasks: producers let it go first.
    pub(crate) fn lock_for_tasks(&self) -> MutexGuard<'_, State> {
        if let Some(state) = self.state.try_lock() {
            return state;
        }
        self.hints.workers_at_lock.fetch_add(1, Relaxed);
        let state = self.lock_contended();
        self.hints.workers_at_lock.fetch_sub(1, Relaxed);
        state
    }

    /// For a producer. One that hands over a stream of tasks holds the lock more often than not, and a
    /// worker that tries to take it from under its nose costs both more than the work itself: so it
    /// looks whether one is waiting, and then waits a moment itself.
    #[inline]
    pub(crate) fn lock_after_workers(&self) -> MutexGuard<'_, State> {
        if self.hints.workers_at_lock.load(Relaxed) > 0 {
            self.let_workers_go_first();
        }
        self.lock()
    }

    #[cold]
    fn let_workers_go_first(&self) {
        for _ in 0..LOCK_SPINS {
            spin_loop();
            if self.hints.workers_at_lock.load(Relaxed) == 0 {
                return;
            }
        }
    }

    /// The most urgent priority that waits, or [`NOTHING_WAITS`]; possibly out of date.
    #[inline]
    pub(crate) fn urgency(&self) -> u32 {
        self.hints.urgency.load(Relaxed)
    }

    /// Publishes the urgency and releases the lock, then wakes whom it may concern.
    #[inline]
    pub(crate) fn release(self: &Arc<Self>, state: MutexGuard<'_, State>, wakes: Wakes) {
        let urgency = state
            .queue
            .most_urgent()
            .map_or(NOTHING_WAITS, |level| u32::from(level.0));
        if self.hints.urgency.load(Relaxed) != urgency {
            self.hints.urgency.store(urgency, Relaxed);
        }
        drop(state);
        if let Some(list) = wakes.0 {
            Wakes::perform(*list, self);
        }
    }

    /// As [`release`](Self::release), when all that was changed is that a job of `priority` was queued.
    #[inline]
    pub(crate) fn release_queued(
        self: &Arc<Self>,
        state: MutexGuard<'_, State>,
        wakes: Wakes,
        priority: Priority,
    ) {
        let urgency = u32::from(priority.0);
        if self.hints.urgency.load(Relaxed) > urgency {
            self.hints.urgency.store(urgency, Relaxed);
        }
        drop(state);
        if let Some(list) = wakes.0 {
            Wakes::perform(*list, self);
        }
    }

    /// Tells the panic handler of a panic that no handle will report.
    pub(crate) fn report_panic(&self, task: Option<Arc<str>>, caught: Caught) {
        self.report(&Panic::new(Arc::clone(&self.name), task, caught));
    }

    /// Tells the panic handler.
    pub(crate) fn report(&self, panic: &Panic) {
        if let Some(handler) = &self.settings.on_panic {
            // The handler's own panic was printed by the panic hook; there is no one else to tell.
            let _ = catch(|| handler(panic));
        }
    }

    /// Wakes whoever waits. The waker may be foreign code, and others wait for what comes after it.
    pub(crate) fn wake(&self, waker: Waker) {
        if let Err(caught) = catch(|| waker.wake()) {
            self.report_panic(None, caught);
        }
    }

    /// Drops what nobody wants: its destructor is foreign code, and this may be a worker.
    pub(crate) fn discard<T>(&self, task: Option<Arc<str>>, unwanted: T) {
        if let Err(caught) = catch(|| drop(unwanted)) {
            self.report_panic(task, caught);
        }
    }

    /// Names a task for an error.
    pub(crate) fn id(&self, task: Option<Arc<str>>) -> TaskId {
        TaskId {
            pool: Arc::clone(&self.name),
            task,
        }
    }
}

/// The nanoseconds of a duration, at most 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, loom))]
mod model;
