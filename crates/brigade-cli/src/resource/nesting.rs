//! A command that holds resources, inside another that does.

use std::env;
use std::fmt;

use super::directory::LockDirectory;
use super::error::ResourceError;
use super::name::Name;
use super::record::{Record, State, users};
use super::request::Request;

/// Names the records of all that is held around a command. Should it stay in the environment of what a command leaves in
/// the background, it names records that are gone.
pub(crate) const WITHIN: &str = "BRIGADE_WITHIN";

/// The records of what is held around this process.
fn around() -> Vec<String> {
    let named = env::var(WITHIN).unwrap_or_default();
    named.split_whitespace().map(str::to_owned).collect()
}

impl Record {
    /// The value of [`WITHIN`] for the command of this record.
    pub(crate) fn within(&self) -> String {
        let mut records = around();
        records.push(self.id().to_owned());
        records.join(" ")
    }
}

/// A resource that is taken after one that should come after it.
#[derive(Debug)]
pub(crate) struct Disorder {
    taken: Name,
    held: Name,
}

impl fmt::Display for Disorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, held } = self;
        write!(
            formatter,
            "`{taken}` comes before `{held}`, which is held around this command: together with one that takes both in \
             order, this can deadlock; name both outside"
        )
    }
}

/// Refuses what would wait for the end of the command that it is part of, and returns what could wait in a circle with
/// others.
///
/// # Errors
/// [`ResourceError::Around`]; [`ResourceError::System`] if the directory cannot be read.
pub(crate) fn refuse_nesting(
    directory: &LockDirectory,
    requests: &[Request],
) -> Result<Vec<Disorder>, ResourceError> {
    let around = around();
    let mut disorders = Vec::new();
    if around.is_empty() {
        return Ok(disorders);
    }
    for user in users(directory)? {
        if user.state != State::Held || !around.contains(&user.record) {
            continue;
        }
        for request in requests {
            if request.name == user.resource {
                return Err(ResourceError::Around(user.resource));
            }
            if request.name < user.resource {
                disorders.push(Disorder {
                    taken: request.name.clone(),
                    held: user.resource.clone(),
                });
            }
        }
    }
    Ok(disorders)
}
