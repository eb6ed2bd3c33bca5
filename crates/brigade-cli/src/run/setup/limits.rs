//! Room for the files that jobs need open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::run::error::RunError;
use crate::run::output::WINDOW;

/// Open files of a job: the pipes it prints to, its input, files for long output, and one that
/// tells of its exit.
const PER_JOB: u64 = 8;

/// Open files that are no job's.
const FIXED: u64 = 32;

/// Makes sure that so many jobs at once can have their files open, and those whose output is kept until
/// its turn has come, raising the soft limit if needed.
///
/// # Errors
/// [`RunError::OpenFiles`] if the hard limit is lower.
pub(crate) fn make_room(jobs: usize, keep_order: bool) -> Result<(), RunError> {
    let limit = getrlimit(Resource::Nofile);
    let kept = if keep_order { 2 * WINDOW } else { 0 };
    let fixed = FIXED + kept;
    let needed = (jobs as u64).saturating_mul(PER_JOB).saturating_add(fixed);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(needed),
        ..limit
    };
    let allowed = match limit.maximum {
        Some(maximum) if maximum < needed => maximum,
        // Some systems have a limit below the one that they tell.
        _ => match setrlimit(Resource::Nofile, raised) {
            Ok(()) => return Ok(()),
            Err(_) => limit.current.unwrap_or(needed),
        },
    };
    Err(RunError::OpenFiles {
        jobs,
        needed,
        allowed,
    })
}
