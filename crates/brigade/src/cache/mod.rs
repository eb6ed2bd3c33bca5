//! Computing once what many want.
//!
//! [`OnceMap`] computes a value once per key, whatever the number of threads and futures that ask for it: the others wait,
//! as part of the detection of deadlocks. It replaces the "look, and if it is not there, compute and insert" that computes
//! twice, or deadlocks.
//!
//! With the feature `cache`, `Cache` is a bounded cache with the same guarantees: by entries or weight, with a time to
//! live, refreshes ahead of it, kept errors, and batches.
//!
//! ```
//! use brigade::cache::OnceMap;
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! let templates = OnceMap::named("templates");
//! let compiled = AtomicUsize::new(0);
//! std::thread::scope(|scope| {
//!     for _ in 0..8 {
//!         scope.spawn(|| {
//!             let compile = || compiled.fetch_add(1, Relaxed);
//!             templates.get_or_compute("index.html", compile).unwrap();
//!         });
//!     }
//! });
//! assert_eq!(compiled.into_inner(), 1);
//! ```

mod awaiting;
#[cfg(feature = "cache")]
mod builder;
#[cfg(feature = "cache")]
#[expect(
    clippy::module_inception,
    reason = "the cache among what this module has"
)]
mod cache;
mod computing;
#[cfg(feature = "cache")]
mod core;
mod error;
mod flight;
mod flights;
#[cfg(feature = "cache")]
mod many;
#[cfg(feature = "cache")]
mod metrics;
#[cfg(all(test, loom))]
mod model;
mod once_map;
mod order;
mod shard;
#[cfg(feature = "cache")]
mod store;

#[cfg(feature = "cache")]
pub use self::builder::{CacheBuildError, CacheBuilder};
#[cfg(feature = "cache")]
pub use self::cache::Cache;
pub use self::error::ComputeError;
#[cfg(feature = "cache")]
pub use self::metrics::CacheMetrics;
pub use self::once_map::OnceMap;
