//! Which pool a thread works for, and what it keeps between tasks.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::primitive::thread_local;
use crate::waiting::{Host, set_host};

use super::crew::Awaited;
use super::hoard::Worker;
use super::shared::Shared;

/// Which pool and worker a thread belongs to.
pub(crate) struct Membership {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: Arc<Worker>,
    /// Counted in `crew.active`: it has taken tasks, or runs one on top of a hook.
    pub(crate) active: Cell<bool>,
    /// Counted in `crew.waking`.
    pub(crate) arriving: Cell<bool>,
    /// What the task or hook on this worker waits for, as far as others must leave it out of account.
    pub(crate) awaited: Cell<Awaited>,
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

    /// The membership of this thread, if it is a worker of that pool.
    pub(crate) fn of(shared: &Arc<Shared>) -> Option<Rc<Self>> {
        Self::current().filter(|member| Arc::ptr_eq(&member.shared, shared))
    }
}

/// True if this thread is a worker of that pool.
pub(crate) fn is_member(shared: &Arc<Shared>) -> bool {
    Membership::of(shared).is_some()
}

/// A pool's initialiser of its workers' states.
pub(crate) struct Source<S> {
    /// Whose workers keep the states between tasks.
    pub(crate) pool: Weak<Shared>,
    pub(crate) initialise: Box<dyn Fn() -> S + Send + Sync>,
}

/// Calls `body` with this worker's state, which `source` makes at the first use.
///
/// A task that runs inside another one that has the state gets a new one, dropped afterwards; so
/// does one that runs on a thread that is no worker of its pool. A state whose task panicked is dropped.
pub(crate) fn with_local<S: 'static, T>(source: &Source<S>, body: impl FnOnce(&mut S) -> T) -> T {
    let keeps = Membership::current()
        .is_some_and(|member| Weak::as_ptr(&source.pool) == Arc::as_ptr(&member.shared));
    if !keeps {
        return body(&mut (source.initialise)());
    }
    let kept = LOCAL
        .with(Cell::take)
        .and_then(|state| state.downcast::<S>().ok());
    let mut state = kept.unwrap_or_else(|| Box::new((source.initialise)()));
    let result = body(&mut state);
    LOCAL.with(|slot| slot.set(Some(state)));
    result
}

impl Membership {
    /// Makes this thread a worker's, which is yet to look at the queue.
    pub(crate) fn begin(shared: &Arc<Shared>, worker: &Arc<Worker>) -> Rc<Self> {
        let membership = Self {
            shared: Arc::clone(shared),
            worker: Arc::clone(worker),
            active: Cell::new(false),
            arriving: Cell::new(true),
            awaited: Cell::default(),
        };
        let membership = Rc::new(membership);
        set_host(Some(Rc::clone(&membership) as Rc<dyn Host>));
        MEMBERSHIP.with(|slot| *slot.borrow_mut() = Some(Rc::clone(&membership)));
        membership
    }

    /// Ends that.
    pub(crate) fn end() {
        set_host(None);
        MEMBERSHIP.with(|slot| *slot.borrow_mut() = None);
    }
}

/// Drops this worker's state.
pub(crate) fn drop_local() {
    drop(LOCAL.with(Cell::take));
}
