//! Tasks that borrow from the stack of who waits for them.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::Waker;

use crate::lock::duty::Duty;
use crate::lock::{Report, action};
use crate::primitive::Mutex;
use crate::waiting::{self, Subject};

use super::admission::Patience;
use super::error::TaskError;
use super::inline::Inline;
use super::job::{HandedBack, NotRun, Ran, Work};
use super::member;
use super::panic::{Caught, Panic, catch};
use super::priority::Priority;
use super::shared::{Shared, Wakes};
use super::tally::Tally;

/// Hands tasks to a pool that end before the scope does; see [`Pool::scope`](super::Pool::scope).
pub struct Scope<'scope, 'env: 'scope> {
    shared: Arc<Shared>,
    core: Arc<Core>,
    // As in `std::thread::Scope`: both lifetimes must not be shortened or stretched by the compiler.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The result of a scope's task.
#[must_use = "the scope waits for the task in any case; use `execute` if nobody wants its result"]
pub struct ScopedHandle<'scope, T> {
    shared: Arc<Shared>,
    core: Arc<Core>,
    result: Arc<Mutex<Option<Result<T, Caught>>>>,
    scope: PhantomData<&'scope ()>,
}

type Child = Box<dyn FnOnce(&Core, &Shared, Option<&Tally>) -> Ran + Send>;

/// The children of one scope. The queue of the pool holds only tickets for them, each good for the
/// child that is next; so that who waits for the scope can run its children, and no one else's.
pub(crate) struct Core {
    family: Mutex<Family>,
}

/// How far a scope's children are.
pub(crate) enum Progress {
    /// None is left.
    Ended,
    /// Some run.
    Begun,
    /// All that are left wait in the pool's queue.
    Queued,
}

struct Family {
    waiting: VecDeque<Child>,
    /// Children that have not ended.
    open: usize,
    panic: Option<Caught>,
    wakers: Vec<Waker>,
}

impl Core {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn progress(&self) -> Progress {
        let family = self.family.lock();
        if family.open > family.waiting.len() {
            Progress::Begun
        } else if family.open == 0 {
            Progress::Ended
        } else {
            Progress::Queued
        }
    }

    fn next(&self) -> Option<Child> {
        self.family.lock().waiting.pop_front()
    }

    /// A child has ended, or what is waited for has changed otherwise.
    fn tell(&self, change: impl FnOnce(&mut Family)) {
        let mut family = self.family.lock();
        change(&mut family);
        let wakers = std::mem::take(&mut family.wakers);
        drop(family);
        for waker in wakers {
            waker.wake();
        }
    }

    /// Runs a child on the thread that waits, so that one ticket becomes a husk.
    fn run_next_here(&self, shared: &Arc<Shared>) -> bool {
        let Some(child) = self.next() else {
            return false;
        };
        let mut wakes = Wakes::none();
        let mut state = shared.lock();
        let inline = Inline::begin(shared, &mut state);
        state.add_husk(shared.settings.queue_capacity, &mut wakes);
        shared.release(state, wakes);
        inline.run(|tally| self.run_child(child, shared, Some(tally)));
        true
    }

    /// Waits until `done` for whoever has this duty; runs the scope's own children if this thread is a worker of the pool.
    ///
    /// Errs if that would never end.
    #[track_caller]
    fn wait(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        duty: usize,
        done: impl Fn(&Family) -> bool,
    ) -> Result<(), Box<Report>> {
        let subject = Subject {
            awaited: &|| shared.end_of_children(self, duty),
            name: &|| format!("the tasks of a scope on pool `{}`", shared.name),
        };
        let helps = member::is_member(shared);
        loop {
            let family = self.family.lock();
            if done(&family) {
                return Ok(());
            }
            drop(family);
            if helps && self.run_next_here(shared) {
                continue;
            }
            waiting::wait(Some(&subject), None, |waker| {
                let mut family = self.family.lock();
                let news = !family.waiting.is_empty() && helps;
                if done(&family) || news {
                    return Some(());
                }
                family.wait_with(waker);
                None
            })?;
        }
    }
}

impl Core {
    /// Waits until all children have ended. They borrow from the caller, so there is no way out before; what will
    /// never end is told of, at least.
    #[track_caller]
    fn wait_for_all(self: &Arc<Self>, shared: &Arc<Shared>) {
        while let Err(report) = self.wait(shared, self.address(), |family| family.open == 0) {
            action::tell(&report);
            let _: Result<Option<()>, _> = waiting::wait(None, None, |waker| self.poll_end(waker));
        }
    }

    fn poll_end(&self, waker: &Waker) -> Option<()> {
        let mut family = self.family.lock();
        if family.open == 0 {
            return Some(());
        }
        family.wait_with(waker);
        None
    }

    /// Runs a child; who waits for the scope waits for this thread meanwhile.
    fn run_child(&self, child: Child, shared: &Shared, tally: Option<&Tally>) -> Ran {
        let _duty = Duty::begin(self.address());
        child(self, shared, tally)
    }
}

impl Family {
    fn wait_with(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

/// The right to run a scope's next child.
struct Ticket(Arc<Core>);

impl Work for Ticket {
    // Borrowed children cannot outlive the scope, which would have to run what does not stay.
    const STAYS: bool = true;

    fn run(self, shared: &Shared, tally: &Tally) -> Ran {
        match self.0.next() {
            Some(child) => self.0.run_child(child, shared, Some(tally)),
            None => Ran::Stale,
        }
    }

    fn hand_back(self, _: &Shared, _: NotRun) -> Option<HandedBack> {
        None // it stays, unless it is a husk
    }

    fn is_stale(&self) -> bool {
        self.0.family.lock().waiting.is_empty()
    }
}

impl Shared {
    pub(crate) fn scope<'env, R>(
        self: &Arc<Self>,
        body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    ) -> R {
        let family = Family {
            waiting: VecDeque::new(),
            open: 0,
            panic: None,
            wakers: Vec::new(),
        };
        let core = Arc::new(Core {
            family: Mutex::new(family),
        });
        let scope = Scope {
            shared: Arc::clone(self),
            core,
            scope: PhantomData,
            env: PhantomData,
        };
        let result = catch(|| body(&scope));
        // On every way out, with a panic too: the children borrow from our caller.
        scope.core.wait_for_all(self);
        let panic = scope.core.family.lock().panic.take();
        match (result, panic) {
            (Ok(result), None) => result,
            (Err(caught), _) | (_, Some(caught)) => resume_unwind(caught.into_payload()),
        }
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Runs `task` on the pool before the scope ends.
    ///
    /// Never refuses: if the pool does (it shuts down, or its policy refuses), the task runs here and
    /// now. While the queue is full this waits for room, but on a worker of the same pool the task
    /// runs at once. Once it is queued it gives way to no other task, and [`Shutdown::now`](super::Shutdown::now) lets it
    /// run, too: the scope waits for it. A panic goes on from [`Pool::scope`](super::Pool::scope) when all tasks ended.
    pub fn execute(&'scope self, task: impl FnOnce() + Send + 'scope) {
        self.add(Box::new(move |core, _, tally| {
            let result = catch(task);
            let ran = if result.is_ok() {
                Ran::Completed
            } else {
                Ran::Panicked
            };
            let mut panic = result.err();
            let first = &mut panic;
            end_child(core, tally, ran, |family| {
                if family.panic.is_none() {
                    family.panic = first.take();
                }
            });
            Ran::Counted
        }));
    }

    /// As [`execute`](Self::execute), with a result.
    pub fn submit<T: Send + 'scope>(
        &'scope self,
        task: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedHandle<'scope, T> {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        self.add(Box::new(move |core, shared, tally| {
            let result = {
                let _duty = Duty::begin(Arc::as_ptr(&slot).addr());
                catch(task)
            };
            let ran = if result.is_ok() {
                Ran::Completed
            } else {
                Ran::Panicked
            };
            *slot.lock() = Some(result);
            shared.discard(None, slot); // the result too, if its handle has been dropped
            end_child(core, tally, ran, |_| ());
            Ran::Counted
        }));
        let (shared, core) = (Arc::clone(&self.shared), Arc::clone(&self.core));
        ScopedHandle {
            shared,
            core,
            result,
            scope: PhantomData,
        }
    }

    fn add(&'scope self, child: ScopedChild<'scope>) {
        // SAFETY: only the lifetime changes. `Shared::scope` returns, normally or by panic, only when
        // `open` is zero; a child is counted in `open` from here until it has run and was dropped.
        let child = unsafe { std::mem::transmute::<ScopedChild<'scope>, Child>(child) };
        {
            let mut family = self.core.family.lock();
            family.open += 1;
            family.waiting.push_back(child);
        }
        let ticket = Ticket(Arc::clone(&self.core));
        let admitted = self
            .shared
            .admit(ticket, Priority::NORMAL, Patience::Until(None));
        if admitted.is_ok() {
            return;
        }
        match self.core.next() {
            Some(child) => {
                self.core.run_child(child, &self.shared, None); // not accepted, so not counted
            }
            None => {
                // Someone took it before its ticket was refused, and counted it and its husk.
                let mut state = self.shared.lock();
                state.events.submitted += 1;
                state.stale -= 1;
            }
        }
    }
}

type ScopedChild<'scope> = Box<dyn FnOnce(&Core, &Shared, Option<&Tally>) -> Ran + Send + 'scope>;

/// Counts a child that has run, then tells who waits for it. Its closure has been dropped.
fn end_child(core: &Core, tally: Option<&Tally>, ran: Ran, change: impl FnOnce(&mut Family)) {
    if let Some(tally) = tally {
        tally.count(ran);
    }
    core.tell(|family| {
        change(family);
        family.open -= 1;
    });
}

impl<T> ScopedHandle<'_, T> {
    /// Waits for the result; a worker of the pool runs the scope's tasks meanwhile.
    ///
    /// # Errors
    /// [`TaskError::Panicked`] if the task panicked; [`TaskError::Deadlock`] if the wait would never end.
    #[track_caller]
    pub fn join(self) -> Result<T, TaskError> {
        // For this one task: the others of the scope may be waiting, too.
        let duty = Arc::as_ptr(&self.result).addr();
        self.core
            .wait(&self.shared, duty, |_| self.result.lock().is_some())
            .map_err(TaskError::Deadlock)?;
        let Some(result) = self.result.lock().take() else {
            unreachable!(
                "the wait above ends when there is a result, and only this handle takes it"
            );
        };
        result.map_err(|caught| {
            TaskError::Panicked(Panic::new(Arc::clone(&self.shared.name), None, caught))
        })
    }
}

impl std::fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("pool", &self.shared.name)
            .finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for ScopedHandle<'_, T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ScopedHandle")
            .field("pool", &self.shared.name)
            .finish_non_exhaustive()
    }
}
