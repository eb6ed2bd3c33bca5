//! Ends a test that hangs: what is tested here is that nothing does.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything takes, on however busy a machine.
const NEVER: Duration = Duration::from_secs(600);

/// Runs the body; fails if that does not end.
#[track_caller]
pub(crate) fn without_hanging<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, ended) = channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let runs = thread::Builder::new().name(name).spawn(move || {
        let result = body();
        let _ = done.send(());
        result
    });
    let runs = runs.unwrap();
    if ended.recv_timeout(NEVER) == Err(RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    runs.join().unwrap_or_else(|panic| resume_unwind(panic))
}
