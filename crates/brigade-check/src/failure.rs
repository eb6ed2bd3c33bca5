//! What a check found, or why it could not check.

use std::error::Error;
use std::fmt;

use crate::environment;
use crate::report::{self, Drawing};

/// Why a check did not pass: it found something, or was asked for something it cannot do.
///
/// Its text is the whole report.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// The code under test did something it should not.
    Found(Box<Finding>),
    /// A check with no threads.
    NoThreads,
    /// A check with no operations.
    NoOperations,
    /// No `generate(..)` or `operations_from(..)` was given, and nothing else says which operations there are.
    NoGenerator,
    /// The strategy of `operations_from(..)` gave no operation: it rejects too much of what it draws.
    #[cfg(feature = "proptest")]
    StrategyGaveUp(String),
    /// A check with no runs: no scenarios, iterations or schedules.
    NoRuns,
    /// Real threads ran none of so many scenarios, as in each an operation may wait for ever: that could not be told from
    /// a hang.
    EveryScenarioMayBlock(usize),
    /// What `BRIGADE_CHECK_SEED` holds is not a number.
    InvalidSeed(String),
    /// What `BRIGADE_CHECK_TIME` holds is not a time, or none at all.
    InvalidTime(String),
    /// Not a token of this crate, or not the whole of one.
    InvalidToken(String),
    /// A token of another test, or of this one before it or the code under test was changed.
    TokenMismatch(String),
    /// Applied twice to equal states, the model gave two outcomes or two states for this operation.
    ModelNotDeterministic(String),
    /// An operation started a thread, whose effects no order of the operations can explain.
    OperationSpawns,
    /// Under all schedules each operation ran in one piece, so that nothing was tested: it has no points, and takes
    /// nothing from shuttle.
    NothingToExplore,
}

/// What was found, in the smallest scenario that still shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing.
    pub kind: Kind,
    /// In words: why no order explains the results, the panic's message, what each thread is at.
    pub reason: String,
    /// From which the operations were generated: `BRIGADE_CHECK_SEED` repeats them.
    pub seed: u64,
    /// Repeats this very run: by `BRIGADE_CHECK_REPLAY` or `.replay(..)`. Only of explored schedules.
    pub token: Option<String>,
    /// How many runs it took to find it.
    pub runs: u64,
    /// How many operations each thread of the smallest scenario has.
    pub operations: Vec<usize>,
    /// The test that found it, if it has a name.
    pub(crate) test: Option<String>,
    pub(crate) drawing: Drawing,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// No order of the operations explains their outcomes.
    Unexplained,
    /// The code under test panicked.
    Panicked,
    /// No thread can go on.
    Deadlocked,
    /// The threads go on and on, and do not end within the limit of steps.
    Livelocked,
    /// A thread did not end within the limit of time.
    Hung,
    /// What is checked at the end did not hold.
    Broken,
}

impl Failure {
    /// Fails a test, and writes the picture if the environment asks for it.
    #[track_caller]
    pub(crate) fn raise(&self) -> ! {
        let picture = self
            .finding()
            .and_then(|finding| environment::write_picture(&finding.to_html()));
        match picture {
            Some(written) => panic!("{self}\n{written}"),
            None => panic!("{self}"),
        }
    }

    /// What was found, if something was.
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Found(finding) => Some(finding),
            _ => None,
        }
    }
}

impl Finding {
    /// The finding as an HTML page with a picture of the run: a box for each call, from its invocation to its return,
    /// in a column for each thread. One file, without scripts, that opens in any browser.
    ///
    /// `BRIGADE_CHECK_HTML=file.html` has the asserting forms of the checks write it.
    pub fn to_html(&self) -> String {
        report::page(self)
    }

    /// How to repeat it.
    pub(crate) fn repeat(&self) -> String {
        let what = match &self.token {
            Some(token) => format!("Repeat exactly this: BRIGADE_CHECK_REPLAY={token}"),
            None => format!(
                "Repeat with these operations: BRIGADE_CHECK_SEED={}",
                self.seed
            ),
        };
        match &self.test {
            Some(test) => format!("{what} cargo test {test} -- --exact"),
            None => what,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(finding) => finding.fmt(formatter),
            Self::NoThreads => formatter.write_str("a check needs at least one thread: see threads(..)"),
            Self::NoOperations => {
                formatter.write_str("a check needs at least one operation for each thread: see operations(..)")
            }
            Self::NoGenerator => formatter
                .write_str("nothing says which operations there are: give generate(|rng| ..) or \
                 operations_from(strategy) before the check"),
            #[cfg(feature = "proptest")]
            Self::StrategyGaveUp(reason) => write!(
                formatter,
                "the strategy of operations_from(..) gave no operation ({reason}): let it make what is wanted \
                 (prop_map, prop_flat_map, a range) instead of rejecting what is not (prop_filter)"
            ),
            Self::NoRuns => formatter.write_str(
                "the check would run nothing: give it at least one scenario, and one iteration or schedule",
            ),
            Self::EveryScenarioMayBlock(scenarios) => write!(
                formatter,
                "nothing was run: in each of {scenarios} scenarios an operation may wait for ever, which of real threads \
                 nobody can tell from a hang. Give what they wait for by before(..), generate fewer operations that wait, \
                 or say explore()"
            ),
            Self::InvalidSeed(text) => write!(
                formatter,
                "BRIGADE_CHECK_SEED is \"{text}\", which is not a number: copy it from the report of a failure"
            ),
            Self::InvalidTime(text) => write!(
                formatter,
                "BRIGADE_CHECK_TIME is \"{text}\", which is not how long each check goes on: say 500ms, 10s, 5m or 1h"
            ),
            Self::InvalidToken(text) if text.trim().starts_with("bc1-") => write!(
                formatter,
                "\"{text}\" is a replay token of an older brigade-check, which this one cannot read: run the test \
                 again for a new one"
            ),
            Self::InvalidToken(text) => write!(
                formatter,
                "\"{text}\" is not a replay token, or not a whole one: copy it from the report of a failure"
            ),
            Self::TokenMismatch(why) => write!(
                formatter,
                "the replay token does not fit this check: {why}. It fits the check it came from, as long as neither that nor \
                 the code under test is changed"
            ),
            Self::ModelNotDeterministic(operation) => write!(
                formatter,
                "the model is not deterministic: applied twice to equal states, {operation} gave two outcomes or two \
                 states. Remove what is random, or depends on the clock or on the order of a hash table"
            ),
            Self::OperationSpawns => formatter.write_str(
                "an operation started a thread, which goes on when the operation has returned, so that no order of the \
                 operations explains what it does. Start threads where the thing is made, or, if they do nothing of \
                 their own accord (workers of a pool), say operations_may_spawn()",
            ),
            Self::NothingToExplore => formatter.write_str(
                "nothing was found, but nothing was tested either: each operation ran in one piece, as it has no place \
                 where another thread can come between. Mark such places with brigade_check::point(..), or take its \
                 locks and atomics from shuttle (by RUSTFLAGS=\"--cfg shuttle\", if your crate has that switch), or leave \
                 out explore() for real threads",
            ),
        }
    }
}

impl Error for Failure {}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unexplained => "results that no order explains",
            Self::Panicked => "a panic",
            Self::Deadlocked => "a deadlock",
            Self::Livelocked => "a livelock",
            Self::Hung => "a hang",
            Self::Broken => "a broken invariant",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = if self.runs == 1 { "run" } else { "runs" };
        writeln!(formatter, "{} after {} {runs}:", self.kind, self.runs)?;
        writeln!(formatter, "{}", self.reason)?;
        if !self.drawing.is_empty() {
            writeln!(formatter, "\n{}", self.drawing)?;
        }
        write!(formatter, "\n{}", self.repeat())
    }
}
