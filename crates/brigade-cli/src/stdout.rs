//! Standard output, for subcommands that tell something and end.
//!
//! There is one rule for all: who finds that nobody reads any more ends without a word, with the exit code that shells
//! tell of a program which SIGPIPE has ended.

use std::io::{self, ErrorKind, Write};

use crate::exit_code::UNREAD;

/// Prints all there is to tell, and returns the exit code.
///
/// # Errors
/// If standard output does not take it.
pub(crate) fn print(text: &[u8]) -> io::Result<u8> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(0),
        Err(error) => end(error),
    }
}

/// The exit code after a write has failed.
///
/// # Errors
/// If it has failed for another reason than that nobody reads; what cannot be done is named.
pub(crate) fn end(error: io::Error) -> io::Result<u8> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(UNREAD),
        kind => {
            let problem = format!("standard output cannot be written: {error}");
            Err(io::Error::new(kind, problem))
        }
    }
}
