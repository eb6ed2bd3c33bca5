//! What producers and consumers share, under one lock.
//!
//! One lock is what makes it exact: an item is accepted, taken, put back and settled under it, so at each moment
//! it is in one place, and `wait_idle` and `shutdown` see all places at once. Nothing foreign (handlers, wakers,
//! destructors of items) runs under it.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::pool::pace::Pace;
use crate::primitive::now;

use super::closing::{Closing, Phase};
use super::ledger::Ledger;
use super::line::Line;

pub(crate) struct State<T> {
    pub(crate) phase: Phase,
    buffer: VecDeque<Entry<T>>,
    /// Items that wait for another attempt, by when it is due.
    delayed: BTreeMap<(u64, u64), Entry<T>>,
    pub(crate) line: Line<T>,
    pub(crate) ledger: Ledger,
    idle: Idle,
    /// Wakers of those who wait for rest or for the end.
    watchers: Vec<Waker>,
    pub(crate) pace: Pace,
    pub(crate) counts: Counts,
    /// Items that consumers have in hand.
    pub(crate) running: usize,
    /// Consumers that have not left.
    pub(crate) live: usize,
    capacity: usize,
    batch: Batch,
}

/// How many items a consumer takes at once, and how long the first of them waits for the others.
#[derive(Clone, Copy)]
pub(crate) struct Batch {
    pub(crate) size: usize,
    pub(crate) max_wait: Duration,
}

/// An accepted item.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    pub(crate) mark: Mark,
}

/// What is known of an accepted item.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    sequence: u64,
    pub(crate) epoch: u64,
    /// When it was accepted, or when its next attempt was due.
    pub(crate) since: u64,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) produced: u64,
    pub(crate) handled: u64,
    pub(crate) failed: u64,
    pub(crate) retried: u64,
    pub(crate) handed_back: u64,
    pub(crate) refused_full: u64,
    pub(crate) refused_after_wait: u64,
    pub(crate) refused_shut_down: u64,
    pub(crate) refused_deadlock: u64,
    pub(crate) high_water: usize,
}

/// Consumers with nothing to do.
struct Idle {
    parked: Vec<(usize, Waker)>,
    /// The one that was called and has not come yet. Only one is called at a time; it calls the next one if there is
    /// more to do.
    called: Option<usize>,
}

/// What a consumer has in hand: items, and as many marks.
pub(crate) struct Hands<T> {
    pub(crate) items: Vec<T>,
    pub(crate) marks: Vec<Mark>,
}

/// What a consumer finds when it looks for items.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Taken,
    /// Nothing, at least until this moment.
    Nothing {
        until: Option<u64>,
    },
    /// Nothing will ever come.
    Ended,
}

impl<T> State<T> {
    pub(crate) fn new(capacity: usize, batch: Batch) -> Self {
        Self {
            phase: Phase::Open,
            buffer: VecDeque::new(),
            delayed: BTreeMap::new(),
            line: Line::new(),
            ledger: Ledger::new(),
            idle: Idle {
                parked: Vec::new(),
                called: None,
            },
            watchers: Vec::new(),
            pace: Pace::new(),
            counts: Counts::default(),
            running: 0,
            live: 0,
            capacity,
            batch,
        }
    }

    /// Items that wait for another attempt count too: they have to go somewhere.
    pub(crate) fn has_room(&self) -> bool {
        self.buffer.len() + self.delayed.len() < self.capacity
    }

    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.parked.len()
    }

    /// Puts an item into the buffer.
    #[inline]
    pub(crate) fn accept(&mut self, item: T) {
        let since = if self.batch.size == 1 {
            self.pace.stamp(self.buffer.is_empty())
        } else {
            now() // how long a batch waits is a promise
        };
        let mark = Mark {
            sequence: self.counts.produced,
            epoch: self.ledger.enter(),
            since,
            attempts: 0,
        };
        self.counts.produced += 1;
        self.buffer.push_back(Entry { item, mark });
        self.counts.high_water = self.counts.high_water.max(self.buffer.len());
    }

    /// The consumer to wake because an item has come, if one is needed.
    #[inline]
    pub(crate) fn call_for_new(&mut self) -> Option<Waker> {
        // Someone has to see the first one, to know when the batch is over.
        let needed = self.buffer.len() == 1 || self.buffer.len() >= self.batch.size;
        if needed { self.call() } else { None }
    }

    /// Calls a consumer that has nothing to do, unless one is on its way.
    fn call(&mut self) -> Option<Waker> {
        if self.idle.called.is_some() {
            return None;
        }
        let (number, waker) = self.idle.parked.pop()?;
        self.idle.called = Some(number);
        Some(waker)
    }

    /// Puts an item in line; returns its ticket, and whom to wake.
    pub(crate) fn join_line(&mut self, item: T, waker: Waker) -> (u64, Option<Waker>) {
        let ticket = self.line.join(item, waker);
        // A batch that is not full need not wait for more if nothing more can come in.
        let call = if self.batch.size > 1 {
            self.call()
        } else {
            None
        };
        (ticket, call)
    }

    /// Lets those who wait for room in, while there is some.
    pub(crate) fn admit_line(&mut self, wakes: &mut Vec<Waker>) {
        while !self.line.is_empty() && self.has_room() {
            if let Some((item, waker)) = self.line.admit(|_| true) {
                self.accept(item);
                wakes.push(waker);
            }
        }
    }

    /// A consumer looks for items; if there are none, `waker` is woken when there may be.
    pub(crate) fn look(
        &mut self,
        number: usize,
        waker: Option<&Waker>,
        hands: &mut Hands<T>,
        wakes: &mut Vec<Waker>,
    ) -> Look {
        self.idle.arrive(number);
        let look = self.take(hands);
        match (look, waker) {
            (Look::Taken, _) => {
                self.running += hands.marks.len();
                self.admit_line(wakes);
                // To take what is left, or to wait until its time has come.
                if !self.buffer.is_empty() || !self.delayed.is_empty() {
                    wakes.extend(self.call());
                }
            }
            (Look::Nothing { .. }, Some(waker)) => self.idle.parked.push((number, waker.clone())),
            _ => {}
        }
        look
    }

    fn take(&mut self, hands: &mut Hands<T>) -> Look {
        let due = self.delayed.first_key_value().map(|(key, _)| key.0);
        if due.is_some_and(|due| due <= now()) {
            // Alone, so that what made its batch fail does so to it no more.
            if let Some((_, entry)) = self.delayed.pop_first() {
                hands.put(entry);
            }
            return Look::Taken;
        }
        let ripe = self.ripe_at();
        if ripe.is_some_and(|ripe| ripe == 0 || ripe <= now()) {
            let count = self.batch.size.min(self.buffer.len());
            // Not by `drain`, which costs more than it brings where there is only one.
            for entry in (0..count).map_while(|_| self.buffer.pop_front()) {
                hands.put(entry);
            }
            return Look::Taken;
        }
        if self.phase != Phase::Open && due.is_none() && ripe.is_none() {
            return Look::Ended;
        }
        let until = due.into_iter().chain(ripe).min();
        Look::Nothing { until }
    }

    /// When what is in the buffer may be taken: zero for now; `None` if there is nothing.
    fn ripe_at(&self) -> Option<u64> {
        let first = self.buffer.front()?;
        let now = self.buffer.len() >= self.batch.size
            || self.phase != Phase::Open
            || !self.line.is_empty();
        let max_wait = u64::try_from(self.batch.max_wait.as_nanos()).unwrap_or(u64::MAX);
        Some(if now {
            0
        } else {
            first.mark.since.saturating_add(max_wait)
        })
    }

    /// Puts an item back that is to be tried again at `due`; it comes back if the end does not allow that.
    pub(crate) fn delay(
        &mut self,
        mut entry: Entry<T>,
        due: u64,
        wakes: &mut Vec<Waker>,
    ) -> Result<(), Entry<T>> {
        if self.phase == Phase::Halted {
            return Err(entry);
        }
        self.running -= 1;
        self.counts.retried += 1;
        entry.mark.since = due;
        self.delayed.insert((due, entry.mark.sequence), entry);
        wakes.extend(self.call()); // those that are idle wait for what was due before
        Ok(())
    }

    /// Items in hand are done with.
    #[inline]
    pub(crate) fn settle(&mut self, marks: &[Mark], failed: bool, wakes: &mut Vec<Waker>) {
        self.running -= marks.len();
        let count = marks.len() as u64;
        if failed {
            self.counts.failed += count;
        } else {
            self.counts.handled += count;
        }
        self.settle_in_ledger(marks.iter(), wakes);
    }

    fn settle_in_ledger<'a>(
        &mut self,
        marks: impl Iterator<Item = &'a Mark>,
        wakes: &mut Vec<Waker>,
    ) {
        for mark in marks {
            if self.ledger.settle(mark.epoch) {
                wakes.append(&mut self.watchers);
            }
        }
    }

    fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.idle.parked.drain(..).map(|(_, waker)| waker));
        wakes.append(&mut self.watchers);
    }

    /// A consumer leaves.
    pub(crate) fn leave(&mut self, number: usize, wakes: &mut Vec<Waker>) {
        self.idle.arrive(number);
        self.live -= 1;
        wakes.append(&mut self.watchers);
    }
}

impl<T> Closing for State<T> {
    type Item = T;

    fn watchers(&mut self) -> &mut Vec<Waker> {
        &mut self.watchers
    }

    fn close(&mut self, wakes: &mut Vec<Waker>) {
        self.phase = self.phase.max(Phase::Draining);
        self.line.turn_away(wakes);
        self.wake_all(wakes);
    }

    fn halt(&mut self, wakes: &mut Vec<Waker>) -> Vec<T> {
        self.close(wakes);
        self.phase = Phase::Halted;
        let delayed = std::mem::take(&mut self.delayed).into_values();
        let mut entries: Vec<_> = delayed.chain(self.buffer.drain(..)).collect();
        entries.sort_by_key(|entry| entry.mark.sequence);
        self.counts.handed_back += entries.len() as u64;
        self.settle_in_ledger(entries.iter().map(|entry| &entry.mark), wakes);
        entries.into_iter().map(|entry| entry.item).collect()
    }

    fn live(&self) -> usize {
        self.live
    }
}

impl Idle {
    /// This consumer is awake.
    fn arrive(&mut self, number: usize) {
        if self.called == Some(number) {
            self.called = None;
        } else {
            self.parked.retain(|(parked, _)| *parked != number);
        }
    }
}

impl<T> Hands<T> {
    pub(crate) fn new() -> Self {
        Self {
            items: Vec::new(),
            marks: Vec::new(),
        }
    }

    fn put(&mut self, Entry { item, mut mark }: Entry<T>) {
        mark.attempts += 1;
        self.items.push(item);
        self.marks.push(mark);
    }
}
