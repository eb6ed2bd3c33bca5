//! The processes that run now, and stopping them.

use std::time::Duration;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::run::latch::Latch;

/// How long those that just begin are waited for, before the rest is stopped without them: longer than many take to begin
/// at once on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running jobs' processes. Each leads a process group of its own, so that a terminal's Ctrl-C
/// does not reach it, and so that a signal reaches all that it has started.
#[derive(Debug)]
pub(crate) struct Children {
    registry: Mutex<Registry>,
    /// Shared by each who begins one, from before it exists until it counts as running; who has it alone knows of all.
    beginnings: RwLock<()>,
    /// Set when children are killed: what still holds their output open is not waited for.
    pub(crate) abandoned: Latch,
}

#[derive(Debug, Default)]
struct Registry {
    running: Vec<Child>,
    /// The last signal sent to all; whoever comes later gets it too.
    sentence: Option<Signal>,
}

#[derive(Debug)]
struct Child {
    pid: Pid,
    /// It was stopped when it used the terminal, and has been told to end.
    wanted_terminal: bool,
}

/// Why a child was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It used the terminal.
    WantedTerminal,
    /// All were.
    RunEnds,
}

impl Children {
    pub(crate) fn new(abandoned: Latch) -> Self {
        Self {
            registry: Mutex::default(),
            beginnings: RwLock::default(),
            abandoned,
        }
    }

    /// Must be held from before a child is started until it has been counted as running. Waits while all are stopped.
    pub(crate) fn begin_one(&self) -> RwLockReadGuard<'_, ()> {
        self.beginnings.read()
    }

    /// Counts a child as running.
    pub(crate) fn enter(&self, pid: Pid) {
        let mut registry = self.registry.lock();
        if let Some(signal) = registry.sentence {
            send(pid, signal);
        }
        registry.running.push(Child {
            pid,
            wanted_terminal: false,
        });
    }

    /// Forgets a child, and tells whether and why we have told it to end. It must not have been reaped
    /// yet: its number could be another's by now, and that one's group would get a signal meant for
    /// this.
    pub(crate) fn leave(&self, pid: Pid) -> Option<Told> {
        let mut registry = self.registry.lock();
        let sentenced = registry.sentence.is_some();
        let running = &mut registry.running;
        let place = running.iter().position(|child| child.pid == pid)?;
        if running.swap_remove(place).wanted_terminal {
            return Some(Told::WantedTerminal);
        }
        sentenced.then_some(Told::RunEnds)
    }

    /// The processes that lead jobs.
    pub(crate) fn leaders(&self) -> Vec<u32> {
        let running = &self.registry.lock().running;
        let pids = running.iter().map(|child| child.pid.as_raw_nonzero().get());
        pids.map(i32::cast_unsigned).collect()
    }

    /// Ends those that the system has stopped because they used the terminal, which belongs to us:
    /// nobody would ever continue them.
    pub(crate) fn end_terminal_users(&self) {
        for child in &mut self.registry.lock().running {
            if is_stopped_by_terminal(child.pid) {
                let again = std::mem::replace(&mut child.wanted_terminal, true);
                send(child.pid, if again { Signal::KILL } else { Signal::TERM });
            }
        }
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

    /// Stops all while `stop` lasts, as Ctrl-Z does; those that ignore that, or stop their own jobs first, may do so.
    /// Begins none meanwhile.
    pub(crate) fn stop_while(&self, stop: impl FnOnce()) {
        // Someone may be stuck at starting one, on a file system that does not answer.
        let _none_begins = self.beginnings.try_write_for(PATIENCE);
        // Nobody leaves meanwhile: their numbers stay theirs.
        let registry = self.registry.lock();
        for child in &registry.running {
            // An error as in `send`.
            let _ = kill_process_group(child.pid, Signal::TSTP);
        }
        stop();
        for child in &registry.running {
            let _ = kill_process_group(child.pid, Signal::CONT);
        }
    }

    fn sentence(&self, signal: Signal) {
        let mut registry = self.registry.lock();
        registry.sentence = Some(signal);
        for child in &registry.running {
            send(child.pid, signal);
        }
    }
}

/// Sends a signal to a child that has not been reaped, and to all that it has started.
pub(crate) fn send(child: Pid, signal: Signal) {
    // An error means that the group is gone, or became another user's and cannot be reached.
    let _ = kill_process_group(child, signal);
    // A stopped process would not notice the signal before it is continued.
    let _ = kill_process_group(child, Signal::CONT);
}

fn is_stopped_by_terminal(pid: Pid) -> bool {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(pid), options).ok().flatten();
    let signal = status.and_then(|status| status.stopping_signal());
    signal.is_some_and(|signal| {
        [Signal::TTIN, Signal::TTOU]
            .map(Signal::as_raw)
            .contains(&signal)
    })
}
