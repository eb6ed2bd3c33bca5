//! Producer-consumer: a bounded buffer, and the threads that handle what is in it.
//!
//! An item goes from [`Consumers::produce`] into the buffer (`state.rs`), or, if that is full, into the line before
//! it (`line.rs`), to a consumer's thread (`consumer.rs`), which lends it to the handler. If the handler panics or
//! errs, the item is tried again or reaches the failure handler (`failure.rs`); nobody else notices.
//!
//! All of it stands on one lock and on wakers, not on a channel: a channel knows what is in it, but not what was taken
//! out and is not settled yet. Counting that beside the channel leaves moments at which an item is in neither
//! count; under one lock there are none, which makes [`wait_idle`](Consumers::wait_idle) and
//! [`shutdown`](Consumers::shutdown) exact (`ledger.rs`, `closing.rs`).
//!
//! ```
//! use brigade::consumers::{Consumers, Failure};
//!
//! let consumers = Consumers::builder("orders")
//!     .buffer(100)
//!     .workers(4)
//!     .on_failure(|failure: Failure<u64, String>| eprintln!("{failure}; the order was {}", failure.item))
//!     .start(|order| if *order > 0 { Ok(()) } else { Err("an empty order".to_owned()) })?;
//! for order in 0..10 {
//!     consumers.produce(order)?; // waits while the buffer is full: back-pressure
//! }
//! consumers.wait_idle()?;
//! assert_eq!((consumers.metrics().handled, consumers.metrics().failed), (9, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
pub(crate) mod closing;
mod consumer;
mod ending;
mod error;
mod failure;
pub(crate) mod ledger;
pub(crate) mod line;
mod metrics;
mod producing;
pub(crate) mod serving;
pub(crate) mod shared;
mod state;
pub(crate) mod watching;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::builder::{BatchBuilder, Builder};
pub use self::ending::ShutdownReport;
pub use self::error::{RejectReason, Rejected, StartError, WaitError};
pub use self::failure::{Cause, Failure, Outcome, Retry};
pub use self::metrics::{Metrics, Rejections};

use self::producing::Producing;
use self::shared::{Patience, Shared};
use crate::pool::Shutdown;
use crate::primitive::atomic::Ordering::{AcqRel, Relaxed};

/// Threads that handle what is produced, and the way to produce it: a handle to both.
///
/// Several producers each have a clone. Dropping the last one takes no more items, waits until those that were
/// accepted are handled, and ends the threads; on one of these very threads it does not wait. A handler that
/// owns a clone keeps its consumers going until somebody calls [`shutdown`](Self::shutdown).
pub struct Consumers<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Send + 'static> Consumers<T> {
    /// Begins to set consumers up.
    pub fn builder<E>(name: impl Into<String>) -> Builder<T, E> {
        Builder::new(name.into())
    }
}

impl<T: Send + 'static> Consumers<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Puts an item into the buffer; waits while it is full. Cost: one short lock.
    ///
    /// A handler may produce into its own buffer, too; but if all consumers wait for room that only they could make,
    /// the last one's call fails. Handlers do better with [`try_produce`](Self::try_produce).
    ///
    /// # Errors
    /// [`Rejected`], with the item: if there was a shutdown, or if the wait would never end, because each consumer waits
    /// for the caller, if only by way of others, or for room here itself.
    #[inline]
    pub fn produce(&self, item: T) -> Result<(), Rejected<T>> {
        self.shared.admit(item, Patience::Until(None))
    }

    /// Puts an item into the buffer if there is room; never waits.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); if the buffer is full, the reason says when to try again.
    ///
    /// ```
    /// use brigade::consumers::{Consumers, Rejected, RejectReason};
    ///
    /// # let consumers = Consumers::builder("doc").start(|page: &u32| println!("{page}"))?;
    /// match consumers.try_produce(7) {
    ///     Ok(()) => {}
    ///     Err(Rejected { item, reason: RejectReason::Full { retry_after, .. } }) => {
    ///         println!("{item} later, in {retry_after:?}");
    ///     }
    ///     Err(refused) => return Err(refused.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_produce(&self, item: T) -> Result<(), Rejected<T>> {
        self.shared.admit(item, Patience::None)
    }

    /// Puts an item into the buffer; waits for room for at most `limit`.
    ///
    /// # Errors
    /// As [`try_produce`](Self::try_produce).
    pub fn produce_timeout(&self, item: T, limit: Duration) -> Result<(), Rejected<T>> {
        let deadline = Instant::now().checked_add(limit);
        self.shared.admit(item, Patience::Until(deadline))
    }

    /// Puts an item into the buffer, awaiting room. Works with any executor.
    ///
    /// Dropping the future before it is ready drops the item; an item that was accepted is handled.
    ///
    /// A handler of these consumers that blocks on the future waits for itself if nobody else can make room. So when it
    /// is polled in such a handler, and no other consumer is known to go on, it fails. What is not known is who
    /// else blocks on a future: several handlers that do so at once can wait for ever, unseen. Handlers do
    /// better with [`try_produce`](Self::try_produce).
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    pub fn produce_async(&self, item: T) -> impl Future<Output = Result<(), Rejected<T>>> {
        Producing::new(&self.shared, item)
    }

    /// Waits until all items that were accepted before this call are settled: handled, given to the failure handler
    /// (which has returned), or handed back by a shutdown. What comes later is not waited for.
    ///
    /// # Errors
    /// [`WaitError`]: in a handler of these consumers, or if a consumer that has one of the items waits for this thread.
    pub fn wait_idle(&self) -> Result<(), WaitError> {
        self.shared.wait_for_rest(None)
    }

    /// As [`wait_idle`](Self::wait_idle), for at most `limit`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] if they were not settled by then; otherwise as [`wait_idle`](Self::wait_idle).
    pub fn wait_idle_timeout(&self, limit: Duration) -> Result<(), WaitError> {
        self.shared.wait_for_rest(Some(limit))
    }
}

impl<T> Consumers<T> {
    /// Takes no more items, ends those there are as `how` says, and hands back what is not handled.
    ///
    /// With [`Shutdown::Drain`] they are handled, also by further attempts when these are due; with
    /// [`Shutdown::Now`], or when the timeout has ended, they are handed back, and handlers end what they have. Producers
    /// that wait for room get their items back. May be called more than once and from several threads. In a
    /// handler of these consumers it does not wait for them: the report says how far they are.
    ///
    /// ```
    /// use brigade::consumers::Consumers;
    /// use brigade::pool::Shutdown;
    ///
    /// let consumers = Consumers::builder("print").start(|page: &u32| println!("{page}"))?;
    /// consumers.produce(1)?;
    /// let report = consumers.shutdown(Shutdown::drain());
    /// assert_eq!((report.handled, report.unhandled.len()), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport<T> {
        self.shared.shut_down(how)
    }

    /// What they have done and are doing. Cost: some microseconds for each consumer.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// Their name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How many items may wait.
    pub fn buffer_capacity(&self) -> usize {
        self.shared.capacity
    }
}

impl<T> Clone for Consumers<T> {
    fn clone(&self) -> Self {
        self.shared.handles.fetch_add(1, Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Consumers<T> {
    fn drop(&mut self) {
        // Pairs with itself: what was done before any handle was dropped comes before the end.
        if self.shared.handles.fetch_sub(1, AcqRel) == 1 {
            // Without a limit a drain leaves nothing unhandled.
            let _ = self.shared.shut_down(Shutdown::drain());
        }
    }
}

impl<T> fmt::Debug for Consumers<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Consumers")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
