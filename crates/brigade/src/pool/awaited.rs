//! Who must act before a task ends, for those that wait for it: who runs it, or else any worker, as it is queued.

use std::sync::Arc;

use crate::lock::duty::{Awaited, Needs, Owed, PoolDuties};

use super::running::Running;
use super::scope::{Core, Progress};
use super::shared::{Shared, State};

impl Shared {
    /// What stands for those who run the tasks of this pool in the wait graph.
    pub(crate) fn duties(&self) -> PoolDuties {
        let worker = std::ptr::from_ref(self).addr();
        PoolDuties {
            worker,
            guest: worker + 1, // still inside the pool, and the address of nothing else
        }
    }

    /// What needs any worker to come for what is queued.
    pub(crate) fn any_worker(&self, state: &State) -> Needs {
        let crew = &state.crew;
        if crew.is_coming() {
            return Needs::Nobody;
        }
        // Those that are parked are one too many while the others are at work.
        Needs::Any {
            duties: vec![self.duties().worker],
            threads: (crew.live - crew.idle.len()) + crew.starting,
        }
    }

    /// That the pool is at rest.
    pub(crate) fn rest(self: &Arc<Self>) -> Owed {
        Owed::Pool {
            duties: self.duties(),
            queued: Arc::new(Queued(Arc::clone(self))),
        }
    }

    /// That a task has ended.
    pub(crate) fn end_of(self: &Arc<Self>, task: Arc<dyn Running>) -> Owed {
        let shared = Arc::clone(self);
        Owed::Rest(Arc::new(TaskEnd { shared, task }))
    }

    /// That the children of a scope have ended, or the one that whoever runs it has this duty for.
    pub(crate) fn end_of_children(self: &Arc<Self>, core: &Arc<Core>, duty: usize) -> Owed {
        Owed::Rest(Arc::new(ChildrenEnd {
            shared: Arc::clone(self),
            core: Arc::clone(core),
            duty,
        }))
    }
}

/// That somebody begins what is queued, though all who run tasks wait for the pool to be at rest.
struct Queued(Arc<Shared>);

impl Awaited for Queued {
    fn needs(&self) -> Needs {
        let state = self.0.lock();
        let crew = &state.crew;
        if state.queued() > 0 && crew.active + crew.outside == crew.awaiting_rest {
            self.0.any_worker(&state)
        } else {
            Needs::Nobody
        }
    }
}

/// That a task has ended.
struct TaskEnd {
    shared: Arc<Shared>,
    task: Arc<dyn Running>,
}

impl Awaited for TaskEnd {
    fn needs(&self) -> Needs {
        if self.task.is_queued() {
            self.shared.any_worker(&self.shared.lock())
        } else if self.task.is_finished() {
            Needs::Nobody
        } else {
            Needs::Each(vec![Arc::as_ptr(&self.task).addr()])
        }
    }
}

/// That the children of a scope have ended, or one of them.
struct ChildrenEnd {
    shared: Arc<Shared>,
    core: Arc<Core>,
    /// Of who runs one that is waited for.
    duty: usize,
}

impl Awaited for ChildrenEnd {
    fn needs(&self) -> Needs {
        match self.core.progress() {
            Progress::Ended => Needs::Nobody,
            Progress::Begun => Needs::Each(vec![self.duty]),
            // Should the one that is waited for be queued while another runs: who runs that is free for it afterwards.
            Progress::Queued => self.shared.any_worker(&self.shared.lock()),
        }
    }
}
