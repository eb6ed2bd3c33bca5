//! What becomes of items whose handler fails.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::pool::Panic;

/// What a handler returns: nothing, or whether it went well.
pub trait Outcome {
    /// What went wrong.
    type Error;

    /// The outcome as a result.
    ///
    /// # Errors
    /// What went wrong.
    fn into_result(self) -> Result<(), Self::Error>;
}

impl Outcome for () {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<E> Outcome for Result<(), E> {
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// An item that could not be handled, and why: what the failure handler gets.
///
/// ```
/// use std::sync::mpsc::channel;
/// use brigade::consumers::{Cause, Consumers, Failure};
///
/// let (failed, failures) = channel();
/// let consumers = Consumers::builder("parse")
///     .on_failure(move |failure: Failure<&str, _>| failed.send(failure).unwrap())
///     .start(|text: &&str| text.parse::<u8>().map(drop))?;
/// consumers.produce("7")?;
/// consumers.produce("seven")?;
/// let failure = failures.recv()?;
/// assert_eq!((failure.item, failure.attempts), ("seven", 1));
/// assert!(matches!(*failure.cause, Cause::Error(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<T, E> {
    /// The item, as it was produced: handlers only borrow it.
    pub item: T,
    /// What went wrong at the last attempt. Items of one batch share it.
    pub cause: Arc<Cause<E>>,
    /// How often the item was tried.
    pub attempts: u32,
    /// The name of the consumers.
    pub consumers: Arc<str>,
}

/// What went wrong with an item.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// The handler returned an error.
    Error(E),
    /// The handler panicked, or what makes its state did; the consumer lives on.
    Panicked(Panic),
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(formatter),
            Self::Panicked(panic) => {
                write!(formatter, "the handler panicked")?;
                if let Some(place) = panic.location() {
                    write!(formatter, " at {place}")?;
                }
                write!(formatter, ": {}", panic.message())
            }
        }
    }
}

impl<T, E: fmt::Display> fmt::Display for Failure<T, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            attempts,
            consumers,
            ..
        } = self;
        write!(
            formatter,
            "consumers `{consumers}` gave an item up at attempt {attempts}: {cause}"
        )
    }
}

/// How often, and after which pauses, an item whose handler failed is tried again.
///
/// The pause doubles with each attempt. No consumer waits for it: the item goes back among those that wait, where
/// it counts against the buffer's limit, and is taken when its time has come.
///
/// ```
/// use std::time::Duration;
/// use brigade::consumers::Retry;
///
/// let retry = Retry::times(4).after(Duration::from_millis(10)).at_most(Duration::from_millis(50));
/// let pauses: Vec<_> = (1..=4).map(|attempt| retry.pause(attempt).as_millis()).collect();
/// assert_eq!(pauses, [10, 20, 40, 50]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    first: Duration,
    longest: Duration,
}

impl Retry {
    /// So many attempts more than the first one, after pauses of 10 ms, 20 ms and so on up to a minute.
    pub fn times(times: u32) -> Self {
        Self {
            times,
            first: Duration::from_millis(10),
            longest: Duration::from_secs(60),
        }
    }

    /// The pause before the second attempt.
    pub fn after(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// The longest pause.
    pub fn at_most(mut self, pause: Duration) -> Self {
        self.longest = pause;
        self
    }

    /// How long to wait after so many attempts in vain.
    pub fn pause(&self, attempts: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempts.saturating_sub(1));
        let pause = doubled.and_then(|factor| self.first.checked_mul(factor));
        pause.map_or(self.longest, |pause| pause.min(self.longest))
    }

    /// True if there is to be another attempt.
    pub(crate) fn allows_another(&self, attempts: u32) -> bool {
        attempts <= self.times
    }
}
