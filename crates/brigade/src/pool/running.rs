//! Which tasks this thread is running: so that a task can ask whether to stop, and who waits for it is known
//! to wait for this thread.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::lock::duty::Duty;
use crate::primitive::thread_local;

use super::member::Membership;

/// A task with a handle, seen from inside.
pub(crate) trait Running: Send + Sync {
    fn cancel_requested(&self) -> bool;
    /// Nobody has begun it.
    fn is_queued(&self) -> bool;
    /// Those who wait for it have a result.
    fn is_finished(&self) -> bool;
}

thread_local! {
    /// The innermost last: a task that waits may run the one it waits for.
    static STACK: RefCell<Vec<Arc<dyn Running>>> = RefCell::new(Vec::new());
}

/// While this lives, the task is on this thread's stack.
pub(crate) struct Entered {
    _duty: Duty,
}

impl Entered {
    pub(crate) fn new(task: Arc<dyn Running>) -> Self {
        let duty = Duty::begin(Arc::as_ptr(&task).addr());
        STACK.with(|stack| stack.borrow_mut().push(task));
        Self { _duty: duty }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let ended = STACK.with(|stack| stack.borrow_mut().pop());
        drop(ended); // after the borrow: the cell's destructor is the user's code
    }
}

/// True if the running task should stop: its handle was cancelled, or its pool is shutting down now.
///
/// A task that runs long asks this now and then and returns early. Outside a task it is false. A task
/// without a handle learns of the shutdown only. Cost: a few nanoseconds.
///
/// ```
/// use brigade::{Pool, pool::Cancel, task};
///
/// let pool = Pool::builder("doc").workers(1).build()?;
/// let (started, wait) = std::sync::mpsc::channel();
/// let handle = pool.submit(move || {
///     started.send(()).unwrap();
///     while !task::is_cancelled() {
///         std::thread::yield_now();
///     }
///     "stopped"
/// })?;
/// wait.recv()?;
/// assert_eq!(handle.cancel(), Cancel::Requested);
/// assert_eq!(handle.join()?, "stopped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn is_cancelled() -> bool {
    let asked = |task: &Arc<dyn Running>| task.cancel_requested();
    let requested = STACK.try_with(|stack| stack.borrow().last().is_some_and(asked));
    requested.unwrap_or(false)
        || Membership::current().is_some_and(|member| member.shared.halted.load(Relaxed))
}
