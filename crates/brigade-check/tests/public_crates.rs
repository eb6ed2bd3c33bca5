//! Structures that many use, against models: each passes by its own, and fails by one that is slightly wrong, so that
//! a check which looks at nothing would be noticed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use brigade_check::{Kind, Linearizable, Model, Rng, Worker, linearizable, stress};
use crossbeam_queue::{ArrayQueue, SegQueue};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// More without debug assertions.
const SCENARIOS: usize = if cfg!(debug_assertions) { 20 } else { 200 };

fn check<M>(generate: fn(&mut Rng) -> M::Operation) -> Linearizable<M>
where
    M: Model<Operation: 'static> + Default,
{
    linearizable::<M>()
        .threads(3)
        .operations(4)
        .scenarios(SCENARIOS)
        .runs(100)
        .generate(generate)
}

/// The wrong model is noticed.
#[track_caller]
fn is_unexplained(result: Result<brigade_check::Report, brigade_check::Failure>) {
    let failure = result.expect_err("the model is wrong");
    let finding = failure.finding().expect("it is the results that are wrong");
    assert_eq!(finding.kind, Kind::Unexplained, "{failure}");
}

#[derive(Clone, Debug)]
enum Queueing {
    Push(u8),
    /// Pushes; if there is no room, in the place of the oldest.
    Force(u8),
    Pop,
    Length,
}
use Queueing::{Force, Length, Pop, Push};

#[derive(Clone, Debug, PartialEq)]
enum Queued {
    Room(bool),
    Item(Option<u8>),
    Items(usize),
}

/// A queue with this room, which hands out the oldest item, or else the youngest.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Queue<const ROOM: usize, const OLDEST: bool>(VecDeque<u8>);

impl<const ROOM: usize, const OLDEST: bool> Default for Queue<ROOM, OLDEST> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<const ROOM: usize, const OLDEST: bool> Queue<ROOM, OLDEST> {
    fn pop(&mut self) -> Option<u8> {
        if OLDEST {
            self.0.pop_front()
        } else {
            self.0.pop_back()
        }
    }
}

impl<const ROOM: usize, const OLDEST: bool> Model for Queue<ROOM, OLDEST> {
    type Operation = Queueing;
    type Outcome = Queued;

    fn apply(&mut self, operation: &Queueing) -> Queued {
        let has_room = self.0.len() < ROOM;
        match *operation {
            Push(item) => {
                if has_room {
                    self.0.push_back(item);
                }
                Queued::Room(has_room)
            }
            Force(item) => {
                let displaced = if has_room { None } else { self.pop() };
                self.0.push_back(item);
                Queued::Item(displaced)
            }
            Pop => Queued::Item(self.pop()),
            Length => Queued::Items(self.0.len()),
        }
    }
}

const UNBOUNDED: usize = usize::MAX;

fn use_unbounded(rng: &mut Rng) -> Queueing {
    match rng.u8(0..4) {
        0 | 1 => Push(rng.u8(..)),
        _ => Pop,
    }
}

fn on_seg_queue(queue: &SegQueue<u8>, operation: &Queueing) -> Queued {
    match *operation {
        Push(item) | Force(item) => {
            queue.push(item);
            Queued::Room(true)
        }
        Pop => Queued::Item(queue.pop()),
        Length => Queued::Items(queue.len()),
    }
}

#[test]
fn seg_queue_is_a_linearizable_queue() {
    check::<Queue<UNBOUNDED, true>>(use_unbounded)
        .after([Pop, Pop])
        .assert(SegQueue::new, on_seg_queue);
}

#[test]
fn seg_queue_is_not_a_stack() {
    is_unexplained(
        check::<Queue<UNBOUNDED, false>>(use_unbounded).check(SegQueue::new, on_seg_queue),
    );
}

fn use_bounded(rng: &mut Rng) -> Queueing {
    match rng.u8(0..5) {
        0 | 1 => Push(rng.u8(..)),
        2 => Force(rng.u8(..)),
        _ => Pop,
    }
}

fn on_array_queue(queue: &ArrayQueue<u8>, operation: &Queueing) -> Queued {
    match *operation {
        Push(item) => Queued::Room(queue.push(item).is_ok()),
        Force(item) => Queued::Item(queue.force_push(item)),
        Pop => Queued::Item(queue.pop()),
        Length => Queued::Items(queue.len()),
    }
}

#[test]
fn array_queue_is_a_linearizable_bounded_queue() {
    check::<Queue<2, true>>(use_bounded)
        .after([Length, Pop, Pop])
        .assert(|| ArrayQueue::new(2), on_array_queue);
}

#[test]
fn array_queue_has_no_room_for_one_more() {
    is_unexplained(
        check::<Queue<3, true>>(use_bounded).check(|| ArrayQueue::new(2), on_array_queue),
    );
}

/// Each item that was pushed is popped once, and those of each thread in their order.
#[test]
fn the_queues_lose_and_double_nothing() {
    const THREADS: usize = 4;
    struct Bench {
        seg: SegQueue<(usize, usize)>,
        array: ArrayQueue<(usize, usize)>,
        popped: Mutex<Vec<(usize, usize)>>,
        accepted: AtomicU32,
    }
    let make = || Bench {
        seg: SegQueue::new(),
        array: ArrayQueue::new(3),
        popped: Mutex::default(),
        accepted: AtomicU32::new(0),
    };
    let operate = |bench: &Bench, worker: &mut Worker| {
        let item = (worker.thread(), worker.operation());
        if worker.rng().bool() {
            bench.seg.push(item);
            bench.accepted.fetch_add(1, SeqCst);
        } else if let Some(moved) = bench.seg.pop()
            && let Err(full) = bench.array.push(moved)
        {
            bench.popped.lock().unwrap().push(full);
        }
        if let Some(item) = bench.array.pop() {
            bench.popped.lock().unwrap().push(item);
        }
    };
    let finish = |bench: Bench| {
        let mut popped = bench.popped.into_inner().unwrap();
        let left: Vec<_> = std::iter::from_fn(|| bench.seg.pop()).collect();
        for thread in 0..THREADS {
            let of_thread = left.iter().filter(|(pushed_by, _)| *pushed_by == thread);
            assert!(of_thread.is_sorted(), "{left:?}");
        }
        popped.extend(left);
        popped.extend(std::iter::from_fn(|| bench.array.pop()));
        let count = popped.len();
        popped.sort_unstable();
        popped.dedup();
        assert_eq!(popped.len(), count, "something came twice");
        assert_eq!(count, bench.accepted.into_inner() as usize);
    };
    stress()
        .threads(THREADS)
        .iterations(10 * SCENARIOS as u64)
        .assert(make, operate, finish);
}

#[derive(Clone, Debug)]
enum Mapping {
    Get(u8),
    /// The number of a key is made one more, from 0 if there is none.
    Increment(u8),
    /// Puts the number there if there is none; returns what is there then.
    OrInsert(u8, u8),
    Remove(u8),
    /// Removes the number if it is even.
    RemoveEven(u8),
}
use Mapping::{Get, Increment, OrInsert, Remove, RemoveEven};

/// A map whose numbers grow by this much, instead of one.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Map<const STEP: u8>(BTreeMap<u8, u8>);

impl<const STEP: u8> Model for Map<STEP> {
    type Operation = Mapping;
    type Outcome = Option<u8>;

    fn apply(&mut self, operation: &Mapping) -> Option<u8> {
        match *operation {
            Get(key) => self.0.get(&key).copied(),
            Increment(key) => {
                let number = self.0.entry(key).or_insert(0);
                *number = number.wrapping_add(STEP);
                Some(*number)
            }
            OrInsert(key, number) => Some(*self.0.entry(key).or_insert(number)),
            Remove(key) => self.0.remove(&key),
            RemoveEven(key) => {
                let is_even = self.0.get(&key).is_some_and(|number| number % 2 == 0);
                is_even.then(|| self.0.remove(&key)).flatten()
            }
        }
    }

    fn key(operation: &Mapping) -> Option<u64> {
        let (Get(key) | Increment(key) | OrInsert(key, _) | Remove(key) | RemoveEven(key)) =
            operation;
        Some(u64::from(*key))
    }
}

fn use_map(rng: &mut Rng) -> Mapping {
    let key = rng.u8(0..2);
    match rng.u8(0..6) {
        0 => Get(key),
        1 => OrInsert(key, rng.u8(0..10)),
        2 => Remove(key),
        3 => RemoveEven(key),
        _ => Increment(key),
    }
}

fn on_dash_map(map: &DashMap<u8, u8>, operation: &Mapping) -> Option<u8> {
    match *operation {
        Get(key) => map.get(&key).map(|number| *number),
        Increment(key) => {
            let mut number = map.entry(key).or_insert(0);
            *number = number.wrapping_add(1);
            Some(*number)
        }
        OrInsert(key, number) => Some(*map.entry(key).or_insert(number)),
        Remove(key) => map.remove(&key).map(|(_, number)| number),
        RemoveEven(key) => match map.entry(key) {
            Entry::Occupied(entry) if entry.get() % 2 == 0 => Some(entry.remove()),
            Entry::Occupied(_) | Entry::Vacant(_) => None,
        },
    }
}

#[test]
fn the_entries_of_dash_map_are_linearizable() {
    check::<Map<1>>(use_map)
        .after([Get(0), Get(1)])
        .assert(DashMap::new, on_dash_map);
}

#[test]
fn the_entries_of_dash_map_do_not_grow_by_two() {
    is_unexplained(check::<Map<2>>(use_map).check(DashMap::new, on_dash_map));
}

/// What looks and then acts is not what `entry` does.
#[test]
fn a_look_at_dash_map_and_then_an_insertion_are_not_one_operation() {
    let look_and_act = |map: &DashMap<u8, u8>, operation: &Mapping| match *operation {
        Increment(key) => {
            let number = map.get(&key).map_or(0, |number| *number).wrapping_add(1);
            brigade_check::point("number read");
            map.insert(key, number);
            Some(number)
        }
        _ => on_dash_map(map, operation),
    };
    let failure = check::<Map<1>>(|rng| Increment(rng.u8(0..2)))
        .scenarios(10 * SCENARIOS)
        .check(DashMap::new, look_and_act);
    is_unexplained(failure);
}
