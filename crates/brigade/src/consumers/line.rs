//! The line before a full buffer: who waits for room, each with the item it brought.

use std::collections::BTreeMap;
use std::task::Waker;

/// Producers that wait for room, in the order in which they came, on a thread or as a future.
///
/// Whoever makes room moves the item of the first one into the buffer: nobody who comes later can take the place,
/// and an item is at every moment either in line or in the buffer.
pub(crate) struct Line<T> {
    waiting: BTreeMap<u64, (T, Waker)>,
    /// Items whose producers have yet to learn that they were sent home.
    turned_away: BTreeMap<u64, T>,
    next: u64,
}

/// What has become of an item in line.
pub(crate) enum Progress<T> {
    Admitted,
    Waiting,
    TurnedAway(T),
}

/// An item that left the line, and the waker of whoever brought it, which is foreign code, to be dropped without
/// a lock.
pub(crate) enum Left<T> {
    Admitted,
    Waiting(T, Waker),
    TurnedAway(T),
}

impl<T> Line<T> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turned_away: BTreeMap::new(),
            next: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts an item at the end of the line; returns its ticket.
    pub(crate) fn join(&mut self, item: T, waker: Waker) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, (item, waker));
        ticket
    }

    /// The first item that `fits`, which is thereby admitted, and whom to tell.
    pub(crate) fn admit(&mut self, fits: impl Fn(&T) -> bool) -> Option<(T, Waker)> {
        let first = self.waiting.iter().find(|(_, (item, _))| fits(item));
        let ticket = *first?.0;
        self.waiting.remove(&ticket)
    }

    pub(crate) fn is_in(&self, ticket: u64) -> bool {
        self.waiting.contains_key(&ticket)
    }

    pub(crate) fn progress(&mut self, ticket: u64) -> Progress<T> {
        if self.is_in(ticket) {
            Progress::Waiting
        } else if let Some(item) = self.turned_away.remove(&ticket) {
            Progress::TurnedAway(item)
        } else {
            Progress::Admitted
        }
    }

    /// Puts another waker in the place of the one of this ticket, which comes back.
    pub(crate) fn replace_waker(&mut self, ticket: u64, waker: Waker) -> Waker {
        match self.waiting.get_mut(&ticket) {
            Some((_, known)) => std::mem::replace(known, waker),
            None => waker,
        }
    }

    /// What those who wait for room wait for has changed: they look again. Only where they are threads, whose wakers
    /// may be cloned under a lock.
    pub(crate) fn wake_all(&self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.waiting.values().map(|(_, waker)| waker.clone()));
    }

    pub(crate) fn leave(&mut self, ticket: u64) -> Left<T> {
        if let Some((item, waker)) = self.waiting.remove(&ticket) {
            Left::Waiting(item, waker)
        } else if let Some(item) = self.turned_away.remove(&ticket) {
            Left::TurnedAway(item)
        } else {
            Left::Admitted
        }
    }

    /// Sends everyone home; each gets its item back when it looks.
    pub(crate) fn turn_away(&mut self, wakes: &mut Vec<Waker>) {
        for (ticket, (item, waker)) in std::mem::take(&mut self.waiting) {
            self.turned_away.insert(ticket, item);
            wakes.push(waker);
        }
    }
}
