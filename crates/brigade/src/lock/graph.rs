//! Which lock classes were wanted while which others were held, and which cycles that makes.
//!
//! The nodes are lock classes. An edge says that a lock of class `to` was wanted in one mode while
//! a lock of class `from` was held in another; there is one for each pair of classes and of modes
//! that was seen. A cycle of edges is a *possible deadlock* if
//!
//! - no class is on it twice;
//! - at every class on it, the mode in which the edge that comes in wants the lock and the mode in
//!   which the edge that goes out holds it exclude each other, or the class is *written*: somebody
//!   waits at times for exclusive access, and readers that come later block behind him; and
//! - no single lock is held exclusively at all its edges. Such a *gate* lets only one of the threads
//!   at a time into the places where the cycle could close; the cycle is called *guarded*.
//!
//! What an observation costs: if the edge is known, a binary search and a comparison of guards. If it
//! is new, a step in the maintenance of the [`topology`], O(1) where it agrees with the order. Only
//! if it lies on a cycle of classes, whatever the modes, the [`search`] runs: at most one pass over the
//! edges of that component, then [`Limits::steps`] steps.
//!
//! Nothing here locks or prints; the process-wide graph is a `Mutex<Graph<_>>`.

use std::collections::{BTreeMap, BTreeSet};

use self::search::{Request, Scope};
use self::topology::Topology;
use super::mode::{Mode, ModeSet};

mod choice;
mod search;
mod topology;

/// A lock class: a small number, dense from zero, given by whoever keeps the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

impl ClassId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an edge is in [`Graph::edges`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EdgeId(u32);

impl EdgeId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A lock wanted while another was held, as first seen.
#[derive(Debug)]
pub(crate) struct Edge<W> {
    pub(crate) from: ClassId,
    pub(crate) held: Mode,
    pub(crate) to: ClassId,
    pub(crate) wanted: Mode,
    pub(crate) witness: W,
    /// Addresses of the locks held exclusively at every observation of this edge.
    guards: Vec<usize>,
}

impl<W> Edge<W> {
    /// Keeps the guards that were there this time too, and returns those that were not.
    fn narrow(&mut self, guards: &[usize]) -> Vec<usize> {
        let lost = self.guards.extract_if(.., |guard| !guards.contains(guard));
        lost.collect()
    }
}

/// A cycle of edges, each from the class to which the one before it leads. It begins with the edge
/// just observed; or, if a class was just found to be written, with the edge out of that class.
#[derive(Debug)]
pub(crate) struct Cycle<'graph, W> {
    pub(crate) edges: Vec<&'graph Edge<W>>,
}

/// How much a graph keeps, and how long it searches.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Edges kept. Further ones are still checked against those, each time they are observed.
    edges: usize,
    /// Cycles reported: once so many are remembered, nothing is reported any more, because a
    /// cycle reported twice is worse than the 4,097th not reported.
    reported: usize,
    /// Guarded cycles kept for the overall report.
    guarded: usize,
    /// Steps of one exact search: a class or an edge looked at, of the order of 10 ns each. A search
    /// that runs out of them is given up and counted in [`Graph::abandoned_searches`]: a cycle may
    /// then be missed. Only classes in the hundreds that are all on cycles with each other come near.
    steps: usize,
}

impl Limits {
    const DEFAULT: Self = Self {
        edges: 65_535,
        reported: 4_096,
        guarded: 1_024,
        steps: 100_000,
    };
}

/// The order graph; `W` is what is kept of the first observation of each edge.
pub(crate) struct Graph<W> {
    /// All edges; where one is in here never changes. There may be one more than the limit: the last
    /// then is in no list of a class, and lives until the next observation.
    edges: Vec<Edge<W>>,
    /// Indexed by [`ClassId`].
    classes: Vec<Class>,
    /// Over the classes that are in `classes`, and the edges that are kept.
    topology: Topology,
    /// Each cycle reported, as its classes in order from the lowest.
    reported: BTreeSet<Box<[ClassId]>>,
    /// Cycles found to be guarded, by their classes, disjoint from `reported`. Some may have lost
    /// their guards since, in a change that completed another cycle, which was reported instead.
    guarded: BTreeMap<Box<[ClassId]>, Vec<EdgeId>>,
    abandoned_searches: usize,
    limits: Limits,
}

#[derive(Default)]
struct Class {
    /// In the order of what they lead to, then modes.
    outgoing: Vec<Outgoing>,
    incoming: Vec<EdgeId>,
    /// Somebody waits, at times, for exclusive access to a read-write lock of this class.
    written: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    to: ClassId,
    held: Mode,
    wanted: Mode,
}

/// An edge out of a class, with what searches need of it in place.
#[derive(Clone, Copy)]
struct Outgoing {
    way: Way,
    edge: EdgeId,
}

impl<W> Graph<W> {
    pub(crate) const fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    const fn with_limits(limits: Limits) -> Self {
        Self {
            edges: Vec::new(),
            classes: Vec::new(),
            topology: Topology::new(),
            reported: BTreeSet::new(),
            guarded: BTreeMap::new(),
            abandoned_searches: 0,
            limits,
        }
    }

    /// Notes that a lock of class `to` was wanted while one of another class, `from`, was held, and
    /// that the thread then held, exclusively, also the locks with the addresses `guards`, not
    /// counting the one of class `from`.
    ///
    /// Returns a possible deadlock that this observation completes, by being new or by lacking a guard
    /// that was there before. Each distinct cycle of classes is returned once in the life of the graph;
    /// if several are completed at once, one is returned: as a rule the shortest.
    pub(crate) fn observe(
        &mut self,
        from: ClassId,
        held: Mode,
        to: ClassId,
        wanted: Mode,
        guards: &[usize],
        witness: impl FnOnce() -> W,
    ) -> Option<Cycle<'_, W>> {
        debug_assert_ne!(
            from, to,
            "locks of one class have no order among each other"
        );
        self.edges.truncate(self.limits.edges);
        self.grow(from.max(to));
        let way = Way { to, held, wanted };
        if let Some(edge) = self.find(from, way) {
            let lost = self.edges[edge.index()].narrow(guards);
            if lost.is_empty() {
                return None;
            }
            return self.completed_by(edge, Some(&lost));
        }
        let edge = self.add(Edge {
            from,
            held,
            to,
            wanted,
            witness: witness(),
            guards: guards.to_vec(),
        });
        self.completed_by(edge, None)
    }

    /// Notes that somebody waits for exclusive access to a read-write lock of this class. Returns a
    /// possible deadlock that this completes, as [`Graph::observe`] does.
    pub(crate) fn mark_written(&mut self, class: ClassId) -> Option<Cycle<'_, W>> {
        self.edges.truncate(self.limits.edges);
        self.grow(class);
        if std::mem::replace(&mut self.classes[class.index()].written, true) {
            return None;
        }
        // Only cycles whose two modes at this class do not exclude each other depend on the change.
        [Mode::Shared, Mode::Upgradable]
            .into_iter()
            .find_map(|held| {
                let outgoing = &self.classes[class.index()].outgoing;
                let first = outgoing.iter().filter(|outgoing| outgoing.way.held == held);
                let request = Request {
                    origin: class,
                    first: first.map(|outgoing| outgoing.edge).collect(),
                    closing: ModeSet::excluded_by(held).complement(),
                    lost: None,
                    scope: Scope::Component,
                };
                self.search(&request)
            })
            .map(|edges| self.cycle(&edges))
    }

    /// The edges kept, in the order in which they were first seen.
    pub(crate) fn edges(&self) -> impl Iterator<Item = &Edge<W>> {
        self.edges.iter().take(self.limits.edges)
    }

    #[cfg(test)]
    pub(crate) fn edge_count(&self) -> usize {
        self.edges.len().min(self.limits.edges)
    }

    /// How many classes are on an edge.
    #[cfg(test)]
    pub(crate) fn class_count(&self) -> usize {
        let on_edge = |class: &&Class| !(class.outgoing.is_empty() && class.incoming.is_empty());
        self.classes.iter().filter(on_edge).count()
    }

    /// True once no further edges are kept.
    pub(crate) fn is_full(&self) -> bool {
        self.edges.len() >= self.limits.edges
    }

    /// How many distinct cycles were returned.
    pub(crate) fn reported_count(&self) -> usize {
        self.reported.len()
    }

    /// Cycles that would be possible deadlocks but for a lock that guards them all the way.
    pub(crate) fn guarded_cycles(&self) -> impl Iterator<Item = Cycle<'_, W>> {
        let cycles = self.guarded.values().map(|edges| self.cycle(edges));
        cycles.filter(Cycle::is_guarded)
    }

    /// How many searches were given up for their length; each may have missed a cycle.
    pub(crate) fn abandoned_searches(&self) -> usize {
        self.abandoned_searches
    }

    fn grow(&mut self, last: ClassId) {
        if self.classes.len() <= last.index() {
            self.classes.resize_with(last.index() + 1, Class::default);
            self.topology.grow(last);
        }
    }

    fn find(&self, from: ClassId, way: Way) -> Option<EdgeId> {
        let outgoing = &self.classes[from.index()].outgoing;
        let found = outgoing.binary_search_by_key(&way, |outgoing| outgoing.way);
        found.ok().map(|index| outgoing[index].edge)
    }

    /// The edges between two classes.
    fn between(&self, from: ClassId, to: ClassId) -> impl Iterator<Item = &Outgoing> {
        let outgoing = &self.classes[from.index()].outgoing;
        let start = outgoing.partition_point(|outgoing| outgoing.way.to < to);
        let rest = outgoing[start..].iter();
        rest.take_while(move |outgoing| outgoing.way.to == to)
    }

    /// Adds an edge, to the lists of its classes only if there is room.
    fn add(&mut self, edge: Edge<W>) -> EdgeId {
        let id = EdgeId(u32::try_from(self.edges.len()).expect("edges are limited"));
        if self.edges.len() < self.limits.edges {
            self.link(&edge, id);
        }
        self.edges.push(edge);
        id
    }

    fn link(&mut self, edge: &Edge<W>, id: EdgeId) {
        if self.between(edge.from, edge.to).next().is_none() {
            self.topology.insert(edge.from, edge.to);
        }
        let way = Way {
            to: edge.to,
            held: edge.held,
            wanted: edge.wanted,
        };
        let outgoing = &mut self.classes[edge.from.index()].outgoing;
        let place = outgoing.partition_point(|other| other.way < way);
        outgoing.insert(place, Outgoing { way, edge: id });
        self.classes[edge.to.index()].incoming.push(id);
    }

    /// The modes in which whoever wants a lock of this class may have to wait for one who holds it in
    /// mode `held`.
    fn blocked(&self, class: ClassId, held: Mode) -> ModeSet {
        if self.classes[class.index()].written {
            ModeSet::ALL
        } else {
            ModeSet::excluded_by(held)
        }
    }

    /// Looks for a cycle through an edge that is new, or has just lost guards.
    fn completed_by(&mut self, id: EdgeId, lost: Option<&[usize]>) -> Option<Cycle<'_, W>> {
        let edge = &self.edges[id.index()];
        let scope = if self.topology.together(edge.from, edge.to) {
            Scope::Component
        } else if id.index() >= self.limits.edges && self.topology.may_reach(edge.to, edge.from) {
            Scope::Everything // the order knows nothing of an edge that is not kept
        } else {
            return None;
        };
        let request = Request {
            origin: edge.from,
            first: vec![id],
            closing: self.blocked(edge.from, edge.held),
            lost,
            scope,
        };
        let edges = self.search(&request)?;
        Some(self.cycle(&edges))
    }

    /// Runs a search and takes down what it found.
    fn search(&mut self, request: &Request<'_>) -> Option<Vec<EdgeId>> {
        if self.reported.len() >= self.limits.reported {
            return None;
        }
        let outcome = search::search(self, request);
        self.abandoned_searches += usize::from(outcome.abandoned);
        for (classes, edges) in outcome.guarded {
            let kept = edges.iter().all(|edge| edge.index() < self.limits.edges);
            if kept && self.guarded.len() < self.limits.guarded {
                self.guarded.entry(classes).or_insert(edges);
            }
        }
        let (classes, edges) = outcome.possible?;
        self.guarded.remove(&classes);
        self.reported.insert(classes);
        Some(edges)
    }

    fn cycle(&self, edges: &[EdgeId]) -> Cycle<'_, W> {
        let edges = edges.iter().map(|edge| &self.edges[edge.index()]);
        Cycle {
            edges: edges.collect(),
        }
    }
}

impl<W> Cycle<'_, W> {
    /// True if some lock is held exclusively at every edge.
    fn is_guarded(&self) -> bool {
        let Some((first, rest)) = self.edges.split_first() else {
            return false;
        };
        let everywhere = |guard| rest.iter().all(|edge| edge.guards.contains(guard));
        first.guards.iter().any(everywhere)
    }
}

#[cfg(test)]
mod tests;
