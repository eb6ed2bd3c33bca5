//! The search for a cycle of waits.
//!
//! Some waits end only when each of those they wait for has acted, others when any one has. So a way round in the
//! graph need not be a deadlock: first all waits that can still end are struck out, and a cycle is looked for among
//! those that are left.

use std::collections::VecDeque;

use super::{Needs, State, Wait};

/// A cycle in which each wait is blocked by the next.
pub(super) struct Cycle<'a> {
    pub(super) waits: Vec<&'a Wait>,
    /// The waits that make it a deadlock: more than the cycle itself if it goes through one that any of several
    /// threads could end.
    pub(super) grounds: Vec<&'a Wait>,
}

/// A wait that can be reached from the first one.
struct Node<'a> {
    wait: &'a Wait,
    /// The places of those it is blocked by.
    blockers: Vec<usize>,
    /// How many threads could each end it alone; none if all that block it must act.
    any_of: Option<usize>,
    /// It can not end, as far as was found out so far.
    is_stuck: bool,
}

impl State {
    /// A cycle of waits that begins with this one; `guessing` also follows readers to waiting writers.
    ///
    /// A wait that gives up one day is no part of a deadlock, unless it is the one that asks.
    pub(super) fn cycle(&self, ticket: u64, guessing: bool) -> Option<Cycle<'_>> {
        let start = self.waits.iter().find(|wait| wait.ticket == ticket)?;
        let mut nodes = self.reach(start, guessing);
        strike_out(&mut nodes);
        let cycle = shortest_way_round(&nodes)?;
        let waits: Vec<&Wait> = cycle.into_iter().map(|place| nodes[place].wait).collect();
        let stuck = || nodes.iter().filter(|node| node.is_stuck);
        let grounds = if stuck().any(|node| node.any_of.is_some()) {
            stuck().map(|node| node.wait).collect()
        } else {
            waits.clone()
        };
        Some(Cycle { waits, grounds })
    }

    /// All that the first wait, which becomes the first node, can be blocked by, and what that can be blocked by.
    fn reach<'a>(&'a self, start: &'a Wait, guessing: bool) -> Vec<Node<'a>> {
        let mut nodes = vec![Node::new(start)];
        let mut place = 0;
        while place < nodes.len() {
            let wait = nodes[place].wait;
            let needs = wait.needs();
            // A writer that gives up lets a reader in that comes before the next writer.
            let mut waits = self.waits.iter();
            let guessing = guessing
                && !waits.any(|other| other.wanted.until.is_some() && wait.may_wait_behind(other));
            for other in &self.waits {
                let gives_up = other.wanted.until.is_some() && other.ticket != start.ticket;
                let blocks =
                    wait.is_blocked_by(other, &needs) || guessing && wait.may_wait_behind(other);
                if gives_up || !blocks {
                    continue;
                }
                let known = nodes
                    .iter()
                    .position(|node| node.wait.ticket == other.ticket);
                let blocker = known.unwrap_or(nodes.len());
                if known.is_none() {
                    nodes.push(Node::new(other));
                }
                nodes[place].blockers.push(blocker);
            }
            if let Needs::Any { threads, .. } = needs {
                nodes[place].any_of = Some(threads);
            }
            place += 1;
        }
        nodes
    }
}

impl<'a> Node<'a> {
    fn new(wait: &'a Wait) -> Self {
        Self {
            wait,
            blockers: Vec::new(),
            any_of: None,
            is_stuck: true,
        }
    }

    /// True if it can end, since those of its blockers that are not stuck will act. A thread that does not wait is
    /// no blocker here, and not stuck.
    fn can_end(&self, nodes: &[Self]) -> bool {
        let stuck = self.blockers.iter().filter(|place| nodes[**place].is_stuck);
        match self.any_of {
            None => stuck.count() == 0,
            Some(threads) => stuck.count() < threads.max(1),
        }
    }
}

/// Strikes out the waits that can end, until none is left that can.
fn strike_out(nodes: &mut [Node<'_>]) {
    let can_end = |nodes: &[Node<'_>]| {
        let mut places = 0..nodes.len();
        places.find(|place| nodes[*place].is_stuck && nodes[*place].can_end(nodes))
    };
    while let Some(place) = can_end(nodes) {
        nodes[place].is_stuck = false;
    }
}

/// The places of the nodes on a shortest way from the first node back to it, over nodes that are stuck.
fn shortest_way_round(nodes: &[Node<'_>]) -> Option<Vec<usize>> {
    let mut before = vec![None; nodes.len()];
    let mut ahead: VecDeque<usize> = nodes[0].is_stuck.then_some(0).into_iter().collect();
    while let Some(place) = ahead.pop_front() {
        for &next in &nodes[place].blockers {
            if next == 0 {
                let back = std::iter::successors(Some(place), |place| before[*place]);
                let mut way: Vec<usize> = back.collect();
                way.reverse();
                return Some(way);
            }
            if nodes[next].is_stuck && before[next].is_none() {
                before[next] = Some(place);
                ahead.push_back(next);
            }
        }
    }
    None
}
