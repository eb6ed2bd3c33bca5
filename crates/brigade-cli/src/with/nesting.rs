//! A `brigade with` inside the command of another.

use std::env;

use crate::resource::{LockDirectory, Request, ResourceError, State, users};

use super::say;

/// Names the records of all `brigade with` around a command. Should it stay in the environment of what a command leaves
/// in the background, it names records that are gone.
pub(crate) const VARIABLE: &str = "BRIGADE_WITHIN";

/// The records of those around this one.
pub(crate) fn around() -> Vec<String> {
    let named = env::var(VARIABLE).unwrap_or_default();
    named.split_whitespace().map(str::to_owned).collect()
}

/// Refuses what would wait for its own command's end, and warns of what could wait in a circle with others.
///
/// # Errors
/// [`ResourceError::Around`].
pub(crate) fn check(directory: &LockDirectory, requests: &[Request]) -> Result<(), ResourceError> {
    let around = around();
    if around.is_empty() {
        return Ok(());
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
                say(format_args!(
                    "`{}` comes before `{}`, which is held around this command: together with one that takes both in \
                     order, this can deadlock; name both outside",
                    request.name, user.resource
                ));
            }
        }
    }
    Ok(())
}
