//! The search itself: depth first, without recursion, no configuration twice.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use super::order::{Cursor, Order};
use crate::history::Call;
use crate::model::Model;

/// What a search came to; calls by their number in the history.
pub(super) enum Found {
    /// An order that explains every outcome.
    Order(Vec<usize>),
    /// There is none.
    None(Longest),
    /// Given up after so many configurations.
    TooMany(usize),
}

/// The longest beginning of an order that could be explained.
#[derive(Default)]
pub(super) struct Longest {
    pub(super) chosen: Vec<usize>,
    /// The calls that might have come next, none of which fits.
    pub(super) candidates: Vec<usize>,
}

struct Search<'a, M: Model, S> {
    calls: &'a [Call<M::Operation, M::Outcome>],
    /// The calls under search, by their numbers in `calls`.
    part: &'a [usize],
    order: S,
    state: M,
    /// Whoever is pending is blocked for good: never chosen, and not ready in the end.
    stuck: bool,
    /// The calls chosen so far, and the state before each.
    chosen: Vec<(usize, M)>,
    /// How many calls that returned are left.
    left: usize,
    seen: HashSet<(Box<[u64]>, M)>,
    /// About how many bytes `seen` holds.
    memory: usize,
    longest: Option<Longest>,
}

pub(super) fn search<M: Model>(
    calls: &[Call<M::Operation, M::Outcome>],
    part: &[usize],
    initial: &M,
    order: impl Order,
    stuck: bool,
    memory_limit: usize,
) -> Found {
    let returned = part.iter().filter(|&&call| calls[call].returned.is_some());
    let mut search = Search {
        calls,
        part,
        order,
        state: initial.clone(),
        stuck,
        chosen: Vec::new(),
        left: returned.count(),
        seen: HashSet::new(),
        memory: 0,
        longest: None,
    };
    let mut cursor = search.order.first();
    loop {
        if search.is_explained() {
            return Found::Order(search.chosen_numbers());
        }
        if search.memory >= memory_limit {
            return Found::TooMany(search.seen.len());
        }
        cursor = match search.choose(cursor) {
            Some(cursor) => cursor,
            None => match search.go_back() {
                Some(cursor) => cursor,
                None => return Found::None(search.longest.unwrap_or_default()),
            },
        };
    }
}

impl<M: Model, S: Order> Search<'_, M, S> {
    fn call(&self, call: usize) -> &Call<M::Operation, M::Outcome> {
        &self.calls[self.part[call]]
    }

    fn chosen_numbers(&self) -> Vec<usize> {
        self.chosen
            .iter()
            .map(|(call, _)| self.part[*call])
            .collect()
    }

    fn candidates(&self) -> Vec<usize> {
        let mut candidates = Vec::new();
        let mut cursor = self.order.first();
        while let Some(call) = self.order.candidate(cursor) {
            candidates.push(self.part[call]);
            cursor = self.order.after(call);
        }
        candidates
    }

    /// Whether every call that returned is chosen and, if the run came to rest, the others are rightly blocked.
    fn is_explained(&self) -> bool {
        self.left == 0
            && (!self.stuck
                || self.part.iter().all(|&number| {
                    let call = &self.calls[number];
                    call.returned.is_some() || !self.state.is_ready(&call.operation)
                }))
    }

    /// Chooses the next candidate whose outcome fits and that leads to a new configuration.
    fn choose(&mut self, mut cursor: Cursor) -> Option<Cursor> {
        while let Some(call) = self.order.candidate(cursor) {
            if let Some(next) = self.fits(call) {
                self.order.take(call);
                let chosen = self.order.chosen();
                let size = weight(&chosen, &next);
                if self.seen.insert((chosen, next.clone())) {
                    self.memory += size;
                    self.left -= usize::from(self.call(call).returned.is_some());
                    let before = std::mem::replace(&mut self.state, next);
                    self.chosen.push((call, before));
                    return Some(self.order.first());
                }
                self.order.give_back(call);
            }
            cursor = self.order.after(call);
        }
        None
    }

    /// The state after `call`, if the call is ready and returned what the model returns.
    fn fits(&self, call: usize) -> Option<M> {
        let call = self.call(call);
        if self.stuck && call.returned.is_none() || !self.state.is_ready(&call.operation) {
            return None;
        }
        let mut next = self.state.clone();
        let outcome = next.apply(&call.operation);
        call.outcome()
            .is_none_or(|seen| *seen == outcome)
            .then_some(next)
    }

    fn go_back(&mut self) -> Option<Cursor> {
        let longest = self.longest.as_ref().map(|longest| longest.chosen.len());
        if longest.is_none_or(|longest| longest < self.chosen.len()) {
            self.longest = Some(Longest {
                chosen: self.chosen_numbers(),
                candidates: self.candidates(),
            });
        }
        let (call, before) = self.chosen.pop()?;
        self.left += usize::from(self.call(call).returned.is_some());
        self.order.give_back(call);
        self.state = before;
        Some(self.order.after(call))
    }
}

/// About how many bytes a configuration takes: as many as its hash is made from, which for nearly all states is their
/// whole content, and the table's own.
fn weight<M: Hash>(chosen: &[u64], state: &M) -> usize {
    struct Bytes(usize);
    impl Hasher for Bytes {
        fn write(&mut self, bytes: &[u8]) {
            self.0 += bytes.len();
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut bytes = Bytes(0);
    state.hash(&mut bytes);
    64 + size_of::<M>() + bytes.0 + size_of_val(chosen)
}
