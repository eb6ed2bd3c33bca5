//! The line before a full buffer: who waits for room, each with the item it brought.

use std::collections::BTreeMap;
use std::task::Waker;

/// Producers that wait for room, in the order in which they came, on a thread or as a future.
///
/// Whoever makes room moves the item of the first one into the buffer: nobody who comes later can take the place,
/// and an item is at every moment either in line or in the buffer.
pub(crate) struct Line<T> {
    waiting: BTreeMap<u64, Waiting<T>>,
    /// Items whose producers have yet to learn that they were sent home.
    turned_away: BTreeMap<u64, T>,
    next: u64,
    stuck: usize,
}

struct Waiting<T> {
    item: T,
    waker: Waker,
    /// Whoever brought it is one of those who make room, and waits without a limit.
    is_stuck: bool,
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
            stuck: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many of those who make room wait here without a limit.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck
    }

    /// Puts an item at the end of the line; returns its ticket.
    pub(crate) fn join(&mut self, item: T, waker: Waker, is_stuck: bool) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.stuck += usize::from(is_stuck);
        let waiting = Waiting {
            item,
            waker,
            is_stuck,
        };
        self.waiting.insert(ticket, waiting);
        ticket
    }

    /// The first item that `fits`, which is thereby admitted, and whom to tell.
    pub(crate) fn admit(&mut self, fits: impl Fn(&T) -> bool) -> Option<(T, Waker)> {
        let first = self.waiting.iter().find(|(_, waiting)| fits(&waiting.item));
        let ticket = *first?.0;
        let Waiting { item, waker, .. } = self.remove(ticket)?;
        Some((item, waker))
    }

    fn remove(&mut self, ticket: u64) -> Option<Waiting<T>> {
        let waiting = self.waiting.remove(&ticket)?;
        self.stuck -= usize::from(waiting.is_stuck);
        Some(waiting)
    }

    pub(crate) fn progress(&mut self, ticket: u64) -> Progress<T> {
        if self.waiting.contains_key(&ticket) {
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
            Some(waiting) => std::mem::replace(&mut waiting.waker, waker),
            None => waker,
        }
    }

    /// What those who wait for room wait for has changed: they look again. Only where they are threads, whose wakers
    /// may be cloned under a lock.
    pub(crate) fn wake_all(&self, wakes: &mut Vec<Waker>) {
        wakes.extend(self.waiting.values().map(|waiting| waiting.waker.clone()));
    }

    pub(crate) fn leave(&mut self, ticket: u64) -> Left<T> {
        if let Some(Waiting { item, waker, .. }) = self.remove(ticket) {
            Left::Waiting(item, waker)
        } else if let Some(item) = self.turned_away.remove(&ticket) {
            Left::TurnedAway(item)
        } else {
            Left::Admitted
        }
    }

    /// Sends everyone home; each gets its item back when it looks.
    pub(crate) fn turn_away(&mut self, wakes: &mut Vec<Waker>) {
        self.stuck = 0;
        for (ticket, Waiting { item, waker, .. }) in std::mem::take(&mut self.waiting) {
            self.turned_away.insert(ticket, item);
            wakes.push(waker);
        }
    }
}
