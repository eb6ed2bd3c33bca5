//! Which edges make a cycle of classes a possible deadlock.
//!
//! Between two classes there may be several edges, with other modes and other guards. Those that go
//! together as to modes are known beforehand, by one pass from the end; what is tried out is whether
//! some of them have no guard in common.

use super::search::Request;
use super::{ClassId, EdgeId, Graph, ModeSet};

/// What becomes of a cycle of classes.
pub(super) enum Verdict {
    Possible(Vec<EdgeId>),
    /// Whatever edges are chosen, some lock is held at all of them. These are the first tried.
    Guarded(Vec<EdgeId>),
    /// No choice of edges depends on what has just changed.
    NoNews,
}

/// The edges one can choose from.
pub(super) struct Choice<'choice, W> {
    graph: &'choice Graph<W>,
    /// Guards of which the chosen edges must have had one in common; see [`Request::lost`].
    lost: Option<&'choice [usize]>,
    /// For each hop along the cycle, its edges.
    hops: Vec<Vec<EdgeId>>,
    /// For each hop, the modes in which its edge may want the class it leads to, for the rest of the
    /// cycle to exist.
    wanted: Vec<ModeSet>,
}

/// An edge chosen at one hop, with what remains after it and all before it.
struct Chosen {
    hop: usize,
    edge: EdgeId,
    /// The guards in common so far.
    guards: Vec<usize>,
    /// The lost guards in common so far.
    lost: Vec<usize>,
}

impl<'choice, W> Choice<'choice, W> {
    /// `path` has the classes from the origin on, not the origin at its end.
    pub(super) fn new(
        graph: &'choice Graph<W>,
        request: &'choice Request<'_>,
        path: &[ClassId],
    ) -> Self {
        let first = request.first.iter().copied();
        let first = first.filter(|edge| graph.edges[edge.index()].to == path[1]);
        let ends = path[1..].iter().zip(path[2..].iter().chain([&path[0]]));
        let later = ends.map(|(&from, &to)| graph.between(from, to).map(|out| out.edge).collect());
        let hops: Vec<Vec<EdgeId>> = std::iter::once(first.collect()).chain(later).collect();

        let mut wanted = vec![request.closing; hops.len()];
        for hop in (1..hops.len()).rev() {
            let edges = hops[hop].iter().map(|edge| &graph.edges[edge.index()]);
            wanted[hop - 1] = edges
                .filter(|edge| wanted[hop].contains(edge.wanted))
                .map(|edge| graph.blocked(edge.from, edge.held))
                .fold(ModeSet::EMPTY, ModeSet::union);
        }
        Self {
            graph,
            lost: request.lost,
            hops,
            wanted,
        }
    }

    /// Makes the choice. `None`: the steps ran out.
    pub(super) fn make(&self, steps: &mut usize) -> Option<Verdict> {
        let mut chosen = Vec::with_capacity(self.hops.len());
        let mut guarded = None;
        let mut ahead = Vec::new();
        self.offer(None, &mut ahead);
        while let Some(next) = ahead.pop() {
            *steps = steps.checked_sub(1)?;
            chosen.truncate(next.hop);
            chosen.push(next.edge);
            if chosen.len() < self.hops.len() {
                self.offer(Some(&next), &mut ahead);
            } else if next.guards.is_empty() {
                return Some(Verdict::Possible(chosen));
            } else {
                guarded.get_or_insert_with(|| chosen.clone());
            }
        }
        Some(guarded.map_or(Verdict::NoNews, Verdict::Guarded))
    }

    /// Adds the edges that can come after the last chosen, the first of them at the end.
    fn offer(&self, last: Option<&Chosen>, ahead: &mut Vec<Chosen>) {
        let hop = last.map_or(0, |last| last.hop + 1);
        for &id in self.hops[hop].iter().rev() {
            let edge = &self.graph.edges[id.index()];
            let fits = last.is_none_or(|last| {
                let blocked = self.graph.blocked(edge.from, edge.held);
                blocked.contains(self.graph.edges[last.edge.index()].wanted)
            });
            if !fits || !self.wanted[hop].contains(edge.wanted) {
                continue;
            }
            let next = Chosen {
                hop,
                edge: id,
                guards: common(last.map(|last| &*last.guards), &edge.guards),
                lost: match last {
                    None => self.lost.unwrap_or_default().to_vec(),
                    Some(last) => common(Some(&last.lost), &edge.guards),
                },
            };
            if self.lost.is_none() || !next.lost.is_empty() {
                ahead.push(next);
            }
        }
    }
}

/// The guards that are in both lists; all, if there is no list before.
fn common(before: Option<&[usize]>, guards: &[usize]) -> Vec<usize> {
    match before {
        None => guards.to_vec(),
        Some(before) => {
            let both = before.iter().filter(|guard| guards.contains(guard));
            both.copied().collect()
        }
    }
}
