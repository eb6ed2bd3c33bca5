//! What happens when something is found.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock};
use std::thread::panicking;

use parking_lot::Mutex;

use super::report::Report;

/// What happens when a deadlock is predicted or detected.
///
/// A lock call that would wait for ever cannot go on: it panics in any case, unless its thread is panicking
/// already, after the action has been taken. The forms that return a [`LockError`](super::LockError) return such a
/// report instead, and one about a [`Rank`](super::Rank), and take no action; an order that could deadlock in some
/// other run is not their failure, and the action is taken.
#[non_exhaustive]
pub enum Action {
    /// Panic, with the report as the message. The default with debug assertions.
    Panic,
    /// Log it as an error and go on. The default without debug assertions.
    ///
    /// With the feature `tracing` or `log` it goes there, otherwise to standard error.
    Log,
    /// Call this and go on.
    Call(Box<dyn Fn(&Report) + Send + Sync>),
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Panic => "Panic",
            Self::Log => "Log",
            Self::Call(_) => "Call(..)",
        })
    }
}

/// The action had been set, or taken, before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionAlreadySet;

impl fmt::Display for ActionAlreadySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "what happens when a deadlock is found was set before; set it once, at the start of the program",
        )
    }
}

impl Error for ActionAlreadySet {}

static ACTION: OnceLock<Action> = OnceLock::new();
static BACKTRACES: AtomicBool = AtomicBool::new(false);

/// Sets what happens when a deadlock is predicted or detected, once for the whole program.
///
/// # Errors
/// [`ActionAlreadySet`] if it was set before, or if something was found before.
///
/// ```
/// use brigade::lock::{self, Action};
///
/// lock::on_finding(Action::Call(Box::new(|report| eprintln!("{report}"))))?;
/// # Ok::<(), lock::ActionAlreadySet>(())
/// ```
pub fn on_finding(action: Action) -> Result<(), ActionAlreadySet> {
    ACTION.set(action).map_err(|_| ActionAlreadySet)
}

/// Whether the first sight of an order keeps a backtrace for reports (it does not).
///
/// Cost: some microseconds each time a thread takes locks in an order that is new to it.
pub fn capture_backtraces(capture: bool) {
    BACKTRACES.store(capture, Relaxed);
}

/// The way to here, if backtraces are on.
pub(crate) fn backtrace() -> Option<String> {
    BACKTRACES
        .load(Relaxed)
        .then(|| std::backtrace::Backtrace::force_capture().to_string())
}

/// Acts on something that went well this time: logs it or calls back at its first sight only.
#[cold]
#[track_caller]
pub(crate) fn act(report: &Report) {
    match action() {
        Action::Panic if !panicking() => panic!("{report}"),
        _ if !is_new(report) => {}
        Action::Call(call) => call(report),
        Action::Panic | Action::Log => log(report),
    }
}

/// True if nothing of the same kind was reported about the same locks and lines.
fn is_new(report: &Report) -> bool {
    /// So many are remembered; further ones are not reported.
    const MOST: usize = 4_096;
    static KNOWN: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);
    let mut hasher = DefaultHasher::new();
    report.kind().hash(&mut hasher);
    for step in report.steps() {
        for lock in [&step.holds, &step.wants] {
            (&lock.name, &lock.made_at, &lock.place).hash(&mut hasher);
        }
    }
    let mut known = KNOWN.lock();
    known.len() < MOST && known.insert(hasher.finish())
}

/// Tells of a wait that would never end, where there is no way to fail.
#[cold]
pub(crate) fn tell(report: &Report) {
    match action() {
        Action::Call(call) => call(report),
        Action::Panic | Action::Log => log(report),
    }
}

/// Acts on a wait that would never end. Returns only if the thread is panicking, when another panic would end
/// the program.
#[cold]
#[track_caller]
pub(crate) fn fail(report: &Report) {
    match action() {
        Action::Panic => {}
        Action::Log => log(report),
        Action::Call(call) => call(report),
    }
    if panicking() {
        log(report);
    } else {
        panic!("{report}");
    }
}

fn action() -> &'static Action {
    ACTION.get_or_init(|| {
        if cfg!(debug_assertions) {
            Action::Panic
        } else {
            Action::Log
        }
    })
}

fn log(report: &Report) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "brigade::lock", "{report}");
    #[cfg(feature = "log")]
    log::error!(target: "brigade::lock", "{report}");
    #[cfg(not(any(feature = "tracing", feature = "log")))]
    eprintln!("brigade: {report}");
}
