//! Tasks that run elsewhere than in a worker's loop: on top of a task that waits, or on the thread of
//! the producer that brought them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::primitive::{now, thread_local};

use super::job::{Job, Ran};
use super::member::{self, Membership};
use super::shared::{Shared, State, Wakes};
use super::tally::Tally;

thread_local! {
    /// The pools that this thread, which is none of their workers, is inside a task of.
    static VISITED: RefCell<Vec<*const Shared>> = RefCell::new(Vec::new());
}

/// True if this thread is inside a task of that pool: as its worker, or because it runs what it brought.
pub(crate) fn is_inside(shared: &Arc<Shared>) -> bool {
    member::is_member(shared) || visits(shared)
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
    /// Its thread was not inside a task of this pool before, and counts in `crew.outside`.
    visits: bool,
}

impl<'a> Inline<'a> {
    pub(crate) fn begin(shared: &'a Arc<Shared>, state: &mut State) -> Self {
        let member = Membership::of(shared);
        let enters = member.is_none() && !visits(shared);
        let visits = enters
            && VISITED
                .try_with(|visited| visited.borrow_mut().push(Arc::as_ptr(shared)))
                .is_ok();
        let inline = Self {
            shared,
            member,
            visits,
        };
        if visits {
            state.crew.outside += 1;
        } else {
            inline.tally().nested.fetch_add(1, Relaxed);
        }
        inline
    }

    /// Where this thread counts what it runs for the pool.
    pub(crate) fn tally(&self) -> &Tally {
        match &self.member {
            Some(member) => &member.worker.tally,
            None => &self.shared.outside,
        }
    }

    /// Runs the job, counts and times it.
    pub(crate) fn run(&self, job: Job) -> Ran {
        let started = now();
        let ran = job.run(self.shared, self.tally());
        if self.tally().count(ran) {
            self.tally().time(0, now().saturating_sub(started), 1);
        }
        ran
    }
}

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        if !self.visits {
            self.tally().nested.fetch_sub(1, Relaxed);
            return;
        }
        let _ = VISITED.try_with(|visited| visited.borrow_mut().pop());
        let mut wakes = Wakes::none();
        let mut state = self.shared.lock();
        state.crew.outside -= 1;
        state.tell_watchers_of_rest(&mut wakes);
        self.shared.release(state, wakes);
    }
}
