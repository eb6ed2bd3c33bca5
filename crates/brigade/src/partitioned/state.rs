//! What senders and workers share, under one lock.
//!
//! All messages of a key that have not begun are in one place: the queue of the worker it belongs to, or, while
//! another worker still has one of them in hand after a change of the number of workers, held back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use crate::consumers::closing::{Closing, Phase};
use crate::consumers::ledger::Ledger;
use crate::consumers::line::Line;
use crate::pool::pace::Pace;
use crate::pool::tally::Tally;
use crate::primitive::now;

use super::route::route;

pub(crate) struct State<K, M> {
    pub(crate) phase: Phase,
    /// All workers there ever were at once; those from `workers` on leave, or have left.
    pub(crate) seats: Vec<Seat<K, M>>,
    /// How many there are to be.
    pub(crate) workers: usize,
    /// Workers that have not left.
    pub(crate) live: usize,
    pub(crate) line: Line<Letter<K, M>>,
    held: Vec<Held<K, M>>,
    pub(crate) ledger: Ledger,
    watchers: Vec<Waker>,
    pub(crate) pace: Pace,
    pub(crate) counts: Counts,
    buffer: usize,
}

/// A worker's place.
pub(crate) struct Seat<K, M> {
    queue: VecDeque<Letter<K, M>>,
    /// The key of the message that the worker has in hand, and the epoch of that message.
    running: Option<(u64, u64)>,
    parked: Option<Waker>,
    /// It has a thread.
    pub(crate) is_taken: bool,
    pub(crate) tally: Arc<Tally>,
}

/// A message on its way.
pub(crate) struct Letter<K, M> {
    pub(crate) key: K,
    pub(crate) message: M,
    pub(crate) hash: u64,
    pub(crate) since: u64,
    sequence: u64,
    epoch: u64,
}

/// Messages of a key that another worker is not done with.
struct Held<K, M> {
    hash: u64,
    letters: Vec<Letter<K, M>>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) handled: u64,
    pub(crate) panicked: u64,
    pub(crate) handed_back: u64,
    pub(crate) refused_full: u64,
    pub(crate) refused_after_wait: u64,
    pub(crate) refused_shut_down: u64,
    pub(crate) refused_deadlock: u64,
}

/// What a worker finds when it looks for messages.
pub(crate) enum Look<K, M> {
    Taken(Letter<K, M>),
    Nothing,
    Ended,
}

impl<K, M> Letter<K, M> {
    pub(crate) fn new(key: K, message: M, hash: u64) -> Self {
        Self {
            key,
            message,
            hash,
            since: 0,
            sequence: 0,
            epoch: 0,
        }
    }
}

impl<K, M> Seat<K, M> {
    pub(crate) fn new(histograms: bool) -> Self {
        Self {
            queue: VecDeque::new(),
            running: None,
            parked: None,
            is_taken: false,
            tally: Arc::new(Tally::new(histograms)),
        }
    }

    /// What stands for the worker in the wait graph.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.tally).addr()
    }
}

impl<K, M> State<K, M> {
    pub(crate) fn new(buffer: usize) -> Self {
        Self {
            phase: Phase::Open,
            seats: Vec::new(),
            workers: 0,
            live: 0,
            line: Line::new(),
            held: Vec::new(),
            ledger: Ledger::new(),
            watchers: Vec::new(),
            pace: Pace::new(),
            counts: Counts::default(),
            buffer,
        }
    }

    pub(crate) fn route(&self, hash: u64) -> usize {
        route(hash, self.workers)
    }

    /// True if the worker's queue, and what will come into it, leave room for one more.
    pub(crate) fn has_room(&self, worker: usize) -> bool {
        let held = self
            .held
            .iter()
            .filter(|held| self.route(held.hash) == worker);
        let held: usize = held.map(|held| held.letters.len()).sum();
        self.seats[worker].queue.len() + held < self.buffer
    }

    /// The workers of which one must act before there is room for such a message: the one that the key belongs to,
    /// unless that has nothing to do because all it will get is held back by others.
    pub(crate) fn room_makers(&self, hash: u64) -> Vec<usize> {
        let worker = self.route(hash);
        let seat = &self.seats[worker];
        if seat.running.is_some() || !seat.queue.is_empty() {
            return vec![worker];
        }
        let will_get = |hash: u64| {
            let mut held = self.held.iter();
            self.route(hash) == worker && held.any(|held| held.hash == hash)
        };
        let holds = |seat: &Seat<K, M>| seat.running.is_some_and(|(hash, _)| will_get(hash));
        let holders = self.seats.iter().enumerate();
        holders
            .filter(|(_, seat)| holds(seat))
            .map(|(number, _)| number)
            .collect()
    }

    /// What stands in the wait graph for the workers that have a message in hand that was accepted before the mark.
    pub(crate) fn holders(&self, mark: u64) -> Vec<usize> {
        let holds = |seat: &&Seat<K, M>| seat.running.is_some_and(|(_, epoch)| epoch <= mark);
        let holders = self.seats.iter().filter(holds);
        holders.map(Seat::address).collect()
    }

    /// How many messages wait for each worker.
    pub(crate) fn queued(&self) -> Vec<usize> {
        let mut queued: Vec<_> = self.seats.iter().map(|seat| seat.queue.len()).collect();
        for held in &self.held {
            queued[self.route(held.hash)] += held.letters.len();
        }
        queued.truncate(self.workers);
        queued
    }

    pub(crate) fn running(&self) -> usize {
        let running = self.seats.iter().filter(|seat| seat.running.is_some());
        running.count()
    }

    /// Takes a message in.
    pub(crate) fn accept(&mut self, mut letter: Letter<K, M>, wakes: &mut Vec<Waker>) {
        letter.sequence = self.counts.sent;
        letter.epoch = self.ledger.enter();
        letter.since = now();
        self.counts.sent += 1;
        self.place(letter, wakes);
    }

    /// Puts a message where those of its key are.
    fn place(&mut self, letter: Letter<K, M>, wakes: &mut Vec<Waker>) {
        let held = self.held.iter_mut().find(|held| held.hash == letter.hash);
        if let Some(held) = held {
            held.letters.push(letter);
            return;
        }
        let worker = self.route(letter.hash);
        let seat = &mut self.seats[worker];
        seat.queue.push_back(letter);
        wakes.extend(seat.parked.take());
    }

    /// Lets those in who wait for room with this worker, while there is some.
    fn admit_line(&mut self, worker: usize, wakes: &mut Vec<Waker>) {
        let workers = self.workers;
        while !self.line.is_empty() && self.has_room(worker) {
            let fits = |letter: &Letter<K, M>| route(letter.hash, workers) == worker;
            let Some((letter, waker)) = self.line.admit(fits) else {
                return;
            };
            self.accept(letter, wakes);
            wakes.push(waker);
        }
    }

    /// A worker is done with the message it had in hand.
    pub(crate) fn settle(&mut self, worker: usize, panicked: bool, wakes: &mut Vec<Waker>) {
        let Some((hash, epoch)) = self.seats[worker].running.take() else {
            return;
        };
        if panicked {
            self.counts.panicked += 1;
        } else {
            self.counts.handled += 1;
        }
        if self.ledger.settle(epoch) {
            wakes.append(&mut self.watchers);
        }
        let Some(place) = self.held.iter().position(|held| held.hash == hash) else {
            return;
        };
        for letter in self.held.swap_remove(place).letters {
            self.place(letter, wakes);
        }
        self.line.wake_all(wakes); // they wait for another worker now
        if self.phase != Phase::Open && self.held.is_empty() {
            self.wake_all(wakes); // some may have stayed only for what was held back
        }
    }

    /// A worker looks for a message; if there is none, `waker` is woken when there may be.
    pub(crate) fn look(
        &mut self,
        worker: usize,
        waker: Option<&Waker>,
        wakes: &mut Vec<Waker>,
    ) -> Look<K, M> {
        let seat = &mut self.seats[worker];
        seat.parked = None;
        if let Some(letter) = seat.queue.pop_front() {
            seat.running = Some((letter.hash, letter.epoch));
            if worker < self.workers {
                self.admit_line(worker, wakes);
            }
            return Look::Taken(letter);
        }
        let is_over = self.phase != Phase::Open && self.held.is_empty();
        if is_over || worker >= self.workers {
            // Now, under the lock: whoever wants it to come back sees that it has gone.
            seat.is_taken = false;
            self.live -= 1;
            wakes.append(&mut self.watchers);
            return Look::Ended;
        }
        seat.parked = waker.cloned();
        if waker.is_some() && !self.held.is_empty() {
            self.line.wake_all(wakes); // what they wait for is held back by another worker
        }
        Look::Nothing
    }

    /// Changes the number of workers: messages that have not begun go to where their keys belong now.
    ///
    /// A key that moves while a worker has one of its messages in hand is held back until it is done with that.
    pub(crate) fn spread(&mut self, workers: usize, wakes: &mut Vec<Waker>) {
        self.workers = workers;
        let mut letters = self.take_all();
        letters.sort_by_key(|letter| letter.sequence);
        for (worker, seat) in self.seats.iter().enumerate() {
            if let Some((hash, _)) = seat
                .running
                .filter(|(hash, _)| route(*hash, workers) != worker)
            {
                let letters = Vec::new();
                self.held.push(Held { hash, letters });
            }
        }
        for letter in letters {
            self.place(letter, wakes);
        }
        for worker in 0..workers {
            self.admit_line(worker, wakes);
        }
        self.wake_all(wakes);
        self.line.wake_all(wakes);
    }

    fn take_all(&mut self) -> Vec<Letter<K, M>> {
        let queued = self.seats.iter_mut().flat_map(|seat| seat.queue.drain(..));
        let mut letters: Vec<_> = queued.collect();
        letters.extend(self.held.drain(..).flat_map(|held| held.letters));
        letters
    }

    fn wake_all(&mut self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.seats.iter_mut().filter_map(|seat| seat.parked.take()));
    }
}

impl<K, M> Closing for State<K, M> {
    type Item = (K, M);

    fn watchers(&mut self) -> &mut Vec<Waker> {
        &mut self.watchers
    }

    fn close(&mut self, wakes: &mut Vec<Waker>) {
        self.phase = self.phase.max(Phase::Draining);
        self.line.turn_away(wakes);
        self.wake_all(wakes);
        wakes.append(&mut self.watchers);
    }

    fn halt(&mut self, wakes: &mut Vec<Waker>) -> Vec<(K, M)> {
        self.close(wakes);
        self.phase = Phase::Halted;
        let mut letters = self.take_all();
        letters.sort_by_key(|letter| letter.sequence);
        self.counts.handed_back += letters.len() as u64;
        for letter in &letters {
            if self.ledger.settle(letter.epoch) {
                wakes.append(&mut self.watchers);
            }
        }
        let pair = |letter: Letter<K, M>| (letter.key, letter.message);
        letters.into_iter().map(pair).collect()
    }
    fn live(&self) -> usize {
        self.live
    }
}
