//! The end of a job's time: what it then gets, and when.

use std::time::Duration;

use rustix::event::Timespec;
use rustix::process::{Pid, Signal};

use crate::run::clock::{self, Moment};

use super::children::send;

/// How much time a job has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    /// How long it may take to end after it was asked to.
    pub(crate) grace: Duration,
}

/// The time of one running process. Who waits for something of the process waits no longer than
/// [`remaining`](Self::remaining), and then calls [`pass`](Self::pass).
#[derive(Debug)]
pub(crate) struct Deadline {
    pid: Pid,
    limits: Limits,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// It may run until then.
    Running {
        until: Option<Moment>,
    },
    /// It has got SIGTERM, and gets SIGKILL then.
    Terminated {
        until: Moment,
    },
    Killed,
}

impl Deadline {
    /// The time of a process that starts now. It must not be reaped as long as this is in use: its
    /// number could become another's.
    pub(crate) fn new(pid: Pid, limits: Limits) -> Self {
        let until = limits.timeout.map(|timeout| clock::now() + timeout);
        Self {
            pid,
            limits,
            state: State::Running { until },
        }
    }

    /// How long the next wait may be; `None` if nothing limits it.
    pub(crate) fn remaining(&self) -> Option<Timespec> {
        let until = match self.state {
            State::Running { until } => until?,
            State::Terminated { until } => until,
            State::Killed => return None,
        };
        let remaining = until.saturating_duration_since(clock::now());
        // What no number can tell is waited for as long as one can.
        Timespec::try_from(remaining).ok()
    }

    /// Sends the signal that is due by now, if one is.
    pub(crate) fn pass(&mut self) {
        let now = clock::now();
        match self.state {
            State::Running { until: Some(until) } if until <= now => {
                send(self.pid, Signal::TERM);
                let until = now + self.limits.grace;
                self.state = State::Terminated { until };
            }
            State::Terminated { until } if until <= now => self.kill(),
            _ => {}
        }
    }

    /// Ends what is left of a process group that was asked to end, though the process itself has done so.
    pub(crate) fn end_rest(&mut self) {
        if matches!(self.state, State::Terminated { .. }) {
            self.kill();
        }
    }

    fn kill(&mut self) {
        send(self.pid, Signal::KILL);
        self.state = State::Killed;
    }

    /// The time that was allowed, if the process has had more.
    pub(crate) fn exceeded(&self) -> Option<Duration> {
        match self.state {
            State::Running { .. } => None,
            State::Terminated { .. } | State::Killed => self.limits.timeout,
        }
    }

    /// True once the group was killed: what still holds its outputs open has left it, and is not
    /// waited for.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Killed)
    }
}
