//! Marked points: where a check may take the processor away from a thread.

use std::cell::RefCell;

/// What the running check does at a point. One for each thread of the system that runs one.
pub(crate) trait Visit {
    fn visit(&self, name: &'static str);
}

thread_local! {
    static VISITOR: RefCell<Option<Box<dyn Visit>>> = const { RefCell::new(None) };
}

/// Marks a point of the code under test at which other threads may come between.
///
/// While a check runs on this thread, it may yield, spin or sleep here (stress), or switch to another thread (explore),
/// and remembers the name: a report of a hang or a deadlock says which point each thread passed last. Otherwise it is
/// a look at a thread-local, of about a nanosecond.
///
/// Code that has such points and synchronises by the atomics of std only can be explored as it is. Where it blocks it
/// needs the types of shuttle (see the crate's documentation), which are points by themselves.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// fn increment(counter: &AtomicU32) {
///     let seen = counter.load(Ordering::SeqCst);
///     brigade_check::point("counter read");
///     counter.store(seen + 1, Ordering::SeqCst);
/// }
/// # let counter = AtomicU32::new(0);
/// # increment(&counter);
/// # assert_eq!(counter.into_inner(), 1);
/// ```
#[inline]
pub fn point(name: &'static str) {
    // Destructors of thread-locals may come here when this one is gone.
    let _ = VISITOR.try_with(|visitor| {
        // Exploring switches to another thread inside of `visit`, which may come here: a shared borrow.
        if let Ok(visitor) = visitor.try_borrow()
            && let Some(visitor) = &*visitor
        {
            visitor.visit(name);
        }
    });
}

/// How reports say which point a thread passed last.
pub(crate) fn after(point: Option<&str>) -> String {
    point.map_or(String::new(), |name| {
        format!(", after the point \"{name}\"")
    })
}

/// Lets `visitor` know of this thread's points until dropped.
pub(crate) struct Visiting {
    before: Option<Box<dyn Visit>>,
}

impl Visiting {
    pub(crate) fn new(visitor: Box<dyn Visit>) -> Self {
        Self {
            before: VISITOR.replace(Some(visitor)),
        }
    }
}

impl Drop for Visiting {
    fn drop(&mut self) {
        VISITOR.set(self.before.take());
    }
}
