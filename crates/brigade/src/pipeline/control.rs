//! What all threads of one running pipeline share: whether to stop, the first failure, who has not ended.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::task::Waker;

use crate::lock::action;
use crate::lock::duty::Owed;
use crate::pool::panic::Caught;
use crate::primitive::Mutex;
use crate::primitive::atomic::AtomicBool;
use crate::waiting::{self, Subject};

use super::failure::ErrorSlot;

/// Shared by the threads of one run.
///
/// Nobody has to be woken when the run stops. Whoever works looks at `stopped` before the next item and leaves;
/// leaving closes its ends of the buffers, and that wakes those who wait at the other ends.
pub(crate) struct Control {
    stopped: AtomicBool,
    panic: Mutex<Option<(usize, Caught)>>,
    threads: Mutex<Threads>,
}

struct Threads {
    open: usize,
    waker: Option<Waker>,
}

impl Control {
    pub(crate) fn new() -> Self {
        let threads = Threads {
            open: 0,
            waker: None,
        };
        Self {
            stopped: AtomicBool::new(false),
            panic: Mutex::new(None),
            threads: Mutex::new(threads),
        }
    }

    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Ends the run. True for the first to do so: its reason is the one that counts.
    pub(crate) fn stop(&self) -> bool {
        !self.stopped.swap(true, AcqRel)
    }

    pub(crate) fn stop_panicked(&self, stage: usize, caught: Caught) {
        if self.stop() {
            *self.panic.lock() = Some((stage, caught));
        }
    }

    /// The panic that ended the run.
    pub(crate) fn take_panic(&self) -> Option<(usize, Caught)> {
        self.panic.lock().take()
    }

    pub(crate) fn thread_begins(&self) {
        self.threads.lock().open += 1;
    }

    pub(crate) fn thread_ends(&self) {
        let mut threads = self.threads.lock();
        threads.open -= 1;
        let waker = (threads.open == 0).then(|| threads.waker.take()).flatten();
        drop(threads);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What threads of the run owe to the one that started it.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Waits until all threads have ended. They borrow from the caller, so there is no way out before; what will
    /// never end is told of, at least.
    #[track_caller]
    pub(crate) fn wait_for_threads(&self) {
        let subject = Subject {
            awaited: &|| Owed::Duty(self.address()),
            name: &|| "the stages of a pipeline".to_owned(),
        };
        if let Err(report) = waiting::wait(Some(&subject), None, |waker| self.poll_end(waker)) {
            action::tell(&report);
            let _: Result<Option<()>, _> = waiting::wait(None, None, |waker| self.poll_end(waker));
        }
    }

    fn poll_end(&self, waker: &Waker) -> Option<()> {
        let mut threads = self.threads.lock();
        if threads.open == 0 {
            return Some(());
        }
        threads.waker = Some(waker.clone());
        None
    }
}

/// A thread's place in a run.
pub(crate) struct Post<'a> {
    pub(crate) control: &'a Control,
    pub(crate) stage: usize,
}

impl Post<'_> {
    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }

    /// Ends the run with an error of this stage, unless it has been stopped before.
    #[cold]
    pub(crate) fn fail<E>(&self, errors: &ErrorSlot<E>, error: E) {
        if self.control.stop() {
            errors.put(self.stage, error);
        }
    }
}
