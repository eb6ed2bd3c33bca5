//! Results that are ready out of order, delivered in order.

use std::collections::VecDeque;
use std::task::Waker;

use crate::primitive::{Mutex, MutexGuard};
use crate::waiting;

use super::handover::Carried;
use super::meter::Meter;

/// The reorder window of a stage: the items its workers have taken and not yet delivered.
///
/// Items are numbered from zero in the order in which they were taken. There are never more than `size` of them
/// in the window: a worker makes a reservation before it takes one. Whoever completes the item whose turn it is
/// delivers it and all after it that are ready, so that no thread is needed just for the order.
pub(crate) struct Window<T> {
    state: Mutex<State<T>>,
    size: usize,
}

struct State<T> {
    /// Results of consecutive items from the one whose turn it is; `None` where one is not ready.
    ready: VecDeque<Option<Carried<Option<T>>>>,
    /// The number of the item whose turn it is.
    turn: u64,
    /// Reservations that have not ended in a delivery.
    open: usize,
    /// A worker is delivering; it will look again before it stops.
    delivering: bool,
    /// A worker has left without delivering: there is no order to keep any more.
    closed: bool,
    wakers: Vec<Waker>,
}

impl<T> State<T> {
    fn insert(&mut self, number: u64, result: Carried<Option<T>>) {
        let place = usize::try_from(number - self.turn).expect("a window fits in memory");
        while self.ready.len() <= place {
            self.ready.push_back(None);
        }
        self.ready[place] = Some(result);
    }

    fn take_ready(&mut self) -> Option<Carried<Option<T>>> {
        let result = self.ready.front_mut()?.take()?;
        self.ready.pop_front();
        self.turn += 1;
        Some(result)
    }

    fn try_reserve(&mut self, size: usize) -> Option<bool> {
        if self.closed {
            return Some(false);
        }
        (self.open < size).then(|| {
            self.open += 1;
            true
        })
    }
}

impl<T> Window<T> {
    pub(crate) fn new(size: usize) -> Self {
        let state = State {
            ready: VecDeque::new(),
            turn: 0,
            open: 0,
            delivering: false,
            closed: false,
            wakers: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            size,
        }
    }

    /// Reserves a place for the next item, waits until there is one. False if the window was closed.
    #[inline]
    pub(crate) fn reserve(&self, meter: &mut Meter) -> bool {
        let reserved = self.state.lock().try_reserve(self.size);
        reserved.unwrap_or_else(|| meter.wait_for_room(|| self.wait_for_place()))
    }

    #[cold]
    fn wait_for_place(&self) -> bool {
        let reserved = waiting::wait(None, None, |waker| {
            let mut state = self.state.lock();
            let reserved = state.try_reserve(self.size);
            if reserved.is_none() && !state.wakers.iter().any(|known| known.will_wake(waker)) {
                state.wakers.push(waker.clone());
            }
            reserved
        });
        matches!(reserved, Ok(Some(true)))
    }

    /// An item is done, with or without a result. Delivers what has its turn, by `deliver`, which returns false if
    /// nobody takes it. False if the window was closed.
    pub(crate) fn complete(
        &self,
        number: u64,
        result: Option<T>,
        deliver: impl FnMut(T) -> bool,
    ) -> bool {
        let result = Carried::new(result);
        {
            let mut state = self.state.lock();
            if state.closed {
                drop(state); // before the result, whose destructor is the user's code
                return false;
            }
            state.insert(number, result);
            if state.delivering {
                return true;
            }
            state.delivering = true;
        }
        self.deliver_ready(deliver)
    }

    fn deliver_ready(&self, mut deliver: impl FnMut(T) -> bool) -> bool {
        let mut state = self.state.lock();
        loop {
            let Some(result) = state.take_ready() else {
                state.delivering = false;
                return !state.closed;
            };
            drop(state);
            if let Some(result) = result.into_inner()
                && !deliver(result)
            {
                self.close();
                return false;
            }
            state = self.state.lock();
            state.open -= 1;
            state = self.wake_all(state);
        }
    }

    /// Wakes whoever waits for a place.
    fn wake_all<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        if state.wakers.is_empty() {
            return state;
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        self.state.lock()
    }

    /// Gives a reservation back for which there was no item.
    fn release(&self) {
        let mut state = self.state.lock();
        state.open -= 1;
        drop(self.wake_all(state));
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        drop(self.wake_all(state));
    }
}

/// A worker's stay at a window; closes it if the worker leaves before its time, by a panic too.
pub(crate) struct Stay<'a, T> {
    pub(crate) window: &'a Window<T>,
    /// There was no item for its last reservation: the input is at its end.
    pub(crate) is_over: bool,
}

impl<T> Drop for Stay<'_, T> {
    fn drop(&mut self) {
        if self.is_over {
            self.window.release();
        } else {
            self.window.close();
        }
    }
}

/// Every interleaving of small cases: `RUSTFLAGS="--cfg loom" cargo test --release -p brigade --lib pipeline`.
#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use loom::thread;

    use super::{Meter, Mutex, Stay, Window};

    /// What two workers do with `items` at a window of `size`, and what is delivered.
    fn delivered(size: usize, items: u64, fails_at: Option<u64>) -> Vec<u64> {
        let window = Arc::new(Window::new(size));
        let shared = Arc::new((Mutex::new(0..items), Mutex::new(Vec::new())));
        let work = move |window: Arc<Window<u64>>, shared: Arc<(Mutex<_>, Mutex<Vec<u64>>)>| {
            let mut stay = Stay {
                window: &window,
                is_over: false,
            };
            while window.reserve(&mut Meter::default()) {
                let Some(number) = Iterator::next(&mut *shared.0.lock()) else {
                    stay.is_over = true;
                    return;
                };
                if fails_at == Some(number) {
                    return;
                }
                let deliver = |number| {
                    shared.1.lock().push(number);
                    true
                };
                if !window.complete(number, Some(number), deliver) {
                    return;
                }
            }
        };
        let other = {
            let (window, shared) = (Arc::clone(&window), Arc::clone(&shared));
            thread::spawn(move || work(window, shared))
        };
        work(Arc::clone(&window), Arc::clone(&shared));
        other.join().unwrap();
        std::mem::take(&mut *shared.1.lock())
    }

    fn explore(model: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    #[test]
    fn all_are_delivered_in_order_and_both_workers_leave() {
        explore(|| assert_eq!(delivered(2, 3, None), [0, 1, 2]));
    }

    #[test]
    fn a_worker_that_waits_for_a_place_gets_it_or_leaves() {
        explore(|| assert_eq!(delivered(1, 2, None), [0, 1]));
    }

    #[test]
    fn a_worker_that_fails_lets_the_other_one_leave() {
        explore(|| assert_eq!(delivered(1, 3, Some(1)), [0]));
    }
}
