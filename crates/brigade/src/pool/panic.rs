//! Catching a panic together with the place it came from.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use parking_lot::Mutex;

/// What a panicking task left behind: its payload, message, place and name.
///
/// ```
/// use brigade::{Pool, pool::TaskError};
///
/// let pool = Pool::builder("doc").workers(1).build()?;
/// let handle = pool.task(|| panic!("no paper")).name("print").submit()?;
/// let Err(TaskError::Panicked(panic)) = handle.join() else { unreachable!() };
/// assert_eq!(panic.message(), "no paper");
/// assert_eq!(panic.task(), Some("print"));
/// assert!(panic.location().is_some_and(|place| place.contains(".rs:")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Panic {
    pool: Arc<str>,
    task: Option<Arc<str>>,
    caught: Caught,
}

impl Panic {
    pub(crate) fn new(pool: Arc<str>, task: Option<Arc<str>>, caught: Caught) -> Self {
        Self { pool, task, caught }
    }

    /// The message given to `panic!`, or a stand-in if the payload is not text.
    pub fn message(&self) -> &str {
        &self.caught.message
    }

    /// Where the panic began, as `file:line:column`.
    ///
    /// `None` if the payload was made by `resume_unwind`, or if the program has replaced the panic
    /// hook since its first pool was built.
    pub fn location(&self) -> Option<&str> {
        self.caught.location.as_deref()
    }

    /// The name of the task, if it was given one.
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// The name of the pool that ran the task.
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// The payload, for [`std::panic::resume_unwind`] or a downcast.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.caught.into_payload()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Panic")
            .field("pool", &self.pool)
            .field("task", &self.task)
            .field("message", &self.message())
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task() {
            Some(name) => write!(formatter, "task `{name}`")?,
            None => formatter.write_str("a task")?,
        }
        write!(formatter, " on pool `{}` panicked", self.pool)?;
        if let Some(place) = self.location() {
            write!(formatter, " at {place}")?;
        }
        write!(formatter, ": {}", self.message())
    }
}

/// A caught panic, not yet attributed to a task.
pub(crate) struct Caught {
    message: String,
    location: Option<String>,
    /// In a mutex only so that errors are `Sync`: a payload promises no more than `Send`.
    payload: Mutex<Payload>,
}

impl Caught {
    pub(crate) fn into_payload(self) -> Box<dyn Any + Send> {
        let taken = self.payload.into_inner().0.take();
        taken.expect("only this takes it, and it consumes its owner")
    }
}

/// What was thrown: anything, so also something whose destructor panics. That ends here; the panic hook
/// has printed it.
struct Payload(Option<Box<dyn Any + Send>>);

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(another); // it may be of the same kind
        }
    }
}

/// The latest panic of a thread, as the hook saw it.
struct Seen {
    kind: TypeId,
    message: String,
    location: Option<String>,
}

thread_local! {
    /// Left by the hook for [`catch`].
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// Calls `body`; a panic comes back with its place.
#[inline]
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Caught> {
    // Unwind safety: whoever shares state with a task that panicked sees the panic in its handle.
    catch_unwind(AssertUnwindSafe(body)).map_err(describe)
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> Caught {
    let (kind, message) = ((*payload).type_id(), message_of(&*payload));
    let seen = SEEN
        .try_with(|seen| seen.borrow_mut().take())
        .ok()
        .flatten();
    // A payload that was re-raised has not met the hook, which may have seen an earlier panic.
    let location = seen
        .filter(|seen| seen.kind == kind && seen.message == message)
        .and_then(|seen| seen.location);
    Caught {
        message,
        location,
        payload: Mutex::new(Payload(Some(payload))),
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is not text)".to_owned()
    }
}

/// Puts a hook before the program's panic hook that notes the place of each panic.
///
/// The place is known only to the hook: the payload does not carry it. The program's own hook still
/// runs, so panics are printed as before.
pub(crate) fn note_locations() {
    static INSTALLED: Once = Once::new();
    if cfg!(any(loom, shuttle)) {
        return; // the model checkers have a hook of their own
    }
    INSTALLED.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let seen = Seen {
                kind: info.payload().type_id(),
                message: message_of(info.payload()),
                location: info.location().map(ToString::to_string),
            };
            // A thread at its end has no thread-locals left, and needs none.
            let _ = SEEN.try_with(|slot| *slot.borrow_mut() = Some(seen));
            next(info);
        }));
    });
}
