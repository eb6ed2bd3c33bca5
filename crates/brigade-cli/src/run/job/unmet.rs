//! Why a job cannot begin, though there is nothing wrong with its command.

use std::fmt;

use super::title::{Title, shown};

/// Why a job cannot begin, though there is nothing wrong with its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// A job before it has failed.
    Failed { id: String, why: String },
    /// A job before it could not begin either.
    NotRun { id: String },
    /// A job before it failed in an earlier run, and is not run again.
    FailedBefore { id: String },
    /// All was read, and no job was the one before it.
    Missing { id: String },
    /// It is after itself, by way of so many jobs, of which these are the first.
    Cycle { ids: Vec<String>, jobs: usize },
    /// Another job has its `id`.
    IdTwice,
    /// So many wait already, and all for jobs that have not been read.
    TooMany { id: String, most: usize },
    /// So many jobs have been read after it, and their outputs are to follow its own.
    TooFar { id: String, window: u64 },
    /// The resources that it needs cannot be had.
    Resources(String),
}

/// How many jobs of a cycle are named.
const NAMED: usize = 8;

impl Unmet {
    /// A job is after itself, by way of the jobs with these ids.
    pub(crate) fn cycle(ids: &[String]) -> Self {
        Self::Cycle {
            ids: ids.iter().take(NAMED).cloned().collect(),
            jobs: ids.len(),
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not run: ")?;
        match self {
            Self::Failed { id, why } => write!(
                formatter,
                "it is after {}, which has failed: {why}",
                Title(id.as_bytes())
            ),
            Self::NotRun { id } => write!(
                formatter,
                "it is after {}, which was not run either",
                Title(id.as_bytes())
            ),
            Self::FailedBefore { id } => write!(
                formatter,
                "it is after {}, which has failed as the job log has it; --resume-failed runs it again",
                Title(id.as_bytes())
            ),
            Self::Missing { id } => write!(
                formatter,
                "it is after {}, and no job that was read has this id",
                Title(id.as_bytes())
            ),
            Self::Cycle { ids, jobs } => {
                formatter.write_str("it is after itself: ")?;
                for id in ids {
                    write!(formatter, "{} → ", shown(id.as_bytes()))?;
                }
                if *jobs > ids.len() {
                    write!(formatter, "… → ")?;
                }
                let first = ids.first().map_or(&b""[..], |id| id.as_bytes());
                formatter.write_str(&shown(first))?;
                match jobs {
                    1 => Ok(()),
                    _ => write!(formatter, ", {jobs} jobs that wait for each other"),
                }
            }
            Self::IdTwice => formatter
                .write_str("an earlier job has the same `id`; give each job one of its own"),
            Self::TooMany { id, most } => write!(
                formatter,
                "it is after {}, and {most} jobs wait already for some that have not been read; \
                 put these before, or let more wait with --queue",
                Title(id.as_bytes())
            ),
            Self::TooFar { id, window } => write!(
                formatter,
                "it is after {}, which cannot begin before more is read, and {window} outputs wait \
                 already for that of this job; put before it what it is after, or leave out \
                 --keep-order",
                Title(id.as_bytes())
            ),
            Self::Resources(problem) => formatter.write_str(problem),
        }
    }
}
