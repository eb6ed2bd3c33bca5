//! Which pool a thread works for, and what it keeps between tasks.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::primitive::thread_local;

use super::hoard::Worker;
use super::shared::Shared;

/// Which pool and worker a thread belongs to.
pub(crate) struct Membership {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: Arc<Worker>,
}

thread_local! {
    static MEMBERSHIP: RefCell<Option<Rc<Membership>>> = RefCell::new(None);
    /// The state of this worker, while no task uses it.
    static LOCAL: Cell<Option<Box<dyn Any>>> = Cell::new(None);
}

impl Membership {
    /// The membership of this thread, if it is a worker.
    pub(crate) fn current() -> Option<Rc<Self>> {
        MEMBERSHIP
            .try_with(|slot| slot.borrow().clone())
            .ok()
            .flatten()
    }
}

/// True if this thread is a worker of that pool.
pub(crate) fn is_member(shared: &Arc<Shared>) -> bool {
    Membership::current().is_some_and(|member| Arc::ptr_eq(&member.shared, shared))
}

/// Calls `body` with this worker's state, which `initialise` makes at the first use.
///
/// A task that runs inside another one that has the state gets a new one, dropped afterwards; so
/// does one that runs on a foreign thread. A state whose task panicked is dropped.
pub(crate) fn with_local<S: 'static, T>(
    initialise: impl FnOnce() -> S,
    body: impl FnOnce(&mut S) -> T,
) -> T {
    let kept = LOCAL
        .with(Cell::take)
        .and_then(|state| state.downcast::<S>().ok());
    let mut state = kept.unwrap_or_else(|| Box::new(initialise()));
    let result = body(&mut state);
    if Membership::current().is_some() {
        LOCAL.with(|slot| slot.set(Some(state)));
    }
    result
}

impl Membership {
    /// Makes this thread a worker's.
    pub(crate) fn begin(shared: &Arc<Shared>, worker: &Arc<Worker>) {
        let membership = Self {
            shared: Arc::clone(shared),
            worker: Arc::clone(worker),
        };
        MEMBERSHIP.with(|slot| *slot.borrow_mut() = Some(Rc::new(membership)));
    }

    /// Ends that.
    pub(crate) fn end() {
        MEMBERSHIP.with(|slot| *slot.borrow_mut() = None);
    }
}

/// Drops this worker's state.
pub(crate) fn drop_local() {
    drop(LOCAL.with(Cell::take));
}
