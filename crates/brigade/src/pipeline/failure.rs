//! Which error the closures of a pipeline can return, as its type says.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use crate::primitive::Mutex;

/// The errors of a [`Pipeline`](super::Pipeline) none of whose closures returns any. It can still panic.
#[derive(Debug)]
pub struct Unfailing(pub(crate) ());

/// The errors of a [`Pipeline`](super::Pipeline) whose `try_` closures return `E`.
pub struct Failing<E>(Arc<ErrorSlot<E>>);

impl<E> fmt::Debug for Failing<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Failing").finish_non_exhaustive()
    }
}

/// Where the first error of a run is kept, with the number of its stage.
pub struct ErrorSlot<E>(Mutex<Option<(usize, E)>>);

impl<E> ErrorSlot<E> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(None)))
    }

    pub(crate) fn put(&self, stage: usize, error: E) {
        *self.0.lock() = Some((stage, error));
    }
}

/// What a pipeline can fail with: [`Unfailing`] or [`Failing`].
pub trait Failure: sealed::Kept {}

/// A pipeline with these errors can have a stage that returns `E`: any `E` if none can fail yet, then the same one.
pub trait Accepts<E>: Failure + sealed::Slot<E> {}

impl Failure for Unfailing {}
impl<E> Failure for Failing<E> {}
impl<E> Accepts<E> for Unfailing {}
impl<E> Accepts<E> for Failing<E> {}

/// Makes a pipeline fail with `E`.
pub(crate) fn failing<E>(accepts: impl Accepts<E>) -> (Failing<E>, Arc<ErrorSlot<E>>) {
    let slot = accepts.slot();
    (Failing(Arc::clone(&slot)), slot)
}

pub(crate) mod sealed {
    use super::{Arc, ErrorSlot, Failing, Infallible, Unfailing};

    pub trait Kept {
        /// What the closures return.
        type Error;

        /// The first error, with the number of its stage.
        fn take(&self) -> Option<(usize, Self::Error)>;
    }

    pub trait Slot<E> {
        fn slot(self) -> Arc<ErrorSlot<E>>;
    }

    impl Kept for Unfailing {
        type Error = Infallible;

        fn take(&self) -> Option<(usize, Infallible)> {
            None
        }
    }

    impl<E> Kept for Failing<E> {
        type Error = E;

        fn take(&self) -> Option<(usize, E)> {
            self.0.0.lock().take()
        }
    }

    impl<E> Slot<E> for Unfailing {
        fn slot(self) -> Arc<ErrorSlot<E>> {
            ErrorSlot::new()
        }
    }

    impl<E> Slot<E> for Failing<E> {
        fn slot(self) -> Arc<ErrorSlot<E>> {
            self.0
        }
    }
}
