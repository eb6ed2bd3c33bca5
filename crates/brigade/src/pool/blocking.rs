//! The one place where the pool makes a thread wait.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use crate::lock::Report;
use crate::lock::duty::{self, Owed};
use crate::lock::records;
use crate::primitive::thread::yield_now;
use crate::primitive::{MutexGuard, Parker, Unparker, YIELDS, thread_local};

use super::inline::Inline;
use super::job::{Job, Ran};
use super::member::Membership;
use super::shared::{State, Wakes};

/// A thread's own place to wait, and the waker that ends the wait.
///
/// Wake-ups may be late ones, meant for an earlier wait: who parks looks again at what it waits for.
pub(crate) struct Parking {
    parker: Parker,
    waker: Waker,
}

struct ThreadWaker(Unparker);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Parking>>> = RefCell::new(None);
}

impl Parking {
    fn new() -> Rc<Self> {
        let parker = Parker::new();
        let waker = Waker::from(Arc::new(ThreadWaker(parker.unparker().clone())));
        Rc::new(Self { parker, waker })
    }

    /// This thread's parking, made at the first wait.
    pub(crate) fn current() -> Rc<Self> {
        let kept =
            CURRENT.try_with(|slot| Rc::clone(slot.borrow_mut().get_or_insert_with(Self::new)));
        // At the end of a thread, when its thread-locals are gone, a pool may still be dropped.
        kept.unwrap_or_else(|_| Self::new())
    }

    /// Whoever wakes this waker ends the wait.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(crate) fn waker_ref(&self) -> &Waker {
        &self.waker
    }

    /// Sleeps until woken, or until `deadline`; may return early.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        match deadline {
            None => self.parker.park(),
            Some(deadline) => {
                let limit = deadline.saturating_duration_since(Instant::now());
                if !limit.is_zero() {
                    self.parker.park_timeout(limit);
                }
            }
        }
    }
}

/// What a thread waits for, for the wait graph and its reports.
pub(crate) struct Subject<'a> {
    pub(crate) awaited: Owed,
    pub(crate) name: &'a dyn Fn() -> String,
}

/// Waits until `ready` has a value, or `deadline` has passed. `ready` gets the waker that must be
/// woken when it should look again. Errs if the wait would never end, as far as its subject is known.
#[track_caller]
pub(crate) fn wait<T>(
    subject: Option<&Subject<'_>>,
    deadline: Option<Instant>,
    mut ready: impl FnMut(&Waker) -> Option<T>,
) -> Result<Option<T>, Box<Report>> {
    let parking = Parking::current();
    if let Some(value) = ready(parking.waker_ref()) {
        return Ok(Some(value));
    }
    // What is waited for may need this very core, and not for long: parking and being woken would
    // cost both sides more.
    for _ in 0..YIELDS {
        yield_now();
        if let Some(value) = ready(parking.waker_ref()) {
            return Ok(Some(value));
        }
    }
    let blocked = Blocked::enter(deadline);
    loop {
        if let Some(value) = ready(parking.waker_ref()) {
            return Ok(Some(value));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        if !blocked.help(parking.waker_ref()) {
            // For each look anew: while it helps, this thread does not stand still.
            let _entered = match subject {
                Some(subject) => duty::enter(&subject.awaited, subject.name, deadline)?,
                None => Default::default(),
            };
            parking.park(deadline);
        }
    }
}

/// While this lives, the worker it was made on is known to wait inside a task: it has given back what
/// it had claimed, and another may work in its place. On any other thread it means nothing.
pub(crate) struct Blocked {
    member: Option<Rc<Membership>>,
    helps: bool,
}

impl Blocked {
    /// `deadline` is when its wait will end, if it will by itself.
    pub(crate) fn enter(deadline: Option<Instant>) -> Self {
        let member = Membership::current();
        if let Some(member) = &member {
            let mut wakes = Wakes::none();
            let mut state = member.shared.lock();
            // What others have claimed too: there is room for a worker who would not have to wait.
            state.take_back_hoards();
            state.crew.blocked += 1;
            state.call_worker(&mut wakes);
            member.shared.release(state, wakes);
        }
        // Under a lock a stranger's task might want that very lock; it might run beyond a deadline.
        let helps = deadline.is_none() && !records::holds_any();
        Self { member, helps }
    }

    /// Runs a task that waits, if nobody else can be had for it; true if there was one. Otherwise `waker`
    /// will be woken when there is.
    ///
    /// This is the last resort against waiting for ever: for a task that no thread is left to run.
    pub(crate) fn help(&self, waker: &Waker) -> bool {
        let Some(member) = self.member.as_deref().filter(|_| self.helps) else {
            return false;
        };
        let mut state = member.shared.lock();
        if !state.crew.needs_help(state.queue.len()) {
            state.crew.offer_help(member.worker.number, waker);
            return false;
        }
        match state.queue.pop() {
            Some((job, _)) => {
                member.run_on_top(state, job);
                true
            }
            None => false,
        }
    }
}

impl Membership {
    /// Runs a job on top of the task that waits on this worker, which for the time does not count as
    /// blocked, nor as waiting for rest.
    fn run_on_top(&self, mut state: MutexGuard<'_, State>, job: Job) {
        let mut wakes = Wakes::none();
        let shared = &self.shared;
        state.crew.withdraw_help(self.worker.number);
        state.crew.blocked -= 1;
        let awaited = self.awaited.take();
        state.crew.awaits(awaited, -1);
        state.admit_waiting(shared.settings.queue_capacity, &mut wakes);
        state.call_worker(&mut wakes);
        let inline = Inline::begin(shared, &mut state);
        shared.release(state, wakes);
        let ran = inline.run(job);
        drop(inline);
        let mut wakes = Wakes::none();
        let mut state = shared.lock();
        state.stale -= isize::from(ran == Ran::Stale);
        state.crew.blocked += 1;
        self.awaited.set(awaited);
        state.crew.awaits(awaited, 1);
        state.take_back_hoards();
        state.call_worker(&mut wakes);
        state.tell_watchers_of_rest(&mut wakes);
        shared.release(state, wakes);
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(member) = &self.member {
            let mut wakes = Wakes::none();
            let mut state = member.shared.lock();
            state.crew.withdraw_help(member.worker.number);
            state.crew.blocked -= 1;
            state.call_worker(&mut wakes); // in case it was called to help
            member.shared.release(state, wakes);
        }
    }
}
