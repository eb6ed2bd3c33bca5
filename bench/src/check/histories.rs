//! Long histories of a map, in which 8 threads use 100 keys.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_check::{Call, Criterion, History, Model, Rng, Verdict};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as Actions};
use todc_utils::specifications::Specification;

use super::first_failure::repeat;

const CALLS: usize = 10_000;
const KEYS: u64 = 100;
const THREADS: usize = 8;

/// What is done with the value of a key; the outcome is the value before.
#[derive(Clone, Copy, Debug)]
enum Access {
    Insert(u64, u64),
    Remove(u64),
    Get(u64),
}

impl Access {
    fn random(rng: &mut Rng) -> Self {
        let key = rng.u64(..KEYS);
        match rng.u8(..4) {
            0 => Self::Insert(key, rng.u64(..100)),
            1 => Self::Remove(key),
            _ => Self::Get(key),
        }
    }

    fn key(self) -> u64 {
        let (Self::Insert(key, _) | Self::Remove(key) | Self::Get(key)) = self;
        key
    }

    /// The value of the key after it was `before`.
    fn value(self, before: Option<u64>) -> Option<u64> {
        match self {
            Self::Insert(_, value) => Some(value),
            Self::Remove(_) => None,
            Self::Get(_) => before,
        }
    }
}

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Map(BTreeMap<u64, u64>);

impl Model for Map {
    type Operation = Access;
    type Outcome = Option<u64>;

    fn apply(&mut self, access: &Access) -> Option<u64> {
        let before = self.0.get(&access.key()).copied();
        match access.value(before) {
            Some(value) => self.0.insert(access.key(), value),
            None => self.0.remove(&access.key()),
        }
    }

    fn key(access: &Access) -> Option<u64> {
        Some(access.key())
    }
}

/// Whether some order explains the history that is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcomes {
    /// All are as they should be.
    Right,
    /// One in the middle is a value that nobody ever wrote.
    OneWrong,
}

/// What 8 threads could have recorded: at each moment one of them calls, its call takes effect, or it returns.
fn record(outcomes: Outcomes) -> History<Access, Option<u64>> {
    enum At {
        Nothing,
        Called(Access, u64),
        Done(Access, u64, Option<u64>),
    }

    let mut rng = Rng::with_seed(1);
    let mut threads: [At; THREADS] = std::array::from_fn(|_| At::Nothing);
    let (mut map, mut history) = (Map::default(), History::new());
    let mut now = 0;
    while history.calls().len() < CALLS {
        now += 1;
        let thread = rng.usize(..THREADS);
        threads[thread] = match threads[thread] {
            At::Nothing => At::Called(Access::random(&mut rng), now),
            At::Called(access, invoked) => At::Done(access, invoked, map.apply(&access)),
            At::Done(access, invoked, mut outcome) => {
                if outcomes == Outcomes::OneWrong && history.calls().len() == CALLS / 2 {
                    outcome = Some(u64::MAX);
                }
                history.push(Call::completed(thread, access, outcome, invoked, now));
                At::Nothing
            }
        };
    }
    // Calls that have not returned when the recording ends.
    for (thread, at) in threads.into_iter().enumerate() {
        if let At::Called(access, invoked) | At::Done(access, invoked, _) = at {
            history.push(Call::pending(thread, access, invoked));
        }
    }
    history
}

/// One operation: the check of a whole history, which parts it by key itself.
pub(super) fn by_brigade_check(outcomes: Outcomes, slice: Duration) -> Vec<f64> {
    let history = record(outcomes);
    repeat(slice, || {
        let verdict = history.check(&Map::default(), Criterion::Linearizable);
        match outcomes {
            Outcomes::Right => assert!(matches!(verdict, Verdict::Explained(_))),
            Outcomes::OneWrong => assert!(matches!(verdict, Verdict::Unexplained(_))),
        }
    })
}

/// One key, and what an access to it returned once it has.
struct Value;

impl Specification for Value {
    type State = Option<u64>;
    type Operation = (Access, Option<Option<u64>>);

    fn init() -> Self::State {
        None
    }

    fn apply((access, outcome): &Self::Operation, state: &Self::State) -> (bool, Self::State) {
        (
            outcome.is_none_or(|outcome| outcome == *state),
            access.value(*state),
        )
    }
}

/// One operation: the same, parted by key here, as this checker does not.
pub(super) fn by_todc_utils(outcomes: Outcomes, slice: Duration) -> Vec<f64> {
    type Event = (usize, Action<<Value as Specification>::Operation>);

    let history = record(outcomes);
    repeat(slice, || {
        let mut events: BTreeMap<u64, Vec<(u64, Event)>> = BTreeMap::new();
        for call in history.calls() {
            // It knows no pending calls: they return after all others, whatever they return.
            let (returned, outcome) = match call.returned {
                Some((at, outcome)) => (at, Some(outcome)),
                None => (u64::MAX, None),
            };
            let of_key = events.entry(call.operation.key()).or_default();
            let called = Action::Call((call.operation, None));
            of_key.push((call.invoked, (call.thread, called)));
            let answered = Action::Response((call.operation, outcome));
            of_key.push((returned, (call.thread, answered)));
        }
        let right = events.into_values().all(|mut events| {
            events.sort_by_key(|(at, _)| *at);
            let events = events.into_iter().map(|(_, event)| event).collect();
            WGLChecker::<Value>::is_linearizable(Actions::from_actions(events))
        });
        assert_eq!(right, outcomes == Outcomes::Right);
    })
}
