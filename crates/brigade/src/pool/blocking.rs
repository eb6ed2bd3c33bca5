//! The one place where the pool makes a thread wait.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use crate::primitive::thread::yield_now;
use crate::primitive::{Parker, Unparker, YIELDS, thread_local};

use super::member::Membership;
use super::shared::Wakes;

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

/// Waits until `ready` has a value, or `deadline` has passed. `ready` gets the waker that must be
/// woken when it should look again.
pub(crate) fn wait<T>(
    deadline: Option<Instant>,
    mut ready: impl FnMut(&Waker) -> Option<T>,
) -> Option<T> {
    let parking = Parking::current();
    if let Some(value) = ready(parking.waker_ref()) {
        return Some(value);
    }
    // What is waited for may need this very core, and not for long: parking and being woken would
    // cost both sides more.
    for _ in 0..YIELDS {
        yield_now();
        if let Some(value) = ready(parking.waker_ref()) {
            return Some(value);
        }
    }
    let _blocked = Blocked::enter();
    loop {
        if let Some(value) = ready(parking.waker_ref()) {
            return Some(value);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        parking.park(deadline);
    }
}

/// While this lives, the worker it was made on is known to wait inside a task: it has given back what
/// it had claimed, and another may work in its place. On any other thread it means nothing.
pub(crate) struct Blocked(Option<Rc<Membership>>);

impl Blocked {
    pub(crate) fn enter() -> Self {
        let membership = Membership::current();
        if let Some(Membership { shared, worker }) = membership.as_deref() {
            let mut wakes = Wakes::none();
            let mut state = shared.lock();
            state.take_back_hoard(worker);
            state.crew.blocked += 1;
            state.call_worker(&mut wakes);
            shared.release(state, wakes);
        }
        Self(membership)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(membership) = &self.0 {
            membership.shared.lock().crew.blocked -= 1;
        }
    }
}
