//! What the threads of each kind of stage do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::primitive::Mutex;

use super::control::Post;
use super::failure::ErrorSlot;
use super::handover::{Arrival, Inlet, Outlet};
use super::meter::Meter;
use super::window::{Stay, Window};

/// The work of one thread. It is run once, by reference, so that what it owns is dropped apart from what it did:
/// a destructor may panic too.
pub(crate) trait Work: Send {
    fn run(&mut self, post: &Post<'_>, meter: &mut Meter);
}

/// Brings the items of an iterator into the pipeline.
pub(crate) struct Producer<I, T, E> {
    pub(crate) items: I,
    pub(crate) outlet: Outlet<T>,
    pub(crate) errors: Arc<ErrorSlot<E>>,
}

impl<I, T, E> Work for Producer<I, T, E>
where
    I: Iterator<Item = Result<T, E>> + Send,
    T: Send,
    E: Send,
{
    fn run(&mut self, post: &Post<'_>, meter: &mut Meter) {
        while !post.is_stopped() {
            match self.items.next() {
                None => return,
                Some(Err(error)) => return post.fail(&self.errors, error),
                Some(Ok(item)) => {
                    meter.items += 1;
                    if !self.outlet.put(item, meter) {
                        return;
                    }
                }
            }
        }
    }
}

/// Makes of each item another one, or none, in whatever order.
pub(crate) struct Transformer<T, U, O, E> {
    pub(crate) inlet: Inlet<T>,
    /// None for a sink.
    pub(crate) outlet: Option<Outlet<U>>,
    pub(crate) operation: Arc<O>,
    pub(crate) errors: Arc<ErrorSlot<E>>,
}

impl<T, U, O, E> Work for Transformer<T, U, O, E>
where
    O: Fn(T) -> Result<Option<U>, E> + Send + Sync,
    T: Send,
    U: Send,
    E: Send,
{
    fn run(&mut self, post: &Post<'_>, meter: &mut Meter) {
        while let Some(item) = self.inlet.next(meter) {
            if post.is_stopped() {
                return;
            }
            let result = match (self.operation)(item) {
                Ok(result) => result,
                Err(error) => return post.fail(&self.errors, error),
            };
            meter.items += 1;
            if let (Some(result), Some(outlet)) = (result, &self.outlet)
                && !outlet.put(result, meter)
            {
                return;
            }
        }
    }
}

/// The input of an ordered stage: items are numbered as they are taken.
pub(crate) struct Intake<T>(Mutex<(u64, Inlet<T>)>);

impl<T> Intake<T> {
    pub(crate) fn new(inlet: Inlet<T>) -> Self {
        Self(Mutex::new((0, inlet)))
    }

    fn next(&self, meter: &mut Meter) -> Option<(u64, T)> {
        // Whoever has the lock may be waiting for input itself.
        let mut intake = match self.0.try_lock() {
            Some(intake) => intake,
            None => meter.wait_for_input(|| self.0.lock()),
        };
        let item = intake.1.next(meter)?;
        let number = intake.0;
        intake.0 += 1;
        Some((number, item))
    }
}

/// Makes of each item another one, or none, in the order of the input.
pub(crate) struct OrderedTransformer<T, U, O, E> {
    pub(crate) intake: Arc<Intake<T>>,
    pub(crate) window: Arc<Window<U>>,
    pub(crate) outlet: Outlet<U>,
    pub(crate) operation: Arc<O>,
    pub(crate) errors: Arc<ErrorSlot<E>>,
}

impl<T, U, O, E> Work for OrderedTransformer<T, U, O, E>
where
    O: Fn(T) -> Result<Option<U>, E> + Send + Sync,
    T: Send,
    U: Send,
    E: Send,
{
    fn run(&mut self, post: &Post<'_>, meter: &mut Meter) {
        let mut stay = Stay {
            window: &self.window,
            is_over: false,
        };
        while self.window.reserve(meter) {
            let Some((number, item)) = self.intake.next(meter) else {
                stay.is_over = true;
                return;
            };
            if post.is_stopped() {
                return;
            }
            let result = match (self.operation)(item) {
                Ok(result) => result,
                Err(error) => return post.fail(&self.errors, error),
            };
            meter.items += 1;
            let deliver = |result| self.outlet.put(result, meter);
            if !self.window.complete(number, result, deliver) {
                return;
            }
        }
    }
}

/// Gathers items.
pub(crate) struct Batcher<T> {
    pub(crate) inlet: Inlet<T>,
    pub(crate) outlet: Outlet<Vec<T>>,
    pub(crate) size: usize,
    pub(crate) max_wait: Duration,
}

impl<T: Send> Work for Batcher<T> {
    fn run(&mut self, post: &Post<'_>, meter: &mut Meter) {
        while let Some(first) = self.inlet.next(meter) {
            let mut batch = vec![first];
            let ended = self.fill(&mut batch, meter);
            if post.is_stopped() {
                return;
            }
            meter.items += batch.len() as u64;
            if !self.outlet.put(batch, meter) || ended {
                return;
            }
        }
    }
}

impl<T> Batcher<T> {
    /// Adds items until the batch is full or its time is over. True if there will be no more.
    fn fill(&self, batch: &mut Vec<T>, meter: &mut Meter) -> bool {
        let deadline = Instant::now().checked_add(self.max_wait);
        while batch.len() < self.size {
            let arrival = match deadline {
                Some(deadline) => self.inlet.next_until(deadline, meter),
                // So far away that it never comes.
                None => self.inlet.next(meter).map_or(Arrival::End, Arrival::Item),
            };
            match arrival {
                Arrival::Item(item) => batch.push(item),
                Arrival::TimedOut => return false,
                Arrival::End => return true,
            }
        }
        false
    }
}
