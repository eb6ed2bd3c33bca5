//! The processes that run now, and stopping them.

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use super::latch::Latch;

/// The running jobs' processes. Each leads a process group of its own, so that a terminal's Ctrl-C
/// does not reach it, and so that a signal reaches all that it has started.
#[derive(Debug)]
pub(crate) struct Children {
    registry: Mutex<Registry>,
    /// Set when children are killed: what still holds their output open is not waited for.
    pub(crate) abandoned: Latch,
}

#[derive(Debug, Default)]
struct Registry {
    running: Vec<Pid>,
    /// The last signal sent to all; whoever comes later gets it too.
    sentence: Option<Signal>,
}

impl Children {
    pub(crate) fn new(abandoned: Latch) -> Self {
        Self {
            registry: Mutex::default(),
            abandoned,
        }
    }

    /// Counts a child as running.
    pub(crate) fn enter(&self, child: Pid) {
        let mut registry = self.registry.lock();
        if let Some(signal) = registry.sentence {
            send(child, signal);
        }
        registry.running.push(child);
    }

    /// Forgets a child. It must not have been reaped yet: its number could be another's by now, and
    /// that one's group would get a signal meant for this.
    pub(crate) fn leave(&self, child: Pid) {
        self.registry.lock().running.retain(|&other| other != child);
    }

    /// Asks all to end.
    pub(crate) fn terminate(&self) {
        self.sentence(Signal::TERM);
    }

    /// Ends all, and the wait for their output.
    pub(crate) fn kill(&self) {
        self.sentence(Signal::KILL);
        self.abandoned.set();
    }

    fn sentence(&self, signal: Signal) {
        let mut registry = self.registry.lock();
        registry.sentence = Some(signal);
        for &child in &registry.running {
            send(child, signal);
        }
    }
}

fn send(child: Pid, signal: Signal) {
    // An error means that the group is gone, or became another user's and cannot be reached.
    let _ = kill_process_group(child, signal);
    // A stopped process would not notice the signal before it is continued.
    let _ = kill_process_group(child, Signal::CONT);
}
