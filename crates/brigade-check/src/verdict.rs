//! What a closure of the user's may say about a run.

use std::fmt::Display;

/// What a closure that looks at a run may return: nothing (it panics if something is wrong), or a
/// `Result` whose error says what is wrong.
#[diagnostic::on_unimplemented(
    message = "this closure of a check returns `{Self}`, which does not say whether something is wrong",
    label = "returns `{Self}` instead of nothing or a `Result`",
    note = "return nothing (and panic if something is wrong), or a `Result<(), E>` whose error can be displayed"
)]
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
