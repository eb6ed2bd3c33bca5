//! Awaiting room in the buffer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::closing::Phase;
use super::error::Rejected;
use super::line::Progress;
use super::shared::{Shared, wake};

/// Awaits room. Dropped while it waits, it leaves the line and drops the item.
pub(crate) struct Producing<'a, T> {
    shared: &'a Arc<Shared<T>>,
    item: Option<T>,
    ticket: Option<u64>,
}

impl<'a, T> Producing<'a, T> {
    pub(crate) fn new(shared: &'a Arc<Shared<T>>, item: T) -> Self {
        Self {
            shared,
            item: Some(item),
            ticket: None,
        }
    }

    fn begin(&mut self, item: T, context: &Context<'_>) -> Poll<Result<(), Rejected<T>>> {
        let waker = context.waker().clone(); // foreign code, so before the lock is taken
        let mut state = self.shared.state.lock();
        if state.phase != Phase::Open {
            state.counts.refused_shut_down += 1;
            let reason = self.shared.shut_down_reason();
            return Poll::Ready(Err(Rejected { item, reason }));
        }
        if !state.has_room() {
            let (ticket, call) = state.join_line(item, waker);
            self.ticket = Some(ticket);
            drop(state);
            wake(call);
            return Poll::Pending;
        }
        state.accept(item);
        let call = state.call_for_new();
        drop(state);
        wake(call);
        Poll::Ready(Ok(()))
    }

    fn look(&mut self, ticket: u64, context: &Context<'_>) -> Poll<Result<(), Rejected<T>>> {
        let waker = context.waker().clone();
        let mut state = self.shared.state.lock();
        let result = match state.line.progress(ticket) {
            Progress::Waiting => {
                let known = state.line.replace_waker(ticket, waker);
                drop(state);
                drop(known); // foreign code too
                return Poll::Pending;
            }
            Progress::Admitted => Ok(()),
            Progress::TurnedAway(item) => {
                state.counts.refused_shut_down += 1;
                let reason = self.shared.shut_down_reason();
                Err(Rejected { item, reason })
            }
        };
        self.ticket = None;
        Poll::Ready(result)
    }
}

impl<T: Send + 'static> Producing<'_, T> {
    /// Still pending, unless this thread is itself a consumer, and nobody but it could make room.
    fn pend(&mut self) -> Poll<Result<(), Rejected<T>>> {
        let Some(ticket) = self.ticket.filter(|_| self.shared.is_served_here()) else {
            return Poll::Pending;
        };
        match self.shared.check_place(ticket) {
            Ok(()) => Poll::Pending,
            Err(report) => {
                self.ticket = None;
                Poll::Ready(self.shared.leave_line(ticket, Instant::now(), Some(report)))
            }
        }
    }
}

// Nothing in it is pinned: the item is moved into the buffer.
impl<T> Unpin for Producing<'_, T> {}

impl<T: Send + 'static> Future for Producing<'_, T> {
    type Output = Result<(), Rejected<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match (self.item.take(), self.ticket) {
            (Some(item), _) => self.begin(item, context),
            (None, Some(ticket)) => self.look(ticket, context),
            (None, None) => Poll::Ready(Ok(())), // polled after it was ready: there is nothing more to say
        };
        if polled.is_pending() {
            return self.pend();
        }
        polled
    }
}

impl<T> Drop for Producing<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let left = self.shared.state.lock().line.leave(ticket);
            drop(left); // without the lock
        }
    }
}
