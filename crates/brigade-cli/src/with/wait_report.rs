//! For whom this waits.

use std::time::Instant;

use crate::quantity::Span;
use crate::resource::{LockDirectory, Name, Request, State, users};

use super::say;

/// What is waited for, and for whom.
pub(crate) struct WaitReport<'a> {
    directory: &'a LockDirectory,
    /// Our own record, which says nothing new.
    own: &'a str,
    waiting: Option<(Name, Instant)>,
}

impl<'a> WaitReport<'a> {
    pub(crate) fn new(directory: &'a LockDirectory, own: &'a str) -> Self {
        Self {
            directory,
            own,
            waiting: None,
        }
    }

    /// What is waited for now.
    pub(crate) fn waited_for(&self) -> Option<&Name> {
        self.waiting.as_ref().map(|(name, _)| name)
    }

    /// Notes that a resource has to be waited for, or is held; and says so, if it is to be shown.
    pub(crate) fn note(&mut self, request: Request, state: State, show: bool) {
        match state {
            State::Waiting => {
                if show {
                    self.show(&request);
                }
                self.waiting = Some((request.name, Instant::now()));
            }
            State::Held => {
                if let Some((name, since)) = self.waiting.take()
                    && show
                {
                    say(format_args!("got `{name}` after {}", Span(since.elapsed())));
                }
            }
        }
    }

    fn show(&self, request: &Request) {
        // A directory that cannot be read has been told of before.
        let users = users(self.directory).unwrap_or_default();
        let others = users
            .iter()
            .filter(|user| user.resource == request.name && user.record != self.own);
        let mut text = format!("waiting for `{}` ({}):", request.name, request.usage);
        let mut known = false;
        for user in others {
            known = true;
            let does = match user.state {
                State::Held => "has held it",
                State::Waiting => "has waited for it",
            };
            text.push_str(&format!(
                "\nbrigade:   pid {} {does} ({}) for {}: {}",
                user.pid,
                user.usage,
                Span(user.age()),
                user.command_line()
            ));
        }
        if !known {
            text.push_str(" nobody has left word of using it");
        }
        say(text);
    }
}
