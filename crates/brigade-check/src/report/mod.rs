//! What a check reports: figures, and runs drawn.

mod columns;
mod html;

use std::fmt::{self, Debug};

use crate::scenario::Run;

pub(crate) use self::html::page;

/// What a check that passed has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// From which the operations were generated.
    pub seed: u64,
    /// Scenarios that were generated; 1 where there is but one thing to run.
    pub scenarios: usize,
    /// Runs of them, and of small parts of them.
    pub runs: u64,
    /// Runs whose history took too long to check, and was let pass.
    pub undecided: u64,
    /// Scenarios that were not run, as an operation may wait for ever in them: by real threads that could not be told from
    /// a hang.
    pub skipped: usize,
    /// Scenarios of which every schedule was run: by [`Strategy::Exhaustive`](crate::Strategy), given the budget.
    pub exhausted: usize,
}

impl Report {
    /// Of a check that begins.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            scenarios: 0,
            runs: 0,
            undecided: 0,
            skipped: 0,
            exhausted: 0,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            scenarios,
            runs,
            ..
        } = self;
        write!(
            formatter,
            "{runs} runs of {scenarios} scenarios from seed {seed}: nothing found"
        )?;
        if self.exhausted > 0 {
            write!(formatter, "; of {} every schedule was run", self.exhausted)?;
        }
        if self.skipped > 0 {
            write!(
                formatter,
                "; {} in which an operation may wait for ever were not run",
                self.skipped
            )?;
        }
        if self.undecided > 0 {
            write!(
                formatter,
                "; {} runs took too long to check",
                self.undecided
            )?;
        }
        Ok(())
    }
}

/// One run as text, with its moments.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Drawing {
    calls: Vec<Drawn>,
    points: Vec<Passed>,
    /// What the column of thread 0 is called.
    first: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    /// In a scenario, 0 is who prepares the thing and looks at it afterwards.
    thread: usize,
    operation: String,
    invoked: u64,
    returned: Option<(u64, String)>,
}

/// A point that a thread passed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passed {
    pub(crate) thread: usize,
    pub(crate) at: u64,
    pub(crate) name: &'static str,
}

impl Drawing {
    pub(crate) fn of<O: Debug, R: Debug>(run: &Run<O, R>) -> Self {
        let calls = run.calls.iter().map(|call| Drawn {
            thread: call.thread,
            operation: format!("{:?}", call.operation),
            invoked: call.invoked,
            returned: call
                .returned
                .as_ref()
                .map(|(at, outcome)| (*at, format!("{outcome:?}"))),
        });
        Self {
            calls: calls.collect(),
            points: run.points.clone(),
            first: "before/after",
        }
    }

    /// Of threads without operations: only the points they pass are known.
    #[cfg(feature = "explore")]
    pub(crate) fn of_points(points: Vec<Passed>) -> Self {
        Self {
            calls: Vec::new(),
            points,
            first: "main",
        }
    }

    /// The number of the last thread.
    fn threads(&self) -> usize {
        let calls = self.calls.iter().map(|call| call.thread);
        let points = self.points.iter().map(|point| point.thread);
        calls.chain(points).max().unwrap_or(0)
    }

    fn name(&self, thread: usize) -> String {
        match thread {
            0 => self.first.to_owned(),
            _ => format!("thread {thread}"),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.points.is_empty()
    }
}
