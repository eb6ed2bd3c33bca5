//! What a pool does about a worker of its that waits inside a task or a hook: it has given back what it had claimed, and
//! another may work in its place.

use std::task::Waker;

use crate::primitive::MutexGuard;
use crate::waiting::Host;

use super::inline::Inline;
use super::job::{Job, Ran};
use super::member::Membership;
use super::shared::{State, Wakes};

impl Host for Membership {
    fn block(&self) {
        let mut wakes = Wakes::none();
        let mut state = self.shared.lock();
        // What others have claimed too: there is room for a worker who would not have to wait.
        state.take_back_hoards();
        state.crew.blocked += 1;
        // In its first hook: it will look at the queue, but nobody knows when.
        state.crew.waking -= usize::from(self.arriving.take());
        state.call_worker(&mut wakes);
        self.shared.release(state, wakes);
    }

    /// Runs a task that waits, if nobody else can be had for it: the last resort against waiting for ever, for a task
    /// that no thread is left to run.
    fn help(&self, waker: &Waker) -> bool {
        let mut state = self.shared.lock();
        if !state.crew.needs_help(state.queue.len()) {
            state.crew.offer_help(self.worker.number, waker);
            return false;
        }
        match state.queue.pop() {
            Some((job, _)) => {
                self.run_on_top(state, job);
                true
            }
            None => false,
        }
    }

    fn unblock(&self) {
        let mut wakes = Wakes::none();
        let mut state = self.shared.lock();
        state.crew.withdraw_help(self.worker.number);
        state.crew.blocked -= 1;
        state.call_worker(&mut wakes); // in case it was called to help
        self.shared.release(state, wakes);
    }
}

impl Membership {
    /// Runs a job on top of the task or hook that waits on this worker, which for the time does not count as
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
        let ran = inline.run_job(job);
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
