//! Ctrl-Z and `fg`: stopping with all jobs, and going on with them.

use std::ptr;

use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::raise;

use crate::run::clock;
use crate::run::work::Work;

/// Stops the jobs, and this process until someone continues it; then continues the jobs. No time passes for them
/// meanwhile, and none begins.
pub(crate) fn suspend(work: &Work) {
    work.output.leave_terminal_while(|| {
        work.children
            .stop_while(|| clock::stand_still(stop_this_process));
    });
}

/// Stops this process as SIGTSTP does by default, which its parent sees. It returns when someone continues the process;
/// or at once if nobody could, as no shell with job control has started it: then the system stops nothing.
pub(crate) fn stop_this_process() {
    // SAFETY: zeroes are a valid `sigaction`: the default action, no flags and an empty mask. The calls read and write
    // such structures of this function, and the second puts back the handler that was there.
    unsafe {
        let default = std::mem::zeroed::<libc::sigaction>();
        let mut handler = std::mem::zeroed::<libc::sigaction>();
        if libc::sigaction(SIGTSTP, &raw const default, &raw mut handler) == 0 {
            // Only a number that is no signal is refused.
            let _ = raise(SIGTSTP);
            libc::sigaction(SIGTSTP, &raw const handler, ptr::null_mut());
        }
    }
}
