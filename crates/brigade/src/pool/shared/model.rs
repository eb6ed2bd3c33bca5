//! Every interleaving of what changes the queue, for the hint at its urgency: `--cfg loom`.
//!
//! The models of the whole pool do not read the hint: their tasks are never tiny, and their workers do not spin.

use std::sync::Arc;

use loom::thread;

use super::super::builder::Start;
use super::super::job::Closure;
use super::super::{Pool, Priority};
use super::{NOTHING_WAITS, Shared, Wakes};

fn accept(shared: &Arc<Shared>, priority: Priority) {
    let mut state = shared.lock();
    state.accept_work(Closure(|| ()), priority);
    shared.release_queued(state, Wakes::none(), priority);
}

/// Takes a task as a worker does, but runs it not.
fn take(shared: &Arc<Shared>) {
    let mut state = shared.lock();
    let taken = state.queue.pop();
    shared.release(state, Wakes::none());
    assert!(taken.is_some());
}

/// One thread accepts an urgent task, another takes one; one that is not urgent is there before, and one is left.
fn hint_after_the_race() {
    let pool = Pool::builder("model").start(Start::Lazy).histograms(false);
    let pool = pool.no_ageing().build().unwrap();
    let shared = &pool.shared;
    accept(shared, Priority::LOW);
    let other = Arc::clone(shared);
    let accepts = thread::spawn(move || accept(&other, Priority::HIGH));
    take(shared);
    accepts.join().unwrap();
    let waits = shared.lock().queue.most_urgent().unwrap();
    let known = shared.urgency();
    take(shared);
    let known_at_last = shared.urgency();
    drop(pool); // which would wait for what is in the queue
    assert_eq!((known, known_at_last), (u32::from(waits.0), NOTHING_WAITS));
}

#[test]
fn the_urgency_is_known_when_nobody_is_about_to_change_it() {
    loom::model(hint_after_the_race);
}
