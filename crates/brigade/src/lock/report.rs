//! What was found, for people and for programs.

mod text;

use std::panic::Location;

use super::class::{Origin, Rank};
use super::held::Held;
use super::mode::Mode;

/// A deadlock that happened or can happen: which threads took which locks, where and in which order.
///
/// Its `Display` form is a text of some lines for people;
#[cfg_attr(feature = "json", doc = "[`to_json`](Self::to_json) and")]
/// [`to_dot`](Self::to_dot) are for programs.
///
/// ```
/// use brigade::lock::{FindingKind, LockError, Mutex};
///
/// let account = Mutex::named("account", 0);
/// let guard = account.lock();
/// let Err(LockError::Deadlock(report)) = account.lock_checked() else { unreachable!() };
/// assert_eq!(report.kind(), FindingKind::Recursive);
/// assert!(report.to_string().contains("`account`"));
/// # drop(guard);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Report {
    kind: FindingKind,
    steps: Vec<Step>,
}

/// What kind of deadlock a [`Report`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum FindingKind {
    /// Predicted: locks were taken in orders that contradict each other.
    Order,
    /// Predicted: a lock was taken under one of the same or a higher rank.
    Rank,
    /// Predicted: two locks of one class were taken one after the other, in no known order.
    SameClass,
    /// Predicted: a thread read a lock that it held to read already. It would wait for ever if a writer had come between
    /// the two.
    RecursiveRead,
    /// A thread wanted a lock that it holds already, and cannot have twice.
    Recursive,
    /// Detected: the threads wait for each other, now.
    Deadlock,
    /// Detected: the lock was held by a thread that has ended.
    Abandoned,
}

impl FindingKind {
    /// True if nothing hung: the deadlock can happen, and has not yet.
    pub fn is_predicted(self) -> bool {
        matches!(
            self,
            Self::Order | Self::Rank | Self::SameClass | Self::RecursiveRead
        )
    }
}

/// One thread's part in a deadlock: what it held, and what it then wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// The name of the thread, or its number if it has none.
    pub thread: String,
    /// What it held.
    pub holds: Acquisition,
    /// What it wanted.
    pub wants: Acquisition,
    /// The way it came to where it wanted that, if backtraces are on
    /// ([`capture_backtraces`](super::capture_backtraces)).
    pub backtrace: Option<String>,
}

/// A lock, or what else one can wait for, and how and where a thread took or wanted it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Acquisition {
    /// The name of its class; for locks without a name, the line that made them.
    pub name: String,
    /// The rank of its class.
    pub rank: Option<u32>,
    /// How it was taken or wanted.
    pub access: Access,
    /// The line that made the lock, or the first one of its name, or its class.
    pub made_at: Option<Place>,
    /// The line that took it or wanted it.
    pub place: Option<Place>,
}

/// How a lock is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize),
    serde(rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum Access {
    /// By a mutex's `lock` or a read-write lock's `write`.
    Exclusive,
    /// By `upgradable_read`.
    Upgradable,
    /// By `read`.
    Shared,
    /// It waits for the lock, to take it exclusively: readers that come later wait behind it.
    InLine,
    /// It is no lock: a task, a pool or a key that something must be done about.
    Completion,
    /// It is no lock: work that waits in a queue, which any of several threads would have to begin.
    Beginning,
    /// It is no lock: room in a queue, which the thread waits for, or must make.
    Room,
}

/// A line of source code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Place {
    /// The file, as the compiler was given it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl From<&'static Location<'static>> for Place {
    fn from(location: &'static Location<'static>) -> Self {
        Self {
            file: location.file(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl From<Mode> for Access {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Exclusive => Self::Exclusive,
            Mode::Upgradable => Self::Upgradable,
            Mode::Shared => Self::Shared,
        }
    }
}

impl Acquisition {
    /// Of a lock of this origin.
    pub(crate) fn of_lock(
        origin: Origin,
        mode: Mode,
        place: Option<&'static Location<'static>>,
    ) -> Self {
        let made_at = origin.made_at();
        Self {
            name: name_of(origin),
            rank: origin.rank().map(|Rank(rank)| rank),
            access: mode.into(),
            made_at: Some(made_at.into()),
            place: place.map(Place::from),
        }
    }

    /// Of something that is no lock.
    pub(crate) fn of_other(name: &str, access: Access) -> Self {
        Self {
            name: name.to_owned(),
            rank: None,
            access,
            made_at: None,
            place: None,
        }
    }

    /// Of a lock that a thread holds.
    pub(crate) fn of_held(held: &Held) -> Self {
        Self::of_lock(held.origin, held.chain.mode(), Some(held.place))
    }
}

/// What locks of this origin are called.
pub(crate) fn name_of(origin: Origin) -> String {
    let name = origin.name().map(str::to_owned);
    name.unwrap_or_else(|| origin.made_at().to_string())
}

impl Report {
    pub(crate) fn new(kind: FindingKind, steps: Vec<Step>) -> Self {
        Self { kind, steps }
    }

    /// What kind of deadlock it is.
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// The threads' parts. Each wants what the next one holds; the last one, what the first one holds.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// A picture of the cycle in the language of Graphviz: locks as nodes, an edge from each lock that was
    /// held to the one that was then wanted.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph deadlock {\n");
        for step in &self.steps {
            let label = format!("{}\n{}", step.thread, place_of(&step.wants));
            dot.push_str(&dot_edge(&step.holds.name, &step.wants.name, &label));
        }
        dot.push_str("}\n");
        dot
    }

    /// The report as one object of JSON.
    #[cfg(feature = "json")]
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|_| unreachable!("strings and numbers can always be written"))
    }
}

/// An edge in the language of Graphviz.
pub(crate) fn dot_edge(from: &str, to: &str, label: &str) -> String {
    let quoted = |text: &str| {
        let text = text
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("\"{text}\"")
    };
    format!(
        "  {} -> {} [label={}];\n",
        quoted(from),
        quoted(to),
        quoted(label)
    )
}

fn place_of(acquisition: &Acquisition) -> String {
    acquisition
        .place
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}
