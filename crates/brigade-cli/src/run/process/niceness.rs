//! How nice jobs are to others that want to use a core.

use std::io;
use std::process::Child;

use crate::run::job::Failure;

/// So much is added to our own niceness for each job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Niceness(i32);

impl Niceness {
    /// `None` if nothing is added.
    pub(crate) fn new(added: i32) -> Option<Self> {
        (added != 0).then_some(Self(added))
    }

    /// Finds out whether jobs may have it.
    ///
    /// # Errors
    /// As `setpriority(2)`.
    pub(crate) fn check(self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            self.on_a_thread(|| ())
        }
        // There it is a process that is nice, and to try it would change us for good.
        #[cfg(not(target_os = "linux"))]
        {
            Ok(())
        }
    }

    /// Starts a process that has it.
    ///
    /// On Linux each thread has a niceness of its own, which its children inherit. So the process is started by a thread
    /// that exists for just this: the child has its niceness from its first instruction, as has all that it starts; ours
    /// do not; and nothing stands between `posix_spawn` and the program. A worker that made itself nice could not take
    /// that back without a privilege, and would be slow to read outputs ever after. It costs one thread a start, some
    /// 20 µs.
    ///
    /// # Errors
    /// As `start`, or [`Failure::Niceness`].
    #[cfg(target_os = "linux")]
    pub(crate) fn start(
        self,
        start: impl FnOnce() -> Result<Child, Failure> + Send,
    ) -> Result<Child, Failure> {
        self.on_a_thread(start).map_err(Failure::Niceness)?
    }

    /// Starts a process that has it.
    ///
    /// Here niceness belongs to processes, so the child gets it right after it was started. What it does in the moment
    /// before that it does without, and so do processes that have left its group by then.
    ///
    /// # Errors
    /// As `start`, or [`Failure::Niceness`], and then the child is ended.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn start(
        self,
        start: impl FnOnce() -> Result<Child, Failure> + Send,
    ) -> Result<Child, Failure> {
        use rustix::process::{Pid, getpriority_process, setpriority_pgrp};

        let mut child = start()?;
        let made_nice = getpriority_process(None).and_then(|ours| {
            let niceness = (ours + self.0).clamp(-20, 19);
            setpriority_pgrp(Some(Pid::from_child(&child)), niceness)
        });
        if let Err(error) = made_nice {
            super::children::send(Pid::from_child(&child), rustix::process::Signal::KILL);
            let _ = child.wait();
            return Err(Failure::Niceness(error.into()));
        }
        Ok(child)
    }

    /// Calls `body` on a thread that has it.
    #[cfg(target_os = "linux")]
    fn on_a_thread<R: Send>(self, body: impl FnOnce() -> R + Send) -> io::Result<R> {
        use std::panic::resume_unwind;
        use std::thread::{Builder, scope};

        scope(|scope| {
            let nice = move || {
                rustix::process::nice(self.0)?;
                Ok(body())
            };
            let thread = Builder::new()
                .name("brigade-nice".to_owned())
                .spawn_scoped(scope, nice)?;
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

/// Reads how much is added, from -20 to 19.
///
/// # Errors
/// What is wrong with anything else.
pub(crate) fn parse_niceness(text: &str) -> Result<i32, String> {
    let added = text.parse().ok();
    added
        .filter(|added| (-20..=19).contains(added))
        .ok_or_else(|| format!("give a number from -20 to 19, such as 10, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_a_number_in_the_range_of_niceness() {
        for (text, added) in [("-20", -20), ("0", 0), ("+5", 5), ("19", 19)] {
            assert_eq!(parse_niceness(text), Ok(added));
        }
        for wrong in ["20", "-21", "", "x", "1.5", "99999999999"] {
            let problem = parse_niceness(wrong).expect_err(wrong);
            assert!(problem.ends_with(&format!("not `{wrong}`")), "{problem}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_thread_that_starts_processes_has_it_and_ours_do_not() {
        use rustix::process::getpriority_process;

        let ours = getpriority_process(None).expect("a niceness");
        let niceness = Niceness::new(3).expect("one");
        let theirs = niceness.on_a_thread(|| getpriority_process(None));
        let theirs = theirs.expect("a thread").expect("a niceness");
        assert_eq!(theirs, (ours + 3).min(19));
        assert_eq!(getpriority_process(None), Ok(ours));
        niceness.check().expect("anyone may be nicer");
    }

    #[test]
    fn nothing_added_needs_no_thread() {
        assert!(Niceness::new(0).is_none());
    }
}
