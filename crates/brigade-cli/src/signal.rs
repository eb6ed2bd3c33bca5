//! What signals do to this process, for all subcommands that run others.

use std::io;
use std::ptr;
use std::sync::Arc;

use signal_hook::consts::{SIGCHLD, SIGTSTP, SIGXFSZ};
use signal_hook::flag;
use signal_hook::low_level::raise;

/// Makes sure that children can be waited for, though we were started with SIGCHLD ignored: how they
/// ended would be thrown away, and every job would seem to fail.
///
/// # Errors
/// If the system refuses a handler.
pub(crate) fn keep_children() -> io::Result<()> {
    if is_ignored(SIGCHLD) {
        // Any handler will do; nobody looks at the flag.
        flag::register(SIGCHLD, Arc::default())?;
    }
    Ok(())
}

/// Makes a write beyond the limit for the size of files (`ulimit -f`) an error, as it is on a full disk, rather than the
/// end of this process. Jobs do not inherit that.
///
/// # Errors
/// If the system refuses a handler.
pub(crate) fn outlive_file_limit() -> io::Result<()> {
    if !is_ignored(SIGXFSZ) {
        flag::register(SIGXFSZ, Arc::default())?;
    }
    Ok(())
}

/// True if a signal does nothing to us, as we were started so.
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: zeroes are a valid `sigaction`; the call changes nothing and writes one to where it may.
    let (action, result) = unsafe {
        let mut action = std::mem::zeroed::<libc::sigaction>();
        let result = libc::sigaction(signal, ptr::null(), &raw mut action);
        (action, result)
    };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
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
