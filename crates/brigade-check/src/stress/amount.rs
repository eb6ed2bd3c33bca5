//! So many iterations of a stress test, run, and what came of them.

use std::sync::Arc;
use std::time::Duration;

use super::iterations::{Iterations, Subject, Wrong};
use super::progress::Progress;
use super::team::{Hang, run_team};
use crate::deadline::Deadline;
use crate::failure::Kind;
use crate::scenario::list;

/// How much to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    pub(super) threads: usize,
    pub(super) operations: usize,
    pub(super) iterations: u64,
    pub(super) deadline: Deadline,
    /// After so many iterations with something wrong it is enough.
    pub(super) failures: usize,
    /// Whether each iteration has the numbers of the first.
    pub(super) repeat: bool,
}

/// Runs so much, with a line on the terminal if it should `show` how far it is.
pub(super) fn run_amount<T: Send + Sync + 'static>(
    subject: &Arc<Subject<T>>,
    seed: u64,
    amount: Amount,
    hang_limit: Duration,
    show: bool,
) -> Ran {
    let iterations = Arc::new(Iterations::new(Arc::clone(subject), seed, amount));
    let mut progress = Progress::new(show, amount.iterations);
    let watched = Arc::clone(&iterations);
    let tell = || progress.tell(watched.counts());
    let team = Arc::clone(&iterations);
    let ended = run_team(team, amount.threads, seed, hang_limit, tell);
    let hang = ended
        .err()
        .map(|Hang { points }| iterations.whereabouts(&points));
    let (done, failing) = iterations.counts();
    let wrong = iterations.wrong().clone();
    Ran {
        iterations: done,
        failing,
        wrong,
        hang,
    }
}

/// What came of some iterations.
pub(super) struct Ran {
    pub(super) iterations: u64,
    pub(super) failing: usize,
    wrong: Vec<Wrong>,
    /// What each thread is at, if they hang.
    pub(super) hang: Option<Vec<String>>,
}

/// So many different things that went wrong are listed.
const LISTED: usize = 8;

impl Ran {
    /// What went wrong first, and in which iteration.
    pub(super) fn first(&self) -> Option<(Kind, u64)> {
        let first = self
            .wrong
            .first()
            .map(|wrong| (wrong.kind, wrong.iteration));
        first.or_else(|| self.hang.as_ref().map(|_| (Kind::Hung, self.iterations)))
    }

    pub(super) fn reason(&self, hang_limit: Duration) -> String {
        let mut lines = Vec::new();
        if self.failing > 0 {
            lines.push(format!(
                "{} of {} iterations failed:",
                self.failing, self.iterations
            ));
        }
        let mut told: Vec<&str> = Vec::new();
        for wrong in &self.wrong {
            // The same message of many threads and iterations is told once.
            if !told.contains(&wrong.message.as_str()) {
                told.push(&wrong.message);
                if told.len() <= LISTED {
                    lines.push(format!("  {wrong}"));
                }
            }
        }
        if told.len() > LISTED {
            lines.push(format!("  and {} other messages", told.len() - LISTED));
        }
        if let Some(at) = &self.hang {
            let iteration = self.iterations;
            let left = format!(
                "iteration {iteration} did not end after {hang_limit:?}; its threads are left behind"
            );
            lines.push(list(&left, at));
        }
        lines.join("\n")
    }
}
