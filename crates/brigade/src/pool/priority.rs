//! How urgent a task is.

use std::fmt;

/// How urgent a task is: the lower the number, the sooner it runs.
///
/// Tasks of one priority run in the order in which the pool accepted them. A less urgent task that
/// has waited long enough overtakes a more urgent newcomer; see
/// [`Builder::ageing`](super::Builder::ageing).
///
/// ```
/// use brigade::Priority;
///
/// assert!(Priority::HIGH < Priority::NORMAL); // runs first
/// assert_eq!(Priority::default(), Priority::NORMAL);
/// assert_eq!(Priority(0).to_string(), "0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// For tasks someone is waiting for (64).
    pub const HIGH: Priority = Priority(64);
    /// For everything that says nothing else (128).
    pub const NORMAL: Priority = Priority(128);
    /// For work that may wait while there is other work (192).
    pub const LOW: Priority = Priority(192);
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HIGH => formatter.write_str("high"),
            Self::NORMAL => formatter.write_str("normal"),
            Self::LOW => formatter.write_str("low"),
            Self(level) => write!(formatter, "{level}"),
        }
    }
}
