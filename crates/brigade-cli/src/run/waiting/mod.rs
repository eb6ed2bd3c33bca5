//! What jobs wait for that have been read and cannot run yet: other jobs, resources, or a retry that is not due.
//!
//! The door is [`Parked`], where they wait and occupy no worker. The resources that jobs need, and the locks that other
//! processes see, are in [`Locks`].

mod dependencies;
mod locks;
mod parked;
mod resources;
mod retry;

pub(crate) use self::dependencies::{Before, Fate};
pub(crate) use self::locks::{JobLocks, Locks, Told};
pub(crate) use self::parked::{Asked, Granted, Parked};
pub(crate) use self::retry::Waiting;
