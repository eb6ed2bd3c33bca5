//! Which of Brigade's locks a thread holds.
//!
//! The pool asks this before a waiting worker runs a task in between: under a lock that task might
//! want that very lock, and would wait for the thread it runs on.

use std::cell::Cell;

use crate::primitive::thread_local;

thread_local! {
    static COUNT: Cell<usize> = Cell::new(0);
}

/// True if this thread holds a Brigade lock.
pub(crate) fn any() -> bool {
    COUNT.with(|count| count.get() > 0)
}

/// Records that this thread holds a lock, for as long as it lives.
#[cfg(test)]
pub(crate) struct Held(());

#[cfg(test)]
impl Held {
    pub(crate) fn new() -> Self {
        COUNT.with(|count| count.set(count.get() + 1));
        Self(())
    }
}

#[cfg(test)]
impl Drop for Held {
    fn drop(&mut self) {
        COUNT.with(|count| count.set(count.get() - 1));
    }
}
