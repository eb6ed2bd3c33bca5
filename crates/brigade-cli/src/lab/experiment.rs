//! What an experiment is.

use serde::Serialize;

use super::outcome::Outcome;

/// Something to try, with what is expected of it.
#[derive(Serialize)]
pub(crate) struct Experiment {
    #[serde(rename = "experiment")]
    pub(crate) name: &'static str,
    /// What it answers, in one line.
    pub(crate) question: &'static str,
    /// What is done, what is broken about the broken twin, and what mends it: some sentences.
    pub(crate) explanation: &'static str,
    /// What should be seen, in one line.
    pub(crate) expected: &'static str,
    #[serde(skip)]
    pub(crate) run: fn(&Setting) -> Outcome,
}

/// What the user may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// So many threads, where any number will do; at least two.
    pub(crate) threads: usize,
}
