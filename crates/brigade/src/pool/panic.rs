//! Catching a panic together with the place it came from.

use std::any::Any;
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
    /// `None` if the payload was re-raised by `resume_unwind`, or if the program has replaced the
    /// panic hook since its first pool was built.
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
        self.caught.payload.into_inner()
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
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Caught {
    pub(crate) fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload.into_inner()
    }
}

thread_local! {
    /// The place of this thread's latest panic, left by the hook for [`catch`].
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `body`; a panic comes back with its place.
#[inline]
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Caught> {
    // Unwind safety: whoever shares state with a task that panicked sees the panic in its handle.
    catch_unwind(AssertUnwindSafe(body)).map_err(describe)
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> Caught {
    let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is not text)".to_owned()
    };
    let location = LOCATION
        .try_with(|place| place.borrow_mut().take())
        .ok()
        .flatten();
    Caught {
        message,
        location,
        payload: Mutex::new(payload),
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
            let place = info.location().map(ToString::to_string);
            // A thread at its end has no thread-locals left, and needs none.
            let _ = LOCATION.try_with(|slot| *slot.borrow_mut() = place);
            next(info);
        }));
    });
}
