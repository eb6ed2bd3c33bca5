//! Named resources, and locks on them that all processes of this machine see.
//!
//! A request (`request.rs`) names a resource and says how it is to be used. Locks are files in a directory
//! (`directory.rs`), taken one resource at a time (`lock.rs`, `units.rs`). Who holds and who waits says so in a
//! record beside them (`record.rs`), which people read and on which no lock depends.

mod directory;
mod error;
mod lock;
mod name;
mod nesting;
mod record;
mod request;
mod units;

pub(crate) use self::directory::LockDirectory;
pub(crate) use self::error::ResourceError;
pub(crate) use self::lock::{Held, Waits};
pub(crate) use self::name::Name;
pub(crate) use self::nesting::{WITHIN, refuse_nesting};
pub(crate) use self::record::{Record, State, User, users};
pub(crate) use self::request::{Capacities, Request, Use, read_capacity, read_requests};
