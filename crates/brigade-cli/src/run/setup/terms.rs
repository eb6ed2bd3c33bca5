//! How it is to be run: how many at once, with which resources, and what is done about each.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::thread;

use crate::arguments::RunArguments;
use crate::run::error::RunError;
use crate::run::policy::Policy;
use crate::run::staffing::{Hold, Machine, Staffing};
use crate::run::waiting::Locks;

use super::limits;

/// How jobs are run.
pub(crate) struct Terms {
    /// So many at once.
    pub(crate) jobs: RangeInclusive<usize>,
    pub(crate) locks: Locks,
    pub(crate) policy: Policy,
    /// If their number changes while they run.
    pub(crate) staffing: Option<Staffing>,
}

/// Finds out how jobs are to be run, and whether this machine allows it.
///
/// # Errors
/// [`RunError`] if it does not.
pub(crate) fn terms(arguments: &mut RunArguments) -> Result<Terms, RunError> {
    let jobs = arguments.jobs.take().unwrap_or_else(|| {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        cores..=cores
    });
    let mut locks = Locks::new(&arguments.lock, arguments.quiet).map_err(RunError::Resource)?;
    let jobs = locks.limit(&jobs);
    let policy = Policy::new(arguments, *jobs.end());
    limits::make_room(*jobs.end(), policy.keep_order)?;
    if let Some(niceness) = policy.niceness {
        let added = arguments.machine.nice;
        let check = niceness.check();
        check.map_err(|error| RunError::Niceness { added, error })?;
    }
    let mut staffing = None;
    if !policy.dry_run {
        let hold = Hold::new(&arguments.machine);
        let needed = "the load or the memory of this machine cannot be measured";
        staffing = Staffing::new(jobs.clone(), hold, Machine::ours())
            .map_err(RunError::refused(needed))?;
    }
    Ok(Terms {
        jobs,
        locks,
        policy,
        staffing,
    })
}
