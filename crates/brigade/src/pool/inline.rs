//! Tasks that run elsewhere than in a worker's loop: on top of a task that waits, or on the thread of
//! the producer that brought them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::lock::duty::Duty;
use crate::primitive::{now, thread_local};

use super::job::{Job, Ran};
use super::member::{self, Membership};
use super::shared::{Shared, State, Wakes};
use super::tally::Tally;

thread_local! {
    /// The pools that this thread, which is none of their workers, is inside a task of.
    static VISITED: RefCell<Vec<*const Shared>> = RefCell::new(Vec::new());
}

/// True if this thread is inside a task or a hook of that pool: as its worker, or because it runs what it brought.
pub(crate) fn is_inside(shared: &Arc<Shared>) -> bool {
    member::is_member(shared) || visits(shared)
}

/// Notes that this thread, which is none of its workers, is inside a task of that pool; false if it was before.
fn visit(shared: &Arc<Shared>) -> bool {
    let enter = |visited: &RefCell<Vec<_>>| visited.borrow_mut().push(Arc::as_ptr(shared));
    !visits(shared) && VISITED.try_with(enter).is_ok()
}

fn visits(shared: &Arc<Shared>) -> bool {
    let pool = Arc::as_ptr(shared);
    // At the end of a thread, when its thread-locals are gone, it is inside no task.
    VISITED
        .try_with(|visited| visited.borrow().contains(&pool))
        .unwrap_or(false)
}

/// While this lives, this thread runs a task of the pool outside the loop of a worker.
pub(crate) struct Inline<'a> {
    shared: &'a Arc<Shared>,
    member: Option<Rc<Membership>>,
    counts: Counts,
}

/// Where a thread that runs such a task is counted for it.
enum Counts {
    /// In `nested`: it is inside another task of this pool.
    Nested,
    /// In `crew.active`: it is a worker, and inside one of its hooks.
    Active,
    /// In `crew.outside`: it is none of the workers, but has their duty as long.
    Outside { _duty: Duty },
}

impl<'a> Inline<'a> {
    pub(crate) fn begin(shared: &'a Arc<Shared>, state: &mut State) -> Self {
        let member = Membership::of(shared);
        let counts = match &member {
            Some(member) if !member.active.replace(true) => Counts::Active,
            None if visit(shared) => Counts::Outside {
                _duty: Duty::begin(shared.duties().guest),
            },
            _ => Counts::Nested,
        };
        let inline = Self {
            shared,
            member,
            counts,
        };
        match inline.counts {
            Counts::Nested => _ = inline.tally().nested.fetch_add(1, Relaxed),
            Counts::Active => state.crew.active += 1,
            Counts::Outside { .. } => state.crew.outside += 1,
        }
        inline
    }

    /// Where this thread counts what it runs for the pool.
    fn tally(&self) -> &Tally {
        match &self.member {
            Some(member) => &member.worker.tally,
            None => &self.shared.outside,
        }
    }

    /// Runs a job, counts and times it.
    pub(crate) fn run_job(&self, job: Job) -> Ran {
        self.run(|tally| {
            let ran = job.run(self.shared, tally);
            tally.count(ran);
            ran
        })
    }

    /// Runs a task that counts itself, and times it.
    pub(crate) fn run(&self, task: impl FnOnce(&Tally) -> Ran) -> Ran {
        let started = now();
        let ran = task(self.tally());
        if ran != Ran::Stale {
            self.tally().time_run(now().saturating_sub(started));
        }
        ran
    }
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        if let Counts::Nested = self.counts {
            self.tally().nested.fetch_sub(1, Relaxed);
            return;
        }
        let mut wakes = Wakes::none();
        let mut state = self.shared.lock();
        if let Some(member) = &self.member {
            member.active.set(false);
            state.crew.active -= 1;
        } else {
            let _ = VISITED.try_with(|visited| visited.borrow_mut().pop());
            state.crew.outside -= 1;
        }
        state.tell_watchers_of_rest(&mut wakes);
        self.shared.release(state, wakes);
    }
}
