//! `brigade with`: named locks, which all processes of this machine see, around one command.
//!
//! One thread takes the locks (`crate::resource`), one listens to signals; the main thread hears of both, waits as long
//! as it may, runs the command and passes signals on (`conduct.rs`).

mod conduct;
mod error;
mod list;
mod signals;
mod wait_report;

use std::io::{self, Write};

use crate::arguments::WithArguments;
use crate::resource::{Capacities, LockDirectory, ResourceError, read_requests, refuse_nesting};

use self::conduct::Conduct;
use self::error::WithError;

/// Runs the command while the resources are held, or lists who holds some, and returns the exit code.
///
/// # Errors
/// [`WithError`], and then nothing was run.
pub(crate) fn with(arguments: WithArguments) -> Result<u8, WithError> {
    let directory = LockDirectory::open(arguments.lock_dir.as_deref())?;
    if arguments.list {
        return list::print(&directory, arguments.json);
    }
    let mut capacities = Capacities::new();
    for (name, units) in &arguments.capacity {
        let (name, here) = (name.clone(), *units);
        match capacities.insert(name.clone(), here) {
            Some(there) if there != here => {
                return Err(ResourceError::TwoCapacities { name, here, there }.into());
            }
            _ => {}
        }
    }
    let requests = read_requests(&arguments.resources, &capacities)?;
    for disorder in refuse_nesting(&directory, &requests)? {
        say(disorder);
    }
    Conduct::begin(directory, requests, arguments)?.run()
}

/// Prints a message to standard error.
fn say(message: impl std::fmt::Display) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "brigade: {message}");
}
