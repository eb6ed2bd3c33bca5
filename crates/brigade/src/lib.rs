//! Threads you can run in production.
//!
//! Brigade runs blocking or CPU-bound work on threads and keeps five promises:
//!
//! 1. **Nothing is lost.** An accepted task runs, or its handle says why not; a refused one comes back.
//! 2. **Nothing grows without bound.** The queue has a limit; reaching it is back-pressure you see.
//! 3. **Nothing hangs in silence.** Every blocking call has a timed form; tasks may wait for tasks of
//!    their own pool; locks report orders that can deadlock, and a wait that would never end fails.
//! 4. **Everything can be seen.** Names, counts, queue depth, wait and run times.
//! 5. **It costs next to nothing.** See `bench/` for the figures beside its peers'.
//!
//! ```
//! use brigade::{Pool, Priority};
//!
//! let pool = Pool::builder("render").workers(2..=10).queue_capacity(1_000).build()?;
//! let handle = pool.submit(|| 6 * 7)?;
//! assert_eq!(handle.join()?, 42);
//!
//! let lengths = pool.map(&["fire", "water"], |word| word.len())?;
//! assert_eq!(lengths, [4, 5]);
//!
//! let report = pool.task(|| "all well").priority(Priority::HIGH).name("report").submit()?;
//! assert_eq!(report.join()?, "all well");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | what | for |
//! |---|---|
//! | [`Pool`] and [`pool`] | running tasks on threads, bounded, prioritised, elastic |
//! | [`lock`] | mutexes and read-write locks that predict and detect deadlocks; several locks at once; locks by key |
//! | [`OnceMap`] and [`cache`] | computing once what many want |
//! | [`consumers`] | producer-consumer: a bounded buffer and the threads that handle what is in it |
//! | [`partitioned`] | share nothing: each value in one worker, messages by key, in order |
//! | [`pipeline`] | stages that run at once, bounded between them, in order where asked |
//! | [`Counter`], [`Gauge`] | counting on many threads at once |
//!
//! # Features
//!
//! None is on by default. `cache`: a bounded cache ([`cache`]). `json`: reports of the locks as JSON. `log`, `tracing`:
//! what the locks find is logged there instead of printed on standard error.

// Models leave out what is only recorded and reported.
#![cfg_attr(any(loom, shuttle), allow(dead_code))]

pub mod cache;
pub mod consumers;
mod counter;
#[cfg(doctest)]
mod guide;
pub mod lock;
pub mod partitioned;
pub mod pipeline;
pub mod pool;
mod primitive;
mod waiting;

#[cfg(feature = "cache")]
pub use cache::Cache;
pub use cache::OnceMap;
pub use counter::{Counter, Gauge};
pub use pool::{Pool, Priority, Shutdown};

/// For use inside a task.
pub mod task {
    pub use crate::pool::running::is_cancelled;
}
