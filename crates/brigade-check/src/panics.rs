//! Panics of the code under test: caught, kept with their place, and not printed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are kept instead of printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A caught panic: its message, and where it arose.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    PLACE.take();
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|payload| describe(&*payload))
}

fn describe(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    match PLACE.take() {
        Some(place) => format!("{message}, at {place}"),
        None => message.to_owned(),
    }
}

/// Keeps the panics of this thread from being printed while it lives.
pub(crate) struct Quiet {
    before: bool,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        install();
        Self {
            before: QUIET.replace(true),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(self.before);
    }
}

/// Puts a hook before the one that is there, which other threads' panics still go to.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        // Shuttle puts its own hook before whatever is there at its first run, to print schedules that are ours:
        // let it have that run now, and lose the hook.
        #[cfg(feature = "explore")]
        crate::explore::first_run();
        panic::set_hook(Box::new(move |information| {
            // The thread-locals may be gone while a thread ends.
            if QUIET.try_with(Cell::get).unwrap_or(false) {
                let place = information.location().map(ToString::to_string);
                let _ = PLACE.try_with(|last| last.replace(place));
            } else {
                previous(information);
            }
        }));
    });
}
