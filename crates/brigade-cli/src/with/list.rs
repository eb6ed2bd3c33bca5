//! Who holds what, and who waits for what.

use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::quantity::Span;
use crate::resource::{LockDirectory, State, Use, User, users};
use crate::stdout;

use super::error::WithError;

/// One who holds or waits, for programs.
#[derive(Serialize)]
struct Line<'a> {
    resource: String,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u16>,
    state: State,
    pid: u32,
    command_pid: Option<u32>,
    /// Seconds since 1970.
    since: f64,
    command: &'a [String],
}

impl<'a> Line<'a> {
    fn new(user: &'a User) -> Self {
        let (mode, units, capacity) = match user.usage {
            Use::Exclusive => ("exclusive", None, None),
            Use::Shared => ("shared", None, None),
            Use::Units { wanted, capacity } => ("units", Some(wanted), capacity),
        };
        Self {
            resource: user.resource.to_string(),
            mode,
            units,
            capacity,
            state: user.state,
            pid: user.pid,
            command_pid: user.command_pid,
            since: user
                .since
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
            command: &user.command,
        }
    }
}

/// Prints all who hold and wait, and returns the exit code.
///
/// # Errors
/// [`WithError`] if the directory cannot be read, or standard output not written.
pub(crate) fn print(directory: &LockDirectory, json: bool) -> Result<u8, WithError> {
    let users = users(directory)?;
    let text = if json {
        let lines = users
            .iter()
            .map(|user| serde_json::to_string(&Line::new(user)));
        lines.collect::<Result<Vec<_>, _>>().map_or_else(
            |_| String::new(),
            |lines| lines.into_iter().map(|line| line + "\n").collect(),
        )
    } else {
        table(&users)
    };
    stdout::print(text.as_bytes()).map_err(WithError::Output)
}

fn table(users: &[User]) -> String {
    if users.is_empty() {
        return "nothing is held\n".to_owned();
    }
    let columns = |user: &User| [user.resource.to_string(), user.usage.to_string()];
    let mut widths = ["RESOURCE", "USE"].map(str::len);
    for user in users {
        for (width, text) in widths.iter_mut().zip(columns(user)) {
            *width = text.chars().count().max(*width);
        }
    }
    let [first, second] = widths;
    let mut table = format!(
        "{:first$}  {:second$}  {:<7}  {:>8}  {:>10}  COMMAND\n",
        "RESOURCE", "USE", "STATE", "PID", "SINCE"
    );
    for user in users {
        let state = match user.state {
            State::Held => "held",
            State::Waiting => "waiting",
        };
        let [resource, usage] = columns(user);
        table.push_str(&format!(
            "{resource:first$}  {usage:second$}  {state:<7}  {:>8}  {:>10}  {}\n",
            user.pid,
            Span(user.age()).to_string(),
            user.command_line()
        ));
    }
    table
}
