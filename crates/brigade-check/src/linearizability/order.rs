//! Which calls may come next, given those already chosen.

use crate::history::Call;

/// The calls not chosen yet, and which of them may come next. Calls are numbered within the part under search.
pub(super) trait Order {
    /// Where the candidates begin.
    fn first(&self) -> Cursor;
    /// The first candidate at or after `cursor`.
    fn candidate(&self, cursor: Cursor) -> Option<usize>;
    /// The place after this candidate.
    fn after(&self, call: usize) -> Cursor;
    /// Chooses a candidate.
    fn take(&mut self, call: usize);
    /// Takes back the call chosen last.
    fn give_back(&mut self, call: usize);
    /// The set of the calls chosen, in as few words as possible.
    fn chosen(&self) -> Box<[u64]>;
}

pub(super) type Cursor = usize;

/// Order in time: a call may come next if none that is left returned before it was invoked.
///
/// The invocations and returns that are left, in order of time, are a doubly linked list (Lowe; Horn & Kroening):
/// candidates are the invocations before the first return, and a call is unlinked and linked in again in constant
/// time as the search goes forth and back ("dancing links", Knuth, 2000).
pub(super) struct RealTime {
    /// By event; `NONE` for the list's head. `next` and `previous` of an unlinked event are those it had.
    calls: Vec<usize>,
    is_return: Vec<bool>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// By call: its invocation, and its return if it has one.
    events: Vec<(usize, Option<usize>)>,
    /// By call, in order of invocation: its place in the bits of `taken`.
    ranks: Vec<usize>,
    taken: Vec<u64>,
    /// All places below this word are taken.
    full_words: usize,
    /// How many words hold a taken place.
    used_words: usize,
}

const HEAD: usize = 0;
const NONE: usize = usize::MAX;

impl RealTime {
    pub(super) fn new(part: &[usize], interval: impl Fn(usize) -> (u64, Option<u64>)) -> Self {
        // Invocations before returns at the same moment: such calls overlap.
        let mut moments = Vec::with_capacity(part.len() * 2);
        for (call, &number) in part.iter().enumerate() {
            let (invoked, returned) = interval(number);
            moments.push((invoked, false, call));
            if let Some(returned) = returned {
                moments.push((returned.max(invoked), true, call));
            }
        }
        moments.sort_unstable();

        let events = moments.len() + 1;
        let mut order = Self {
            calls: vec![NONE; events],
            is_return: vec![false; events],
            next: (0..events).map(|event| (event + 1) % events).collect(),
            previous: (0..events)
                .map(|event| (event + events - 1) % events)
                .collect(),
            events: vec![(NONE, None); part.len()],
            ranks: vec![0; part.len()],
            taken: vec![0; part.len().div_ceil(64)],
            full_words: 0,
            used_words: 0,
        };
        let mut rank = 0;
        for (index, (_, is_return, call)) in moments.into_iter().enumerate() {
            let event = index + 1;
            order.calls[event] = call;
            order.is_return[event] = is_return;
            if is_return {
                order.events[call].1 = Some(event);
            } else {
                order.events[call].0 = event;
                order.ranks[call] = rank;
                rank += 1;
            }
        }
        order
    }

    fn unlink(&mut self, event: usize) {
        let (previous, next) = (self.previous[event], self.next[event]);
        self.next[previous] = next;
        self.previous[next] = previous;
    }

    fn link(&mut self, event: usize) {
        let (previous, next) = (self.previous[event], self.next[event]);
        self.next[previous] = event;
        self.previous[next] = event;
    }
}

impl Order for RealTime {
    fn first(&self) -> Cursor {
        self.next[HEAD]
    }

    fn candidate(&self, cursor: Cursor) -> Option<usize> {
        (cursor != HEAD && !self.is_return[cursor]).then(|| self.calls[cursor])
    }

    fn after(&self, call: usize) -> Cursor {
        self.next[self.events[call].0]
    }

    fn take(&mut self, call: usize) {
        let (invocation, returns) = self.events[call];
        self.unlink(invocation);
        if let Some(event) = returns {
            self.unlink(event);
        }
        let word = self.ranks[call] / 64;
        self.taken[word] |= 1 << (self.ranks[call] % 64);
        self.used_words = self.used_words.max(word + 1);
        while self.taken.get(self.full_words) == Some(&u64::MAX) {
            self.full_words += 1;
        }
    }

    fn give_back(&mut self, call: usize) {
        let (invocation, returns) = self.events[call];
        if let Some(event) = returns {
            self.link(event);
        }
        self.link(invocation);
        let word = self.ranks[call] / 64;
        self.taken[word] &= !(1 << (self.ranks[call] % 64));
        self.full_words = self.full_words.min(word);
        while self.used_words > 0 && self.taken[self.used_words - 1] == 0 {
            self.used_words -= 1;
        }
    }

    fn chosen(&self) -> Box<[u64]> {
        // The words that are neither full nor empty, few however long the history, and where they begin.
        let words = &self.taken[self.full_words.min(self.used_words)..self.used_words];
        std::iter::once(self.full_words as u64)
            .chain(words.iter().copied())
            .collect()
    }
}

/// The order of each thread: its first call that is left may come next. Candidates come in order of invocation, which is
/// mostly a good guess.
pub(super) struct ProgramOrder {
    /// By thread: its calls, in order of invocation.
    threads: Vec<Vec<usize>>,
    /// By thread: how many of them are chosen.
    positions: Vec<u64>,
    /// By call: its thread.
    thread_of: Vec<usize>,
    /// By call: its place in the order of invocation. Cursors are such places.
    ranks: Vec<usize>,
}

impl ProgramOrder {
    pub(super) fn new<O, R>(calls: &[Call<O, R>], part: &[usize]) -> Self {
        let mut names: Vec<usize> = part.iter().map(|&number| calls[number].thread).collect();
        names.sort_unstable();
        names.dedup();
        let mut by_invocation: Vec<usize> = (0..part.len()).collect();
        by_invocation.sort_by_key(|&call| calls[part[call]].invoked);

        let mut order = Self {
            threads: vec![Vec::new(); names.len()],
            positions: vec![0; names.len()],
            thread_of: vec![0; part.len()],
            ranks: vec![0; part.len()],
        };
        for (rank, call) in by_invocation.into_iter().enumerate() {
            let name = calls[part[call]].thread;
            let thread = names.partition_point(|&other| other < name);
            order.threads[thread].push(call);
            order.thread_of[call] = thread;
            order.ranks[call] = rank;
        }
        order
    }

    fn next_of(&self, thread: usize) -> Option<usize> {
        let position = usize::try_from(self.positions[thread]).ok()?;
        self.threads[thread].get(position).copied()
    }
}

impl Order for ProgramOrder {
    fn first(&self) -> Cursor {
        0
    }

    fn candidate(&self, cursor: Cursor) -> Option<usize> {
        let next = (0..self.threads.len()).filter_map(|thread| self.next_of(thread));
        next.filter(|&call| self.ranks[call] >= cursor)
            .min_by_key(|&call| self.ranks[call])
    }

    fn after(&self, call: usize) -> Cursor {
        self.ranks[call] + 1
    }

    fn take(&mut self, call: usize) {
        self.positions[self.thread_of[call]] += 1;
    }

    fn give_back(&mut self, call: usize) {
        self.positions[self.thread_of[call]] -= 1;
    }

    fn chosen(&self) -> Box<[u64]> {
        self.positions.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use fastrand::Rng;

    use super::*;

    /// Walks to and fro at random; `chosen` must be the same for the same sets, and for no others.
    fn sets_are_told_apart(mut order: impl Order, calls: usize) {
        let mut rng = Rng::with_seed(11);
        let mut taken = Vec::new();
        let (mut by_words, mut by_set) = (HashMap::new(), HashMap::new());
        for _ in 0..20_000 {
            // Long runs one way, so that all is taken now and then.
            let forth = rng.usize(..calls) >= taken.len() || rng.u8(..4) == 0;
            let mut cursor = order.first();
            let mut candidate = order.candidate(cursor);
            for _ in 0..rng.usize(..3) {
                if let Some(call) = candidate {
                    cursor = order.after(call);
                    candidate = order.candidate(cursor).or(candidate);
                }
            }
            match candidate {
                Some(call) if forth => {
                    order.take(call);
                    taken.push(call);
                }
                _ => {
                    if let Some(call) = taken.pop() {
                        order.give_back(call);
                    }
                }
            }
            let mut set = taken.clone();
            set.sort_unstable();
            let words = order.chosen();
            assert_eq!(
                by_words.entry(words.clone()).or_insert_with(|| set.clone()),
                &set
            );
            assert_eq!(by_set.entry(set).or_insert_with(|| words.clone()), &words);
        }
        assert!(by_set.len() > 1_000);
    }

    #[test]
    fn sets_of_many_calls_are_told_apart() {
        let part: Vec<usize> = (0..300).collect();
        let overlapping = |call: usize| (call as u64, Some(call as u64 + 9));
        sets_are_told_apart(RealTime::new(&part, overlapping), part.len());

        let calls: Vec<_> = (0..300)
            .map(|call| Call::completed(call % 5, (), (), call as u64, 0))
            .collect();
        sets_are_told_apart(ProgramOrder::new(&calls, &part), part.len());
    }
}
