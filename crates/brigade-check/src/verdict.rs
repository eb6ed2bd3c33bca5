//! What a closure of the user's may say about a run.

use std::fmt::Display;

/// What a closure that looks at a run may return: nothing (it panics if something is wrong), or a
/// `Result` whose error says what is wrong.
pub trait Verifiable {
    /// What is wrong, if something is.
    ///
    /// # Errors
    ///
    /// What is wrong.
    fn verify(self) -> Result<(), String>;
}

impl Verifiable for () {
    fn verify(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Verifiable for Result<(), E> {
    fn verify(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
