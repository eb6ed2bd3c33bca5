//! The task cell: one allocation that holds a task's closure, then its result.

use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering::Relaxed};

use super::error::TaskError;
use super::inline::Inline;
use super::job::{HandedBack, NotRun, Ran, Work};
use super::panic::{Panic, catch};
use super::running::{self, Running};
use super::shared::{Shared, Wakes};
use super::tally::Tally;

/// What a task is made of: a closure, or a closure that uses its worker's state.
pub trait TaskBody: Send + 'static {
    /// What running it yields.
    type Output: Send + 'static;
    /// The closure the caller handed in, which a refusal returns.
    type Closure;

    #[doc(hidden)]
    fn call(self) -> Self::Output;
    #[doc(hidden)]
    fn into_closure(self) -> Self::Closure;
}

/// A task with a handle.
///
/// Invariant: `slot.stage` only moves forward: queued, running, done, taken. Whoever moves it from
/// queued owns the body: a worker that popped it, a worker that waits for it, who cancels it, or the
/// shutdown that hands it back. Everyone else finds a husk.
pub(crate) struct TaskCell<B: TaskBody> {
    slot: Mutex<Slot<B>>,
    cancel_requested: AtomicBool,
    /// For the tasks that have any; the others stay small.
    extras: Option<Box<Extras<B::Output>>>,
}

struct Slot<B: TaskBody> {
    stage: Stage<B>,
    /// Whom to wake when the task is done.
    waker: Option<Waker>,
    /// Nobody will ask for the result: a panic goes to the panic handler.
    detached: bool,
}

enum Stage<B: TaskBody> {
    Queued(B),
    Running,
    Done(Result<B::Output, TaskError>),
    Taken,
}

/// What the task builder can add to a task.
pub(crate) struct Extras<T> {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) on_complete: Mutex<Option<OnComplete<T>>>,
}

pub(crate) type OnComplete<T> = Box<dyn FnOnce(&Result<T, TaskError>) + Send>;

/// What became of a request to cancel a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It was waiting and will not run; its handle says [`TaskError::Cancelled`].
    Removed,
    /// It is running; [`task::is_cancelled`](crate::task::is_cancelled) now tells it to stop.
    Requested,
    /// It had ended already.
    Finished,
}

impl<B: TaskBody> TaskCell<B> {
    pub(crate) fn new(body: B, extras: Option<Box<Extras<B::Output>>>, detached: bool) -> Self {
        let slot = Slot {
            stage: Stage::Queued(body),
            waker: None,
            detached,
        };
        Self {
            slot: Mutex::new(slot),
            cancel_requested: AtomicBool::new(false),
            extras,
        }
    }

    /// Takes the body back out of a task that was refused.
    pub(crate) fn into_body(self) -> B {
        match self.slot.into_inner().stage {
            Stage::Queued(body) => body,
            _ => unreachable!("a refused task was never queued, so nobody else could claim it"),
        }
    }

    fn name(&self) -> Option<Arc<str>> {
        self.extras.as_ref().and_then(|extras| extras.name.clone())
    }

    /// Makes the caller the owner of the body, and moves the task to `next`.
    fn claim(&self) -> Option<B> {
        let mut slot = self.slot.lock();
        match mem::replace(&mut slot.stage, Stage::Running) {
            Stage::Queued(body) => Some(body),
            other => {
                slot.stage = other;
                None
            }
        }
    }

    /// Publishes how the task ended. What is counted must have been counted before.
    fn finish(&self, shared: &Shared, outcome: Result<B::Output, TaskError>) {
        if let Some(extras) = &self.extras
            && let Some(callback) = extras.on_complete.lock().take()
            && let Err(caught) = catch(|| callback(&outcome))
        {
            shared.report_panic(self.name(), caught);
        }
        let mut slot = self.slot.lock();
        if slot.detached {
            slot.stage = Stage::Taken;
            drop(slot);
            if let Err(TaskError::Panicked(panic)) = &outcome {
                shared.report(panic);
            }
            shared.discard(self.name(), outcome);
            return;
        }
        slot.stage = Stage::Done(outcome);
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            shared.wake(waker);
        }
    }

    /// Runs a claimed body.
    fn run_body(self: &Arc<Self>, body: B, shared: &Shared, tally: &Tally) {
        let expired = self.extras.as_ref().and_then(|extras| extras.deadline);
        if expired.is_some_and(|deadline| Instant::now() >= deadline) {
            tally.expired.fetch_add(1, Relaxed);
            self.finish(shared, Err(TaskError::Expired(shared.id(self.name()))));
            shared.discard(self.name(), body);
            return;
        }
        // Until the result is there: the callback is a part of the task for those who wait for it.
        let _running = running::Entered::new(Arc::clone(self) as Arc<dyn Running>);
        let outcome = match catch(|| body.call()) {
            Ok(value) => {
                tally.completed.fetch_add(1, Relaxed);
                Ok(value)
            }
            Err(caught) => {
                tally.panicked.fetch_add(1, Relaxed);
                let panic = Panic::new(Arc::clone(&shared.name), self.name(), caught);
                Err(TaskError::Panicked(panic))
            }
        };
        self.finish(shared, outcome);
    }
}

impl<B: TaskBody> Work for Arc<TaskCell<B>> {
    fn run(self, shared: &Shared, tally: &Tally) -> Ran {
        match self.claim() {
            Some(body) => {
                self.run_body(body, shared, tally);
                Ran::Counted
            }
            None => Ran::Stale,
        }
    }

    fn hand_back(self, shared: &Shared, why: NotRun) -> Option<HandedBack> {
        let body = self.claim()?;
        shared.count_not_run(why);
        let id = shared.id(self.name());
        self.finish(
            shared,
            Err(match why {
                NotRun::Discarded => TaskError::Discarded(id),
                NotRun::ShutDown => TaskError::ShutDown(id),
            }),
        );
        Some(HandedBack {
            name: self.name(),
            run: Box::new(move || drop(body.call())),
        })
    }

    fn is_stale(&self) -> bool {
        !self.is_queued()
    }
}

impl<B: TaskBody> Running for TaskCell<B> {
    fn cancel_requested(&self) -> bool {
        self.cancel_requested.load(Relaxed)
    }

    fn is_queued(&self) -> bool {
        matches!(self.slot.lock().stage, Stage::Queued(_))
    }

    fn is_finished(&self) -> bool {
        matches!(self.slot.lock().stage, Stage::Done(_) | Stage::Taken)
    }
}

/// What a handle needs of its cell, whatever the closure's type.
pub(crate) trait Joinable<T>: Running {
    /// Takes the result, or leaves `waker` to be woken when there is one.
    fn poll(&self, waker: Option<&Waker>) -> Option<Result<T, TaskError>>;
    fn cancel(&self, shared: &Arc<Shared>) -> Cancel;
    /// Runs the task on this thread if nobody has begun it.
    fn run_if_queued(self: Arc<Self>, shared: &Arc<Shared>);
    /// Nobody will ask for the result any more.
    fn detach(&self, shared: &Shared);
    fn task_name(&self) -> Option<Arc<str>>;
}

impl<B: TaskBody> Joinable<B::Output> for TaskCell<B> {
    fn poll(&self, waker: Option<&Waker>) -> Option<Result<B::Output, TaskError>> {
        let mut slot = self.slot.lock();
        match mem::replace(&mut slot.stage, Stage::Taken) {
            Stage::Done(outcome) => Some(outcome),
            other => {
                slot.stage = other;
                let replaced = waker.and_then(|waker| slot.waker.replace(waker.clone()));
                drop(slot);
                drop(replaced); // without the lock: a waker's destructor is foreign code
                None
            }
        }
    }

    fn cancel(&self, shared: &Arc<Shared>) -> Cancel {
        let Some(body) = self.claim() else {
            if self.is_finished() {
                return Cancel::Finished;
            }
            self.cancel_requested.store(true, Relaxed);
            return Cancel::Requested;
        };
        let mut wakes = Wakes::none();
        let mut state = shared.lock();
        state.events.cancelled += 1;
        state.add_husk(shared.settings.queue_capacity, &mut wakes);
        shared.release(state, wakes);
        self.finish(shared, Err(TaskError::Cancelled(shared.id(self.name()))));
        drop(body);
        Cancel::Removed
    }

    fn run_if_queued(self: Arc<Self>, shared: &Arc<Shared>) {
        let Some(body) = self.claim() else { return };
        let mut wakes = Wakes::none();
        let mut state = shared.lock();
        let inline = Inline::begin(shared, &mut state);
        state.add_husk(shared.settings.queue_capacity, &mut wakes);
        shared.release(state, wakes);
        inline.run(|tally| {
            self.run_body(body, shared, tally);
            Ran::Counted
        });
    }

    fn detach(&self, shared: &Shared) {
        let mut slot = self.slot.lock();
        slot.detached = true;
        let waker = slot.waker.take();
        let unseen = match slot.stage {
            Stage::Done(_) => mem::replace(&mut slot.stage, Stage::Taken),
            _ => Stage::Taken,
        };
        drop(slot);
        drop(waker); // without the lock, as in `poll`
        if let Stage::Done(Err(TaskError::Panicked(panic))) = unseen {
            shared.report(&panic);
        }
    }

    fn task_name(&self) -> Option<Arc<str>> {
        self.name()
    }
}
