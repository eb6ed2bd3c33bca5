//! A job that waits to be run again.

use std::cmp::Ordering;

use crate::run::clock::Moment;
use crate::run::job::Job;

/// A job that waits, and when it is to run again.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) due: Moment,
    pub(crate) job: Job,
}

impl Ord for Waiting {
    /// What is due first is the greatest, and of equals the first of the input: so it is the top of a heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.job.place).cmp(&(self.due, self.job.place))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}
