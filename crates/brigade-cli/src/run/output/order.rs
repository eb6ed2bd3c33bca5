//! The jobs' outputs in the order of the input.

use std::collections::BTreeMap;
use std::thread::{self, ThreadId};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// How far the input is read beyond the first job whose output is not printed. So many outputs may be
/// kept at once, with two open files each.
pub(crate) const WINDOW: u64 = 256;

/// Keeps what has ended until its turn has come. Turns are counted from 1.
///
/// Only who reads the input waits for room here, never a worker: so the job whose turn it is can run,
/// wherever it is.
#[derive(Debug)]
pub(crate) struct Order<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    window: u64,
}

#[derive(Debug)]
struct State<T> {
    /// Whose turn it is.
    next: u64,
    /// What has ended before its turn; `None` if there is nothing to deliver in that turn.
    kept: BTreeMap<u64, Option<T>>,
    /// Someone delivers what is next, and goes on as long as there is more.
    delivering: Option<ThreadId>,
}

impl<T> Order<T> {
    /// So many may be kept, or be still to come before the last one that is read.
    pub(crate) fn new(window: u64) -> Self {
        Self {
            window,
            state: Mutex::new(State {
                next: 1,
                kept: BTreeMap::new(),
                delivering: None,
            }),
            changed: Condvar::new(),
        }
    }

    /// True if nothing before that turn is still to come.
    pub(crate) fn is_turn_of(&self, turn: u64) -> bool {
        self.state.lock().next == turn
    }

    /// How many outputs may be kept.
    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    /// Waits until there is room for one more job.
    ///
    /// # Errors
    /// Whose turn it is, if it waits `in_vain`; see [`wake`](Self::wake).
    pub(crate) fn wait_for_room(&self, turn: u64, in_vain: impl Fn() -> bool) -> Result<(), u64> {
        let mut state = self.state.lock();
        while turn >= state.next.saturating_add(self.window) {
            if in_vain() {
                return Err(state.next);
            }
            self.changed.wait(&mut state);
        }
        Ok(())
    }

    /// Lets who waits for room look again whether it waits in vain.
    pub(crate) fn wake(&self) {
        drop(self.state.lock());
        self.changed.notify_all();
    }

    /// Keeps what has ended; `None` if there is nothing to deliver in that turn.
    pub(crate) fn keep(&self, turn: u64, ended: Option<T>) {
        self.state.lock().kept.insert(turn, ended);
    }

    /// Delivers all whose turn has come, unless someone else is about to. It may take as long as
    /// `deliver` does, and nothing else of this waits meanwhile.
    pub(crate) fn deliver(&self, mut deliver: impl FnMut(T)) {
        let mut state = self.state.lock();
        if state.delivering.is_some() {
            return;
        }
        state.delivering = Some(thread::current().id());
        while let Some(ended) = {
            let next = state.next;
            state.kept.remove(&next)
        } {
            if let Some(ended) = ended {
                MutexGuard::unlocked(&mut state, || deliver(ended));
            }
            state.next += 1;
            self.changed.notify_all();
        }
        state.delivering = None;
    }

    /// Ends this thread's delivery, if it has panicked at that. What it delivered is lost.
    pub(crate) fn recover(&self) {
        let mut state = self.state.lock();
        if state.delivering == Some(thread::current().id()) {
            state.delivering = None;
            state.next += 1;
        }
    }

    /// Takes out all that is kept, in its order, whether or not its turn has come.
    pub(crate) fn take_rest(&self) -> Vec<T> {
        let kept = std::mem::take(&mut self.state.lock().kept);
        kept.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_before_its_turn_is_delivered_in_its_turn() {
        let order = Order::new(WINDOW);
        let mut delivered = Vec::new();
        for (turn, ended) in [(3, Some('c')), (2, None), (5, Some('e')), (1, Some('a'))] {
            order.keep(turn, ended);
            order.deliver(|ended| delivered.push(ended));
        }
        assert_eq!(delivered, ['a', 'c']);
        assert!(order.is_turn_of(4));
        assert_eq!(order.take_rest(), ['e']);
    }

    #[test]
    fn a_panic_at_a_delivery_does_not_end_the_others() {
        let order = Order::new(WINDOW);
        order.keep(1, Some('a'));
        let deliver = std::panic::AssertUnwindSafe(|| order.deliver(|_| panic!("planned")));
        assert!(std::panic::catch_unwind(deliver).is_err());
        order.recover();
        order.keep(2, Some('b'));
        let mut delivered = Vec::new();
        order.deliver(|ended| delivered.push(ended));
        assert_eq!(delivered, ['b']);
    }

    #[test]
    fn there_is_room_for_a_window_and_for_who_is_stopping() {
        let order = Order::<()>::new(WINDOW);
        assert_eq!(order.wait_for_room(WINDOW, || false), Ok(()));
        assert_eq!(order.wait_for_room(WINDOW + 1, || true), Err(1));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| order.wait_for_room(WINDOW + 1, || false));
            order.keep(1, None);
            order.deliver(|()| ());
            assert_eq!(waiting.join().expect("no panic"), Ok(()));
        });
    }
}
