//! Computing by futures, and waiting without blocking a thread.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hash};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::lock::{Report, duty};

use super::computing::{Computing, check_recursion, cycle_of, innermost, key_of};
use super::error::WaitError;
use super::flight::{Ended, Waiting};
use super::flights::{Flights, Outcome, Seen, Turn};

impl<K: Eq + Hash, T, S: BuildHasher> Flights<K, T, S> {
    /// As [`enter`](Self::enter), but waits without blocking a thread.
    pub(super) async fn enter_async(&self, key: K) -> Result<Outcome<'_, K, T, S>, WaitError> {
        let mut key = Some(key);
        loop {
            let waiting = match self.look(&mut key, None) {
                Seen::Kept(value) => return Ok(Outcome::Kept(value)),
                Seen::Turn(turn) => return Ok(Outcome::Turn(turn)),
                Seen::Underway(waiting) => waiting,
            };
            let awaiting = Awaiting {
                waiting,
                name: &self.name,
                edge: None,
            };
            match awaiting.await {
                Ok(Ended::Done(value)) => return Ok(Outcome::Awaited(value)),
                Ok(Ended::Abandoned) => {}
                Err(report) => return Err(WaitError::Deadlock(report)),
            }
        }
    }
}

impl<K, T, S> Turn<'_, K, T, S> {
    /// Drives the future that computes, known to be computing whenever it is polled.
    pub(super) async fn run_future<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _computing = Computing::poll(self.address());
            future.as_mut().poll(context)
        })
        .await
    }
}

/// Waits for a computation.
struct Awaiting<'a, T> {
    waiting: Waiting<T>,
    name: &'a Arc<str>,
    /// Which computation waits for it, if this is awaited inside one.
    edge: Option<Edge>,
}

impl<T> Awaiting<'_, T> {
    /// Errs if the computation that awaits this would wait for itself.
    fn check(&mut self) -> Result<(), Box<Report>> {
        let Some(waits) = innermost() else {
            return Ok(());
        };
        if self.edge.is_some() {
            return Ok(());
        }
        let flight = self.waiting.flight();
        check_recursion(flight.address(), self.name)?;
        // Threads that block are in the graph, and this one stands for the computation that it polls; but it goes on.
        duty::enter(|| flight.owed(), || key_of(self.name), None, Waker::noop())?;
        self.edge = Some(Edge::add(waits, flight.address(), self.name)?);
        Ok(())
    }
}

impl<T> Future for Awaiting<'_, T> {
    type Output = Result<Ended<T>, Box<Report>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ended) = self.waiting.poll(context.waker()) {
            return Poll::Ready(Ok(ended));
        }
        match self.check() {
            Ok(()) => Poll::Pending,
            Err(report) => Poll::Ready(Err(report)),
        }
    }
}

/// That one computation waits for another; both are known by their flights' addresses.
///
/// The wait graph knows threads only, and a future that waits is on none.
struct Edge {
    waits: usize,
    awaited: usize,
}

/// An edge in the list, with the name of the map whose key is awaited.
struct Listed {
    waits: usize,
    awaited: usize,
    name: Arc<str>,
}

/// All edges there are. Whoever adds one looks for a cycle under the same lock, so the last one sees it. Few futures
/// compute with values that other futures compute at the same time, so these are few.
static EDGES: Mutex<Vec<Listed>> = Mutex::new(Vec::new());

impl Edge {
    fn add(waits: usize, awaited: usize, name: &Arc<str>) -> Result<Self, Box<Report>> {
        let mut edges = EDGES.lock();
        let mut path = vec![&**name];
        if leads_to(&edges, awaited, waits, &mut path, &mut Vec::new()) {
            return Err(cycle_of(path));
        }
        edges.push(Listed {
            waits,
            awaited,
            name: Arc::clone(name),
        });
        Ok(Self { waits, awaited })
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let mut edges = EDGES.lock();
        let is_it = |edge: &Listed| (edge.waits, edge.awaited) == (self.waits, self.awaited);
        if let Some(place) = edges.iter().position(is_it) {
            edges.swap_remove(place);
        }
    }
}

/// True if one computation waits for another, perhaps by way of others; `path` then has the names of what is awaited.
fn leads_to<'a>(
    edges: &'a [Listed],
    from: usize,
    to: usize,
    path: &mut Vec<&'a str>,
    seen: &mut Vec<usize>,
) -> bool {
    if from == to {
        return true;
    }
    if seen.contains(&from) {
        return false;
    }
    seen.push(from);
    for edge in edges.iter().filter(|edge| edge.waits == from) {
        path.push(&edge.name);
        if leads_to(edges, edge.awaited, to, path, seen) {
            return true;
        }
        path.pop();
    }
    false
}
