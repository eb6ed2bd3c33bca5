//! The exact search for cycles that are possible deadlocks.
//!
//! It walks over classes, and carries along the set of modes in which the class it stands at may be
//! wanted, so that each cycle of classes is met once, however many pairs of modes its edges were seen
//! in. Before it sets out it labels each class, for each mode in which it may be wanted, with the
//! length of the shortest way to close a cycle from there; it goes nowhere without a label, and
//! to the shortest first. The labels know nothing of guards, of cycles reported before, nor that no
//! class may be on the cycle twice; where these turn out badly the walk turns back and tries the
//! next way, until its steps are used up. Which edges of the cycle to take is then for
//! [`choice`](super::choice) to say.

use std::collections::VecDeque;

use super::choice::{Choice, Verdict};
use super::{ClassId, EdgeId, Graph, Mode, ModeSet};

/// Which cycles to look for.
pub(super) struct Request<'request> {
    /// The class at which the cycles begin and end.
    pub(super) origin: ClassId,
    /// Edges out of the origin, in the order of what they lead to, all holding it in one mode. The
    /// cycles begin with one of these.
    pub(super) first: Vec<EdgeId>,
    /// The modes in which the last edge may want the origin.
    pub(super) closing: ModeSet,
    /// Guards that the first edge had until now. Only those cycles are wanted that had a guard among
    /// them, since the others are no news.
    pub(super) lost: Option<&'request [usize]>,
    pub(super) scope: Scope,
}

/// Where to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In the component of the origin.
    Component,
    Everything,
}

/// What a search found. A cycle comes with its classes in order from the lowest.
#[derive(Default)]
pub(super) struct Outcome {
    /// A possible deadlock not reported before.
    pub(super) possible: Option<(Box<[ClassId]>, Vec<EdgeId>)>,
    /// Cycles passed over for their guards.
    pub(super) guarded: Vec<(Box<[ClassId]>, Vec<EdgeId>)>,
    /// The steps were used up.
    pub(super) abandoned: bool,
}

pub(super) fn search<W>(graph: &Graph<W>, request: &Request<'_>) -> Outcome {
    let mut search = Search {
        graph,
        request,
        distances: label(graph, request),
        path: vec![request.origin],
        on_path: vec![false; graph.classes.len()],
        ahead: Vec::new(),
        steps: graph.limits.steps,
        outcome: Outcome::default(),
    };
    if search.run().is_none() {
        search.outcome.abandoned = true;
    }
    search.outcome
}

/// For each class and each mode in which it may be wanted, the length of the shortest way to close
/// a cycle, or [`NO_WAY`].
type Distances = Vec<[u32; 3]>;

const NO_WAY: u32 = u32::MAX;

struct Search<'search, W> {
    graph: &'search Graph<W>,
    request: &'search Request<'search>,
    distances: Distances,
    /// Where the walk is: classes from the origin on.
    path: Vec<ClassId>,
    /// True for each class on the path but the origin.
    on_path: Vec<bool>,
    /// Where it can still go, the next at the end.
    ahead: Vec<Step>,
    /// How many more may be taken.
    steps: usize,
    outcome: Outcome,
}

/// A class to go to.
struct Step {
    /// How many classes there are before it on the path.
    depth: usize,
    class: ClassId,
    /// The modes in which it can be wanted after such a path. Never empty.
    wanted: ModeSet,
}

/// Labels classes from the origin backwards.
fn label<W>(graph: &Graph<W>, request: &Request<'_>) -> Distances {
    let component = graph.topology.component(request.origin);
    let in_scope =
        |class| request.scope == Scope::Everything || graph.topology.component(class) == component;
    let mut distances = vec![[NO_WAY; 3]; graph.classes.len()];
    let mut open = VecDeque::from([(request.origin, request.closing, 0)]);
    while let Some((class, wanted, distance)) = open.pop_front() {
        for id in &graph.classes[class.index()].incoming {
            let edge = &graph.edges[id.index()];
            if !wanted.contains(edge.wanted) || edge.from == request.origin || !in_scope(edge.from)
            {
                continue;
            }
            for mode in graph.blocked(edge.from, edge.held).iter() {
                let label = &mut distances[edge.from.index()][mode as usize];
                if *label == NO_WAY {
                    *label = distance + 1;
                    open.push_back((edge.from, ModeSet::of(mode), distance + 1));
                }
            }
        }
    }
    distances
}

impl<W> Search<'_, W> {
    /// Walks until a cycle is found or there is nowhere left to go. `None`: the steps ran out.
    fn run(&mut self) -> Option<()> {
        self.leave_origin();
        while let Some(step) = self.ahead.pop() {
            self.spend(1)?;
            for class in self.path.drain(step.depth..) {
                self.on_path[class.index()] = false;
            }
            if step.class != self.request.origin {
                self.path.push(step.class);
                self.on_path[step.class.index()] = true;
                self.look_ahead(&step)?;
            } else if self.close()? {
                break;
            }
        }
        Some(())
    }

    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(steps)?;
        Some(())
    }

    fn leave_origin(&mut self) {
        let edges = self.request.first.iter().rev();
        let edges = edges.map(|edge| &self.graph.edges[edge.index()]);
        for edge in edges {
            self.offer(1, edge.to, edge.wanted);
        }
        self.shortest_last(0);
    }

    /// Adds the ways on from a class to those ahead.
    fn look_ahead(&mut self, step: &Step) -> Option<()> {
        let graph = self.graph;
        let outgoing = &graph.classes[step.class.index()].outgoing;
        self.spend(outgoing.len())?;
        let known = self.ahead.len();
        for way in outgoing.iter().rev().map(|outgoing| outgoing.way) {
            let blocked = graph.blocked(step.class, way.held);
            if !self.on_path[way.to.index()] && !blocked.intersection(step.wanted).is_empty() {
                self.offer(step.depth + 1, way.to, way.wanted);
            }
        }
        self.shortest_last(known);
        Some(())
    }

    /// Adds a way ahead if a cycle can be closed from there. Edges to one class come together.
    fn offer(&mut self, depth: usize, class: ClassId, wanted: Mode) {
        if self.distance(class, wanted) == NO_WAY {
            return;
        }
        match self.ahead.last_mut() {
            Some(last) if last.class == class && last.depth == depth => {
                last.wanted = last.wanted.union(ModeSet::of(wanted));
            }
            _ => self.ahead.push(Step {
                depth,
                class,
                wanted: ModeSet::of(wanted),
            }),
        }
    }

    fn distance(&self, class: ClassId, wanted: Mode) -> u32 {
        if class != self.request.origin {
            self.distances[class.index()][wanted as usize]
        } else if self.request.closing.contains(wanted) {
            0
        } else {
            NO_WAY
        }
    }

    /// Orders the ways ahead from this index on. Stable, so that of two as long the lower class comes
    /// first: what is reported should not depend on anything else.
    fn shortest_last(&mut self, from: usize) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead[from..].sort_by_cached_key(|step| {
            let modes = step.wanted.iter();
            let shortest = modes.map(|mode| self.distance(step.class, mode)).min();
            std::cmp::Reverse(shortest)
        });
        self.ahead = ahead;
    }

    /// The path leads back to the origin: true if that makes a possible deadlock not yet reported.
    fn close(&mut self) -> Option<bool> {
        self.spend(self.path.len())?;
        let classes = canonical(&self.path);
        if self.graph.reported.contains(&classes) {
            return Some(false);
        }
        let choice = Choice::new(self.graph, self.request, &self.path);
        match choice.make(&mut self.steps)? {
            Verdict::Possible(edges) => {
                self.outcome.possible = Some((classes, edges));
                Some(true)
            }
            Verdict::Guarded(edges) => {
                if self.outcome.guarded.len() < self.graph.limits.guarded {
                    self.outcome.guarded.push((classes, edges));
                }
                Some(false)
            }
            Verdict::NoNews => Some(false),
        }
    }
}

/// The classes of a cycle, in order from the lowest.
fn canonical(path: &[ClassId]) -> Box<[ClassId]> {
    let lowest = (0..path.len()).min_by_key(|&index| path[index]);
    let mut classes: Box<[ClassId]> = path.into();
    classes.rotate_left(lowest.unwrap_or(0));
    classes
}
