//! The signals that ask us to end or to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::run::work::Event;
use crate::signal::is_ignored;

/// From a person, from the system, and from a terminal that goes away.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// How many of those are handled. Should even the main thread be stuck by then, on a terminal that
/// takes no more output, the next one ends the process at once.
const HANDLED: usize = 4;

/// Begins to tell `events` of each signal that asks us to end, and to `suspend` at Ctrl-Z.
///
/// One that was ignored when we were started still is: `nohup`, or a script that starts us in the
/// background, means us to go on.
///
/// # Errors
/// If the system refuses a pipe, a handler or a thread.
pub(crate) fn listen(
    events: SyncSender<Event>,
    suspend: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let heeded = |signals: &[i32]| {
        let heeded = signals.iter().filter(|&&signal| !is_ignored(signal));
        heeded.copied().collect::<Vec<_>>()
    };
    let (ending, stopping) = (heeded(&ENDING), heeded(&[SIGTSTP]));
    let last = Arc::new(AtomicBool::new(false));
    for &signal in &ending {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&last))?;
    }
    let mut signals = Signals::new([ending, stopping].concat())?;
    let listen = move || {
        let mut handled = 0;
        for signal in signals.forever() {
            // Here, as the main thread may be stuck.
            if signal == SIGTSTP {
                suspend();
                continue;
            }
            // If the main thread no longer listens, the process is about to end.
            let _ = events.try_send(Event::Signal(signal));
            handled += 1;
            if handled >= HANDLED {
                last.store(true, Ordering::SeqCst);
            }
        }
    };
    thread::Builder::new()
        .name("brigade-signal".to_owned())
        .spawn(listen)?;
    Ok(())
}
