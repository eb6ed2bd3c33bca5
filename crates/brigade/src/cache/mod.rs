//! Computing once what many want.
//!
//! [`OnceMap`] computes a value once per key, whatever the number of threads and futures that ask for it: the others wait,
//! as part of the detection of deadlocks. It replaces the "look, and if it is not there, compute and insert" that computes
//! twice, or deadlocks.
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
mod computing;
mod error;
mod flight;
mod flights;
#[cfg(all(test, loom))]
mod model;
mod once_map;
mod order;
mod shard;

pub use self::error::ComputeError;
pub use self::once_map::OnceMap;
