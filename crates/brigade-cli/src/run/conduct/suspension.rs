//! Ctrl-Z and `fg`: stopping with all jobs, and going on with them.

use crate::run::clock;
use crate::run::work::Work;
use crate::signal::stop_this_process;

/// Stops the jobs, and this process until someone continues it; then continues the jobs. No time passes for them
/// meanwhile, and none begins.
pub(crate) fn suspend(work: &Work) {
    work.output.leave_terminal_while(|| {
        work.children
            .stop_while(|| clock::stand_still(stop_this_process));
    });
}
