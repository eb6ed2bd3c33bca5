//! Share nothing: a value lives in exactly one worker, and messages reach it by key.
//!
//! Each worker has a state of its own, which no other thread ever sees: so it needs no lock. All messages of one key
//! go to one worker, which handles them one after the other, in the order in which they were accepted; keys are spread
//! over the workers by a jump consistent hash (`route.rs`). All that is shared is the queues, under one lock (`state.rs`).
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::mpsc::{Sender, channel};
//! use brigade::partitioned::Partitioned;
//!
//! enum Message { Deposit(u64), Balance(Sender<u64>) }
//!
//! let accounts = Partitioned::builder("accounts").workers(4).buffer(100).start(
//!     HashMap::new,
//!     |balances: &mut HashMap<String, u64>, account: &String, message| match message {
//!         Message::Deposit(amount) => *balances.entry(account.clone()).or_default() += amount,
//!         Message::Balance(reply) => {
//!             let _ = reply.send(balances.get(account).copied().unwrap_or(0));
//!         }
//!     },
//! )?;
//! accounts.send("ada".to_owned(), Message::Deposit(30))?;
//! accounts.send("ada".to_owned(), Message::Deposit(12))?;
//! let (reply, balance) = channel();
//! accounts.send("ada".to_owned(), Message::Balance(reply))?;
//! assert_eq!(balance.recv()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod crew;
mod error;
mod metrics;
mod route;
mod shared;
mod state;
mod worker;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::builder::Builder;
pub use self::crew::ShutdownReport;
pub use self::error::{RejectReason, Rejected, StartError, WaitError};
pub use self::metrics::Metrics;

use self::crew::Crew;
use self::shared::Shared;
use crate::consumers::shared::Patience;
use crate::pool::Shutdown;

/// Workers that share nothing, and to which messages go by key.
///
/// It is shared by reference or in an `Arc`. Dropping it takes no more messages, waits until those that were accepted are
/// handled, and ends the threads; on one of these very threads it does not wait.
pub struct Partitioned<K, M> {
    shared: Arc<Shared<K, M>>,
    crew: Crew,
}

impl<K, M> Partitioned<K, M>
where
    K: Hash + Send + 'static,
    M: Send + 'static,
{
    /// Begins to set workers up.
    pub fn builder(name: impl Into<String>) -> Builder<K, M> {
        Builder::new(name.into())
    }

    /// Sends a message to the worker that the key belongs to; waits while that one's buffer is full. Cost: one short lock.
    ///
    /// # Errors
    /// [`Rejected`], with key and message: if there was a shutdown, or if the wait would never end, because that worker
    /// is the caller or waits for it. Handlers do better with [`try_send`](Self::try_send).
    pub fn send(&self, key: K, message: M) -> Result<(), Rejected<K, M>> {
        self.shared.admit(key, message, Patience::Until(None))
    }

    /// Sends a message if there is room; never waits.
    ///
    /// # Errors
    /// As [`send`](Self::send); if the buffer is full, the reason says when to try again.
    ///
    /// ```
    /// use brigade::partitioned::{Partitioned, Rejected, RejectReason};
    ///
    /// # let workers = Partitioned::builder("doc").start(|| (), |(), _: &u32, _: &str| ())?;
    /// match workers.try_send(7, "hello") {
    ///     Ok(()) => {}
    ///     Err(Rejected { key, message, reason: RejectReason::Full { retry_after, .. } }) => {
    ///         println!("{message} to {key} in {retry_after:?}");
    ///     }
    ///     Err(refused) => return Err(refused.into()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send(&self, key: K, message: M) -> Result<(), Rejected<K, M>> {
        self.shared.admit(key, message, Patience::None)
    }

    /// Sends a message; waits for room for at most `limit`.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn send_timeout(&self, key: K, message: M, limit: Duration) -> Result<(), Rejected<K, M>> {
        let deadline = Instant::now().checked_add(limit);
        self.shared.admit(key, message, Patience::Until(deadline))
    }
}

impl<K: Send + 'static, M: Send + 'static> Partitioned<K, M> {
    /// Waits until all messages that were accepted before this call are handled, or handed back by a shutdown. What comes
    /// later is not waited for.
    ///
    /// # Errors
    /// [`WaitError`]: in a handler of these workers, or if a worker that has one of the messages waits for this thread.
    pub fn wait_idle(&self) -> Result<(), WaitError> {
        self.shared.wait_for_rest(None)
    }

    /// As [`wait_idle`](Self::wait_idle), for at most `limit`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] if they were not handled by then; otherwise as [`wait_idle`](Self::wait_idle).
    pub fn wait_idle_timeout(&self, limit: Duration) -> Result<(), WaitError> {
        self.shared.wait_for_rest(Some(limit))
    }
}

impl<K, M> Partitioned<K, M> {
    fn new(shared: Arc<Shared<K, M>>, crew: Crew) -> Self {
        Self { shared, crew }
    }

    /// Changes the number of workers, and with it the worker that some keys belong to.
    ///
    /// As few keys move as possible: from `n` to `n + 1` workers one in `n + 1`. What waits moves along at once, and
    /// may for a while be more than the new worker's buffer holds; if the old worker is in the midst of a message
    /// of a key that moves, the new one waits for it to end. So the messages of each key stay in order, and never run at
    /// the same time.
    ///
    /// States do not move: from then on the messages of a key that moved meet the state of its new worker. Workers that
    /// are too many drop theirs when they have ended what they have in hand. A handler whose values must survive keeps
    /// them elsewhere, or makes them anew when it misses them.
    ///
    /// # Errors
    /// [`StartError`] for no workers, after a shutdown, or if the system refuses a thread: then keys are spread over those
    /// that there are.
    ///
    /// ```
    /// use brigade::partitioned::Partitioned;
    ///
    /// let workers = Partitioned::builder("doc").workers(1).start(|| (), |(), _: &u32, _: u32| ())?;
    /// workers.resize(3)?;
    /// assert_eq!(workers.workers(), 3);
    /// # workers.send(1, 1)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&self, workers: usize) -> Result<(), StartError> {
        self.crew.resize(&self.shared, workers)
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.shared.state.lock().workers
    }

    /// Takes no more messages, ends those there are as `how` says, and hands back what is not handled.
    ///
    /// Senders that wait for room get their messages back. May be called more than once and from several threads. In a
    /// handler of these workers it does not wait for them: the report says how far they are.
    pub fn shutdown(&self, how: Shutdown) -> ShutdownReport<K, M> {
        self.shared.shut_down(&self.crew, how)
    }

    /// What they have done and are doing. Cost: some microseconds for each worker.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// Their name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }
}

impl<K, M> Drop for Partitioned<K, M> {
    fn drop(&mut self) {
        // Without a limit a drain leaves nothing unhandled.
        let _ = self.shared.shut_down(&self.crew, Shutdown::drain());
    }
}

impl<K, M> fmt::Debug for Partitioned<K, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Partitioned")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
