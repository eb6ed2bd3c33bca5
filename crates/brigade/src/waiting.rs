//! The one place where this crate makes a thread wait for something that is no lock.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use crate::lock::Report;
use crate::lock::duty::{self, Owed};
use crate::lock::records;
use crate::primitive::thread::yield_now;
use crate::primitive::{Parker, Unparker, YIELDS, thread_local};

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
    /// Asked for only when the thread is about to park, and others may wait for it.
    pub(crate) awaited: &'a dyn Fn() -> Owed,
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
                Some(Subject { awaited, name }) => {
                    duty::enter(awaited, name, deadline, parking.waker_ref())?
                }
                None => Default::default(),
            };
            parking.park(deadline);
        }
    }
}

/// Who must know when a thread of theirs waits, so that others can take its place: the pool of a worker.
pub(crate) trait Host {
    /// The thread is about to wait.
    fn block(&self);
    /// Does something else on the thread, if nobody else can; true if there was anything. Otherwise `waker` will
    /// be woken when there is.
    fn help(&self, waker: &Waker) -> bool;
    /// The thread goes on.
    fn unblock(&self);
}

thread_local! {
    static HOST: RefCell<Option<Rc<dyn Host>>> = RefCell::new(None);
}

/// Sets who hosts this thread.
pub(crate) fn set_host(host: Option<Rc<dyn Host>>) {
    HOST.with(|slot| *slot.borrow_mut() = host);
}

thread_local! {
    static UNDISTURBED: Cell<usize> = Cell::new(0);
}

/// While this lives, the thread does nothing else for its host while it waits: it is in the midst of something that
/// others may want, and a task on top of that would wait for what is below it.
pub(crate) struct Undisturbed(());

impl Undisturbed {
    pub(crate) fn begin() -> Self {
        let _ = UNDISTURBED.try_with(|count| count.set(count.get() + 1));
        Self(())
    }

    fn any() -> bool {
        UNDISTURBED.try_with(Cell::get).is_ok_and(|count| count > 0)
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        let _ = UNDISTURBED.try_with(|count| count.set(count.get() - 1));
    }
}

/// While this lives, the host of the thread it was made on, if it has one, knows that it waits.
pub(crate) struct Blocked {
    host: Option<Rc<dyn Host>>,
    helps: bool,
}

impl Blocked {
    /// `deadline` is when the wait will end, if it will by itself.
    pub(crate) fn enter(deadline: Option<Instant>) -> Self {
        let host = HOST.try_with(|slot| slot.borrow().clone()).ok().flatten();
        if let Some(host) = &host {
            host.block();
        }
        // Under a lock a stranger's task might want that very lock; it might run beyond a deadline.
        let helps = deadline.is_none() && !records::holds_any() && !Undisturbed::any();
        Self { host, helps }
    }

    /// Lets the thread do something else for its host, if nobody else can; see [`Host::help`].
    pub(crate) fn help(&self, waker: &Waker) -> bool {
        let host = self.host.as_deref().filter(|_| self.helps);
        host.is_some_and(|host| host.help(waker))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(host) = &self.host {
            host.unblock();
        }
    }
}
