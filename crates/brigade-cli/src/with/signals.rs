//! Signals that are meant for the command.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;

use crate::signal::is_ignored;

use super::conduct::Event;

/// What would end or stop this process, by a person, the system, or a terminal that goes away.
const HEEDED: [i32; 7] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP];

/// A signal that this process got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) number: i32,
    /// The kernel sent it, and so to the whole process group: a key was pressed, or the terminal has gone away.
    pub(crate) to_group: bool,
}

impl Received {
    /// It asks this process to stop, not to end.
    pub(crate) fn is_stop(self) -> bool {
        self.number == SIGTSTP
    }
}

/// Begins to tell `events` of signals. One that was ignored when we were started still is, and the command ignores it too.
///
/// # Errors
/// If the system refuses a pipe, a handler or a thread.
pub(crate) fn listen(events: Sender<Event>) -> io::Result<()> {
    let heeded = HEEDED.into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = SignalsInfo::<WithRawSiginfo>::new(heeded)?;
    let listen = move || {
        for information in signals.forever() {
            let received = Received {
                number: information.si_signo,
                // Processes send with zero or less.
                to_group: information.si_code > 0,
            };
            if events.send(Event::Signal(received)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("brigade-signal".to_owned())
        .spawn(listen)?;
    Ok(())
}
