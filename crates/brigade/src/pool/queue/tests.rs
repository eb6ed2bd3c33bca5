//! The queue beside a plain list, and what only its insides show.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::block::{BLOCK, Block};
use super::super::job::{HandedBack, Job, NotRun, Ran, Work};
use super::super::priority::Priority;
use super::super::shared::Shared;
use super::super::tally::Tally;
use super::{Queue, SPARE};

/// Work that nobody runs: here it is only moved about.
struct Luggage<const STAYS: bool> {
    is_stale: bool,
    _owner: Arc<()>,
}

impl<const STAYS: bool> Work for Luggage<STAYS> {
    const STAYS: bool = STAYS;

    fn run(self, _: &Shared, _: &Tally) -> Ran {
        unreachable!("no worker has it")
    }

    fn hand_back(self, _: &Shared, _: NotRun) -> Option<HandedBack> {
        unreachable!("no pool has it")
    }

    fn is_stale(&self) -> bool {
        self.is_stale
    }
}

/// A job as the plain list knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    priority: Priority,
    order: u64,
    is_stale: bool,
    stays: bool,
}

impl Entry {
    fn may_go(&self) -> bool {
        self.is_stale || !self.stays
    }
}

/// A queue, and a list of what must be in it.
struct Pair {
    queue: Queue,
    plain: Vec<Entry>,
    step: Option<u64>,
    now: u64,
    latest_order: u64,
    /// What workers have taken and may give back.
    taken: Vec<(Priority, Block, Vec<Entry>)>,
    owner: Arc<()>,
}

#[derive(Clone, Debug)]
enum Change {
    Push {
        count: usize,
        priority: u8,
        later: u64,
        in_place: bool,
        /// Each so manieth is stale.
        stale: usize,
        /// Each so manieth stays.
        staying: usize,
    },
    Pop(usize),
    /// Of the most urgent priority, or of another one.
    PopMore(Option<u8>, usize),
    /// The taken block at this place goes back after so many of its jobs have run.
    Restore(usize, usize),
    PopLeastUrgent(u8),
    TakeAll,
    RemoveStale,
}

impl Pair {
    fn new(step: Option<u64>) -> Self {
        Self {
            queue: Queue::new(step),
            plain: Vec::new(),
            step,
            now: 0,
            latest_order: 0,
            taken: Vec::new(),
            owner: Arc::new(()),
        }
    }

    fn push(&mut self, priority: Priority, in_place: bool, is_stale: bool, stays: bool) {
        if stays {
            self.push_luggage::<true>(priority, in_place, is_stale);
        } else {
            self.push_luggage::<false>(priority, in_place, is_stale);
        }
        self.latest_order = self.now.max(self.latest_order + 1);
        self.plain.push(Entry {
            priority,
            order: self.latest_order,
            is_stale,
            stays,
        });
    }

    fn push_luggage<const STAYS: bool>(
        &mut self,
        priority: Priority,
        in_place: bool,
        is_stale: bool,
    ) {
        let luggage = Luggage::<STAYS> {
            is_stale,
            _owner: Arc::clone(&self.owner),
        };
        if in_place {
            self.queue.push_work(luggage, priority, self.now);
        } else {
            self.queue.push(Job::new(luggage), priority, self.now);
        }
    }

    fn push_all(&mut self, priority: Priority, count: usize) {
        (0..count).for_each(|_| self.push(priority, true, false, false));
    }

    /// What decides who is next: the smallest.
    fn turn(&self, entry: &Entry) -> (u64, Priority, u64) {
        let level = u64::from(entry.priority.0);
        let aged = self.step.map(|step| entry.order + step * level);
        (aged.unwrap_or(0), entry.priority, entry.order)
    }

    fn next(&self) -> Option<Entry> {
        let all = self.plain.iter().copied();
        all.min_by_key(|entry| self.turn(entry))
    }

    fn forget(&mut self, entry: Entry) {
        self.plain.retain(|other| other.order != entry.order);
    }

    fn pop(&mut self) {
        let expected = self.next();
        let popped = self.queue.pop().map(|(job, of)| (job.order, of));
        assert_eq!(popped, expected.map(|entry| (entry.order, entry.priority)));
        expected.into_iter().for_each(|entry| self.forget(entry));
    }

    /// Takes more, which must be what would be next; returns how many.
    fn pop_more(&mut self, priority: Priority, limit: usize) -> usize {
        let mut block = Block::new();
        self.queue.pop_more(priority, limit, &mut block);
        assert!(block.len() <= limit);
        let most_urgent = self.plain.iter().map(|entry| entry.priority).min();
        assert!(block.is_empty() || most_urgent == Some(priority));
        let mut entries = Vec::new();
        for job in block.jobs() {
            let next = self.next().expect("it was in the queue");
            assert_eq!((job.order, priority), (next.order, next.priority));
            self.forget(next);
            entries.push(next);
        }
        let count = block.len();
        self.taken.push((priority, block, entries));
        count
    }

    fn restore(&mut self, place: usize, ran: usize) {
        if self.taken.is_empty() {
            return;
        }
        let (priority, mut block, mut entries) = self.taken.remove(place % self.taken.len());
        for _ in 0..ran.min(entries.len()) {
            drop(block.pop());
            entries.remove(0);
        }
        self.queue.restore(&mut block, priority);
        assert!(block.is_empty(), "there is room in it again");
        self.plain.append(&mut entries);
    }

    fn pop_least_urgent(&mut self, than: Priority) {
        let may_go = self.plain.iter().copied().filter(Entry::may_go);
        let expected = may_go
            .filter(|entry| entry.priority >= than)
            .max_by_key(|entry| (entry.priority, std::cmp::Reverse(entry.order)));
        let popped = self.queue.pop_least_urgent(than);
        assert_eq!(
            popped.map(|(job, of)| (job.order, of)),
            expected.map(|entry| (entry.order, entry.priority))
        );
        expected.into_iter().for_each(|entry| self.forget(entry));
    }

    fn take_all(&mut self) {
        let taken = self.queue.take_all();
        let taken = taken.iter().map(|(job, priority)| (job.order, *priority));
        let mut expected: Vec<Entry> = self.plain.extract_if(.., |entry| entry.may_go()).collect();
        expected.sort_by_key(|entry| self.turn(entry));
        let expected = expected.iter().map(|entry| (entry.order, entry.priority));
        assert_eq!(taken.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    fn remove_stale(&mut self) {
        let mut removed: Vec<u64> = self
            .queue
            .remove_stale()
            .iter()
            .map(|job| job.order)
            .collect();
        removed.sort_unstable();
        let stale = self.plain.extract_if(.., |entry| entry.is_stale);
        let mut expected: Vec<u64> = stale.map(|entry| entry.order).collect();
        expected.sort_unstable();
        assert_eq!(removed, expected);
    }

    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Push {
                count,
                priority,
                later,
                in_place,
                stale,
                staying,
            } => {
                self.now += later;
                for number in 1..=count {
                    let (is_stale, stays) = (number % stale == 0, number % staying == 0);
                    self.push(Priority(priority), in_place, is_stale, stays);
                }
            }
            Change::Pop(count) => (0..count).for_each(|_| self.pop()),
            Change::PopMore(priority, limit) => {
                let most_urgent = self.queue.most_urgent();
                if let Some(priority) = priority.map(Priority).or(most_urgent) {
                    self.pop_more(priority, limit);
                }
            }
            Change::Restore(place, ran) => self.restore(place, ran),
            Change::PopLeastUrgent(than) => self.pop_least_urgent(Priority(than)),
            Change::TakeAll => self.take_all(),
            Change::RemoveStale => self.remove_stale(),
        }
        self.assert_same();
    }

    fn assert_same(&self) {
        assert_eq!(self.queue.len(), self.plain.len());
        assert_eq!(self.queue.is_empty(), self.plain.is_empty());
        let most_urgent = self.plain.iter().map(|entry| entry.priority).min();
        assert_eq!(self.queue.most_urgent(), most_urgent);
        for level in &self.queue.levels {
            assert!(level.blocks.iter().all(|block| !block.is_empty()));
        }
    }

    /// Everything comes out, in order, and nobody keeps any of it.
    fn finish(mut self) {
        while !self.plain.is_empty() {
            self.pop();
        }
        self.pop();
        self.assert_same();
        let Self {
            taken,
            queue,
            owner,
            ..
        } = self;
        drop((taken, queue));
        assert_eq!(Arc::strong_count(&owner), 1, "each was dropped once");
    }
}

fn change() -> impl Strategy<Value = Change> {
    let of_which = (any::<bool>(), 2_usize..9, 1_usize..9);
    let push = (1_usize..100, 0_u8..4, 0_u64..300, of_which);
    let push = push.prop_map(
        |(count, priority, later, (in_place, stale, staying))| Change::Push {
            count,
            priority,
            later,
            in_place,
            stale,
            staying,
        },
    );
    prop_oneof![
        4 => push,
        3 => (1_usize..90).prop_map(Change::Pop),
        4 => (prop::option::weighted(0.2, 0_u8..4), 0..=BLOCK)
            .prop_map(|(priority, limit)| Change::PopMore(priority, limit)),
        3 => (0_usize..4, 0_usize..10).prop_map(|(place, ran)| Change::Restore(place, ran)),
        2 => (0_u8..5).prop_map(Change::PopLeastUrgent),
        1 => Just(Change::TakeAll),
        1 => Just(Change::RemoveStale),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 1..30)
}

fn compare(step: Option<u64>, changes: &[Change]) {
    let mut pair = Pair::new(step);
    changes.iter().for_each(|change| pair.apply(change));
    pair.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn without_ageing_the_queue_is_a_list_sorted_by_priority(changes in changes()) {
        compare(None, &changes);
    }

    #[test]
    fn with_ageing_the_queue_is_a_list_sorted_by_age(changes in changes(), step in 0_u64..200) {
        compare(Some(step), &changes);
    }
}

const HIGH: Priority = Priority::HIGH;
const LOW: Priority = Priority::LOW;

#[test]
fn as_many_more_are_taken_as_there_are_and_as_are_wanted() {
    for (queued, limit, taken) in [(10, 4, 4), (10, 10, 10), (10, BLOCK, 10), (10, 0, 0)] {
        let mut pair = Pair::new(None);
        pair.push_all(LOW, queued);
        assert_eq!(pair.pop_more(LOW, limit), taken, "{limit} of {queued}");
        pair.assert_same();
        pair.restore(0, 0);
        pair.finish();
    }
}

#[test]
fn no_more_are_taken_while_something_more_urgent_waits() {
    for step in [None, Some(1)] {
        let mut pair = Pair::new(step);
        pair.push_all(LOW, 10);
        // By its age the low one would be next, but its worker should look again.
        pair.now += 1_000;
        pair.push_all(HIGH, 1);
        assert_eq!(pair.pop_more(LOW, 5), 0);
        pair.finish();
    }
}

#[test]
fn more_are_taken_until_it_is_the_turn_of_those_that_have_aged() {
    let mut pair = Pair::new(Some(10));
    // At 1,000 + 64 × 10 the low ones have aged as much as the high ones from 2,280 on.
    pair.now = 1_000;
    pair.push_all(LOW, 1);
    pair.now = 2_275;
    pair.push_all(HIGH, 20);
    assert_eq!(pair.pop_more(HIGH, BLOCK), 5);
    pair.finish();
}

#[test]
fn without_ageing_the_less_urgent_wait_however_old_they_are() {
    let mut pair = Pair::new(None);
    pair.push_all(LOW, 1);
    pair.now = u64::from(u32::MAX);
    pair.push_all(HIGH, 20);
    assert_eq!(pair.pop_more(HIGH, BLOCK), 20);
    pair.finish();
}

#[test]
fn emptied_blocks_are_kept_for_reuse_but_not_without_end() {
    let mut pair = Pair::new(None);
    pair.push_all(LOW, BLOCK * (SPARE + 5));
    assert!(pair.queue.spare.is_empty());
    (0..BLOCK).for_each(|_| pair.pop());
    assert_eq!(pair.queue.spare.len(), 1);
    pair.push_all(HIGH, 1);
    assert!(pair.queue.spare.is_empty(), "it is in use again");
    // A worker that takes a whole block leaves its own empty one.
    pair.pop();
    assert_eq!(pair.pop_more(LOW, BLOCK), BLOCK);
    assert_eq!(pair.queue.spare.len(), 2);
    while pair.queue.pop().is_some() {}
    assert_eq!(pair.queue.spare.len(), SPARE);
}

#[test]
fn what_comes_later_stays_behind_what_another_worker_still_has() {
    let mut pair = Pair::new(None);
    pair.push_all(LOW, 20);
    assert_eq!(pair.pop_more(LOW, 10), 10);
    assert_eq!(pair.pop_more(LOW, BLOCK), 10);
    pair.restore(0, 0);
    pair.push_all(LOW, 1);
    pair.restore(0, 0);
    pair.finish();
}

#[test]
fn that_holds_also_when_the_stale_ones_were_removed_in_between() {
    let mut pair = Pair::new(None);
    for number in 0..20 {
        pair.push(LOW, true, number < 5, false);
    }
    assert_eq!(pair.pop_more(LOW, 10), 10);
    assert_eq!(pair.pop_more(LOW, BLOCK), 10);
    pair.restore(0, 0);
    pair.remove_stale();
    pair.push_all(LOW, 1);
    pair.restore(0, 0);
    pair.finish();
}
