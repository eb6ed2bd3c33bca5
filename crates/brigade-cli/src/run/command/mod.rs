//! What can be executed: a [`Command`], as it is typed or made of a [`Template`] and a job's arguments.
//!
//! No argument is ever read as code: it is put into a word that no shell splits (`template.rs`), or reaches a shell in
//! a variable (`script/`). Whether a shell is needed at all is found out in `syntax.rs`, and what may stand in a command
//! for an argument in `replacement.rs`. Knows nothing of jobs.

mod replacement;
mod script;
mod syntax;
mod template;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

pub(crate) use self::replacement::{Given, Missing, Replacement, Subject};
pub(crate) use self::template::{Template, TemplateError};

/// The shell for commands that need one.
pub(crate) const SHELL: &str = "/bin/sh";

/// What to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A program and its arguments.
    Direct(Vec<OsString>),
    /// Shell code.
    Shell(OsString),
    /// Shell code, and the values that it will find in variables.
    ShellWith(OsString, Vec<OsString>),
}

impl Command {
    /// A command line as one would type it: executed directly, unless only a shell can read it.
    pub(crate) fn from_line(line: &[u8]) -> Self {
        // No shell makes anything of `{}`.
        let empty_braces = |text: &[u8]| if text.starts_with(b"{}") { 2 } else { 0 };
        match syntax::plain_words(line, empty_braces) {
            Some(words) => Self::Direct(words),
            None => Self::Shell(OsString::from_vec(line.to_vec())),
        }
    }

    /// What is executed, as one would type it into a shell.
    pub(crate) fn typed(&self) -> Vec<u8> {
        match self {
            Self::Shell(code) => code.as_bytes().to_vec(),
            _ => join(&self.words()),
        }
    }

    /// The words that are executed.
    pub(crate) fn words(&self) -> Vec<&OsStr> {
        let shell = OsStr::new(SHELL);
        match self {
            Self::Direct(words) => words.iter().map(OsString::as_os_str).collect(),
            Self::Shell(code) => vec![shell, OsStr::new("-c"), code],
            Self::ShellWith(code, values) => {
                let mut words = vec![shell, OsStr::new("-c"), code, shell];
                words.extend(values.iter().map(OsString::as_os_str));
                words
            }
        }
    }
}

/// Words as one would type them into a shell.
pub(crate) fn join(words: &[&OsStr]) -> Vec<u8> {
    // No word has a NUL byte: an item that has one is no command.
    shlex::bytes::try_join(words.iter().map(|word| word.as_bytes())).unwrap_or_default()
}
