//! Jobs that wait.

mod dependencies;
mod locks;
mod parked;
mod resources;
mod retry;

pub(crate) use self::dependencies::{Before, Fate};
pub(crate) use self::locks::{JobLocks, Locks, Told};
pub(crate) use self::parked::{Asked, Granted, Parked};
pub(crate) use self::retry::{Backoff, Waiting};
