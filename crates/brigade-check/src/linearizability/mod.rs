//! Whether some order of a history's calls explains their outcomes.
//!
//! The search is Wing & Gong's ("Testing and verifying concurrent objects", 1993): choose a call that may come first,
//! apply it to the model, go on with the rest, go back if its outcome differs. Lowe's addition ("Testing for
//! linearizability", 2017) is to remember each configuration, that is the set of calls chosen together with the state
//! reached, so that none is explored twice. Horn & Kroening's ("Faster linearizability checking via
//! P-compositionality", 2015) is to check independent parts by themselves.

mod explanation;
mod order;
mod search;

use std::collections::HashMap;

use crate::history::Call;
use crate::model::Model;

pub use self::explanation::{Next, Unexplained};
use self::order::{ProgramOrder, RealTime};
use self::search::{Found, search};

/// Which orders of a history's calls count as an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Criterion {
    /// Each call takes effect at one moment between its invocation and its return, so calls that do not overlap
    /// keep their order. What locks give, and what users of a thing expect.
    ///
    /// Herlihy & Wing, 1990.
    #[default]
    Linearizable,
    /// The calls of each thread keep their order; between threads there is none. Weaker: what a thread did may be
    /// seen late by others. Not divisible by key, so that keys are not used.
    ///
    /// Lamport, "How to make a multiprocessor computer that correctly executes multiprocess programs", 1979.
    SequentiallyConsistent,
    /// Calls keep their order only if there was a moment between them when no call was running. Weaker in
    /// another way: a thread's own calls may change places. For counting networks and the like.
    ///
    /// Aspnes, Herlihy & Shavit, "Counting networks", 1994.
    QuiescentlyConsistent,
}

impl Criterion {
    pub(crate) fn adjective(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::SequentiallyConsistent => "sequentially consistent",
            Self::QuiescentlyConsistent => "quiescently consistent",
        }
    }
}

/// What [`History::check`](crate::History::check) found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The numbers of the calls, in an order that explains their outcomes. With keys, part after part.
    Explained(Vec<usize>),
    /// No order does.
    Unexplained(Box<Unexplained>),
    /// The search was given up for lack of memory (half a GiB) after visiting this many configurations.
    Undecided(usize),
}

/// A search that remembers so many bytes is given up, before it takes all memory.
const MEMORY: usize = 512 << 20;

/// `stuck`: the run came to rest, and whoever is pending is blocked for good.
pub(crate) fn check<M: Model>(
    calls: &[Call<M::Operation, M::Outcome>],
    initial: &M,
    criterion: Criterion,
    stuck: bool,
) -> Verdict {
    check_within(MEMORY, calls, initial, criterion, stuck)
}

fn check_within<M: Model>(
    memory: usize,
    calls: &[Call<M::Operation, M::Outcome>],
    initial: &M,
    criterion: Criterion,
    stuck: bool,
) -> Verdict {
    let mut explained = Vec::with_capacity(calls.len());
    // A moment is quiet if no call is running, of whatever part.
    let periods = match criterion {
        Criterion::QuiescentlyConsistent => periods(calls),
        _ => Vec::new(),
    };
    for part in parts::<M>(calls, criterion) {
        let found = match criterion {
            Criterion::Linearizable => {
                let order = RealTime::new(&part, |call| interval(&calls[call]));
                search(calls, &part, initial, order, stuck, memory)
            }
            Criterion::QuiescentlyConsistent => {
                let order = RealTime::new(&part, |call| periods[call]);
                search(calls, &part, initial, order, stuck, memory)
            }
            Criterion::SequentiallyConsistent => {
                let order = ProgramOrder::new(calls, &part);
                search(calls, &part, initial, order, stuck, memory)
            }
        };
        match found {
            Found::Order(order) => explained.extend(order),
            Found::None(longest) => {
                let unexplained = Unexplained::new(calls, initial, longest, criterion);
                return Verdict::Unexplained(Box::new(unexplained));
            }
            Found::TooMany(configurations) => return Verdict::Undecided(configurations),
        }
    }
    Verdict::Explained(explained)
}

/// The numbers of the calls of each independent part.
fn parts<M: Model>(
    calls: &[Call<M::Operation, M::Outcome>],
    criterion: Criterion,
) -> Vec<Vec<usize>> {
    let whole = || vec![(0..calls.len()).collect()];
    if criterion == Criterion::SequentiallyConsistent {
        return whole();
    }
    let mut places = HashMap::new();
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let Some(key) = M::key(&call.operation) else {
            return whole();
        };
        let place = *places.entry(key).or_insert_with(|| {
            parts.push(Vec::new());
            parts.len() - 1
        });
        parts[place].push(number);
    }
    parts
}

/// From when to when a call ran.
fn interval<O, R>(call: &Call<O, R>) -> (u64, Option<u64>) {
    let returned = call.returned.as_ref().map(|(returned, _)| *returned);
    (call.invoked, returned)
}

/// Quiescent consistency as linearizability by a coarser clock, which ticks in quiet moments only: for each call the
/// period between two of them in which it ran. Within one, all calls overlap.
fn periods<O, R>(calls: &[Call<O, R>]) -> Vec<(u64, Option<u64>)> {
    let mut by_invocation: Vec<usize> = (0..calls.len()).collect();
    by_invocation.sort_by_key(|&call| calls[call].invoked);
    let mut periods = vec![(0, None); calls.len()];
    let (mut period, mut busy_until) = (0, Some(0));
    for call in by_invocation {
        let (invoked, returned) = interval(&calls[call]);
        // From a pending call on there are no quiet moments.
        if busy_until.is_some_and(|until| until < invoked) {
            period += 1;
        }
        busy_until = match (busy_until, returned) {
            (Some(until), Some(returned)) => Some(until.max(returned)),
            _ => None,
        };
        periods[call] = (period, returned.map(|_| period));
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers all that was done: each order leads to another state.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Ignores(Vec<usize>);

    impl Model for Ignores {
        type Operation = usize;
        type Outcome = bool;

        fn apply(&mut self, operation: &usize) -> bool {
            self.0.push(*operation);
            true
        }
    }

    #[test]
    fn a_search_that_needs_too_much_memory_is_given_up() {
        // Every order of the first twelve calls is another state, and none explains the last one.
        let mut calls: Vec<_> = (0..12)
            .map(|thread| Call::completed(thread, thread, true, 0, 9))
            .collect();
        calls.push(Call::completed(0, 12, false, 10, 11));
        for criterion in [Criterion::Linearizable, Criterion::SequentiallyConsistent] {
            let verdict = check_within(1 << 20, &calls, &Ignores(Vec::new()), criterion, false);
            let Verdict::Undecided(configurations) = verdict else {
                panic!("{verdict:?}");
            };
            assert!((1_000..20_000).contains(&configurations));
        }
    }
}
