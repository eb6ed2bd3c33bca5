//! The checker of histories, itself checked: against every order of small random histories.

use std::collections::{BTreeMap, VecDeque};

use brigade_check::{Call, Criterion, History, Model, Rng, Verdict};

/// A register with compare-and-set, a queue whose `take` waits for an item, and a map: one model for
/// the random histories.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Things {
    register: u8,
    queue: VecDeque<u8>,
    map: BTreeMap<u8, u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Write(u8),
    Read,
    Swap(u8, u8),
    Put(u8),
    Take,
    Insert(u8, u8),
    Get(u8),
}
use Operation::{Get, Insert, Put, Read, Swap, Take, Write};

impl Model for Things {
    type Operation = Operation;
    type Outcome = u8;

    fn apply(&mut self, operation: &Operation) -> u8 {
        match *operation {
            Write(value) => std::mem::replace(&mut self.register, value) & 1,
            Read => self.register,
            Swap(old, new) if self.register == old => {
                self.register = new;
                1
            }
            Swap(..) => 0,
            Put(value) => {
                self.queue.push_back(value);
                0
            }
            Take => self.queue.pop_front().unwrap(),
            Insert(key, value) => self.map.insert(key, value).unwrap_or(0),
            Get(key) => self.map.get(&key).copied().unwrap_or(0),
        }
    }

    fn is_ready(&self, operation: &Operation) -> bool {
        *operation != Take || !self.queue.is_empty()
    }

    fn key(operation: &Operation) -> Option<u64> {
        match operation {
            Insert(key, _) | Get(key) => Some(u64::from(*key)),
            _ => None,
        }
    }
}

type Calls = Vec<Call<Operation, u8>>;

fn operation(rng: &mut Rng, kind: u8) -> Operation {
    let value = rng.u8(1..3);
    match (kind, rng.u8(0..3)) {
        (0, 0) => Write(value),
        (0, 1) => Read,
        (0, _) => Swap(rng.u8(0..3), value),
        (1, 0) => Put(value),
        (1, _) => Take,
        (_, 0) => Insert(rng.u8(0..2), value),
        (_, _) => Get(rng.u8(0..2)),
    }
}

/// A few threads, each with calls one after the other; outcomes by some order, then perhaps spoilt.
fn random_history(rng: &mut Rng) -> Calls {
    let kind = rng.u8(0..3);
    let mut calls = Calls::new();
    let mut ends = [0; 3];
    let most = if rng.u8(0..10) == 0 { 6 } else { 5 };
    for _ in 0..rng.usize(1..=most) {
        let thread = rng.usize(0..3);
        if ends[thread] == u64::MAX {
            continue;
        }
        let invoked = ends[thread] + rng.u64(1..5);
        let returned = invoked + rng.u64(0..6);
        let operation = operation(rng, kind);
        if rng.u8(0..10) == 0 {
            calls.push(Call::pending(thread, operation, invoked));
            ends[thread] = u64::MAX;
        } else {
            calls.push(Call::completed(thread, operation, 0, invoked, returned));
            ends[thread] = returned;
        }
    }
    let mut order: Vec<usize> = (0..calls.len()).collect();
    match rng.u8(0..3) {
        0 => order.sort_by_key(|&call| calls[call].invoked),
        1 => order.sort_by_key(|&call| calls[call].returned.as_ref().map(|(at, _)| *at)),
        _ => rng.shuffle(&mut order),
    }
    let mut state = Things::default();
    for call in order {
        if !state.is_ready(&calls[call].operation) {
            continue;
        }
        let outcome = state.apply(&calls[call].operation);
        if let Some(returned) = &mut calls[call].returned {
            returned.1 = outcome;
        }
    }
    if !calls.is_empty() && rng.u8(0..3) == 0 {
        let spoilt = rng.usize(0..calls.len());
        if let Some(returned) = &mut calls[spoilt].returned {
            returned.1 = rng.u8(0..3);
        }
    }
    calls
}

/// When the call was over, in half moments; no call is running at an odd one that it does not span.
fn end(call: &Call<Operation, u8>) -> u64 {
    call.returned.as_ref().map_or(u64::MAX, |(at, _)| at * 2)
}

/// Must `first` come before `second`? By the definitions, word by word.
fn precedes(calls: &Calls, criterion: Criterion, first: usize, second: usize) -> bool {
    let (a, b) = (&calls[first], &calls[second]);
    match criterion {
        Criterion::Linearizable => end(a) < b.invoked * 2,
        Criterion::SequentiallyConsistent => a.thread == b.thread && a.invoked < b.invoked,
        Criterion::QuiescentlyConsistent => (1..200).step_by(2).any(|moment| {
            let running = |call: &Call<_, _>| call.invoked * 2 < moment && moment < end(call);
            end(a) < moment && moment < b.invoked * 2 && !calls.iter().any(running)
        }),
        _ => unreachable!(),
    }
}

/// Tries every order of every choice of pending calls.
fn brute_force(calls: &Calls, criterion: Criterion, stuck: bool) -> bool {
    fn explains(calls: &Calls, order: &[usize], stuck: bool) -> bool {
        let mut state = Things::default();
        for &call in order {
            if !state.is_ready(&calls[call].operation) {
                return false;
            }
            let outcome = state.apply(&calls[call].operation);
            if calls[call].outcome().is_some_and(|seen| *seen != outcome) {
                return false;
            }
        }
        !stuck
            || (0..calls.len())
                .all(|call| order.contains(&call) || !state.is_ready(&calls[call].operation))
    }
    fn extend(calls: &Calls, order: &mut Vec<usize>, before: &[Vec<bool>], stuck: bool) -> bool {
        let complete =
            (0..calls.len()).all(|call| calls[call].returned.is_none() || order.contains(&call));
        if complete && explains(calls, order, stuck) {
            return true;
        }
        (0..calls.len()).any(|call| {
            if order.contains(&call) || stuck && calls[call].returned.is_none() {
                return false;
            }
            // Nothing that is in the order already may have to come after this call, and of what has to come
            // before it, calls that returned may not be missing; nor, by program order, those that did not.
            let in_place = order.iter().all(|&earlier| !before[call][earlier])
                && (0..calls.len()).all(|other| !before[other][call] || order.contains(&other));
            if !in_place {
                return false;
            }
            order.push(call);
            let found = extend(calls, order, before, stuck);
            order.pop();
            found
        })
    }
    let before: Vec<Vec<bool>> = (0..calls.len())
        .map(|first| {
            (0..calls.len())
                .map(|second| precedes(calls, criterion, first, second))
                .collect()
        })
        .collect();
    extend(calls, &mut Vec::new(), &before, stuck)
}

#[test]
fn answers_are_those_of_a_brute_force_over_all_orders() {
    let criteria = [
        Criterion::Linearizable,
        Criterion::SequentiallyConsistent,
        Criterion::QuiescentlyConsistent,
    ];
    let mut rng = Rng::with_seed(5);
    let mut answers = BTreeMap::new();
    for _ in 0..10_000 {
        let calls = random_history(&mut rng);
        let history = History::from_iter(calls.clone());
        for criterion in criteria {
            for stuck in [false, true] {
                let expected = brute_force(&calls, criterion, stuck);
                let verdict = match stuck {
                    false => history.check(&Things::default(), criterion),
                    true => history.check_stuck(&Things::default(), criterion),
                };
                match &verdict {
                    Verdict::Explained(order) => {
                        let returned = calls.iter().filter(|call| call.returned.is_some()).count();
                        assert!(order.len() >= returned);
                    }
                    Verdict::Unexplained(unexplained) => {
                        assert!(!unexplained.to_string().is_empty());
                    }
                    other => panic!("{other:?}"),
                }
                let explained = matches!(verdict, Verdict::Explained(_));
                assert_eq!(
                    explained, expected,
                    "{criterion:?}, stuck: {stuck}: {calls:#?}"
                );
                *answers
                    .entry((format!("{criterion:?}"), stuck, explained))
                    .or_insert(0) += 1;
            }
        }
    }
    // Each answer was given often enough to mean something.
    assert_eq!(answers.len(), 12, "{answers:?}");
    assert!(answers.values().all(|&count| count > 300), "{answers:?}");
}

#[test]
fn an_order_that_explains_a_history_is_returned() {
    let history = History::from_iter([
        Call::completed(0, Read, 2, 0, 9),
        Call::completed(1, Write(1), 0, 1, 2),
        Call::completed(1, Write(2), 1, 3, 4),
    ]);
    assert_eq!(
        history.check(&Things::default(), Criterion::Linearizable),
        Verdict::Explained(vec![1, 2, 0])
    );
}

#[test]
fn the_explanation_says_how_far_one_gets_and_what_was_expected_there() {
    let history = History::from_iter([
        Call::completed(0, Write(2), 0, 0, 1),
        Call::completed(1, Read, 2, 2, 3),
        Call::completed(0, Read, 0, 4, 5),
    ]);
    let Verdict::Unexplained(unexplained) =
        history.check(&Things::default(), Criterion::Linearizable)
    else {
        panic!("explained");
    };
    assert_eq!(unexplained.longest, [0, 1]);
    assert_eq!(
        unexplained.to_string(),
        "not linearizable: no order of the calls explains what they returned.\n\
         The longest order that can be explained:\n  \
           1. thread 0: Write(2) -> 0\n  \
           2. thread 1: Read -> 2\n\
         after which nothing can come next:\n  \
           thread 0: Read -> 0, expected 2"
    );
}

#[test]
fn a_call_that_should_have_waited_is_named() {
    let history = History::from_iter([Call::completed(0, Take, 1, 0, 1)]);
    let Verdict::Unexplained(unexplained) =
        history.check(&Things::default(), Criterion::Linearizable)
    else {
        panic!("explained");
    };
    assert!(
        unexplained
            .to_string()
            .ends_with("Nothing can come first:\n  thread 0: Take -> 1, expected to wait")
    );
}

/// Four threads that work on one map, each call overlapping with others'.
fn long_history(calls: u64, keys: u8) -> Calls {
    let mut rng = Rng::with_seed(7);
    let mut state = Things::default();
    let mut history = Calls::new();
    for number in 0..calls {
        let thread = usize::try_from(number % 4).unwrap();
        let operation = match rng.bool() {
            true => Insert(rng.u8(0..keys), rng.u8(..)),
            false => Get(rng.u8(0..keys)),
        };
        // Takes effect at `number * 10`, somewhere amid the call.
        let (invoked, returned) = (
            number * 10 + 100 - rng.u64(1..19),
            number * 10 + 100 + rng.u64(1..19),
        );
        history.push(Call::completed(
            thread,
            operation,
            state.apply(&operation),
            invoked,
            returned,
        ));
    }
    history
}

#[test]
fn ten_thousand_calls_on_a_map_are_checked_key_by_key() {
    let mut calls = long_history(10_000, 100);
    let check = |calls: &Calls| {
        History::from_iter(calls.clone()).check(&Things::default(), Criterion::Linearizable)
    };
    assert!(matches!(check(&calls), Verdict::Explained(order) if order.len() == 10_000));

    let get = calls
        .iter()
        .rposition(|call| matches!(call.operation, Get(_)))
        .unwrap();
    let returned = calls[get].returned.as_mut().unwrap();
    returned.1 = returned.1.wrapping_add(1);
    assert!(matches!(check(&calls), Verdict::Unexplained(_)));
}

#[test]
fn ten_thousand_calls_without_keys_do_not_overflow_the_stack() {
    let calls: Calls = long_history(10_000, 4)
        .into_iter()
        .map(|mut call| {
            call.operation = Write(call.thread as u8 * 2);
            call.returned.as_mut().unwrap().1 = 0;
            call
        })
        .collect();
    for criterion in [
        Criterion::Linearizable,
        Criterion::SequentiallyConsistent,
        Criterion::QuiescentlyConsistent,
    ] {
        let verdict = History::from_iter(calls.clone()).check(&Things::default(), criterion);
        assert!(matches!(verdict, Verdict::Explained(_)));
    }
}
