//! A topological order of the lock classes, kept up to date edge by edge.
//!
//! Classes that lie on a common cycle form one *component*; the components, each counted as one
//! node, form a graph without cycles, and every component has a position such that each edge between
//! two components goes from the lower position to the higher. An edge that agrees with the positions
//! costs O(1). One that does not makes us search only the components between its two ends, and move
//! those: the algorithm of Pearce and Kelly ("A dynamic topological sort algorithm for directed
//! acyclic graphs", ACM JEA 11, 2006). If the search finds that the edge closes a cycle, the
//! components on it become one, as in Haeupler, Kavitha, Mathew, Sen and Tarjan ("Incremental cycle
//! detection, topological ordering, and strong component maintenance", ACM TALG 8, 2012).
//!
//! So an edge can be on a cycle only if both its ends are in one component, whatever cycles there
//! are elsewhere.

use super::ClassId;

/// The order. Invariant between calls: for each edge from `a` to `b`, either their components are
/// the same, or that of `a` has the lower position; no two components share a position; classes are
/// in one component exactly if each can be reached from the other.
pub(crate) struct Topology {
    nodes: Vec<Node>,
    /// Every position is between these two.
    lowest: i64,
    highest: i64,
}

struct Node {
    /// The class that stands for the component this one is in.
    component: ClassId,
    /// Where the component is in the order. Of meaning only at the class that stands for it.
    position: i64,
    /// The other classes of the component. Empty except at the class that stands for it.
    others: Vec<ClassId>,
    successors: Vec<ClassId>,
    predecessors: Vec<ClassId>,
    /// Which searches have been here: bits of [`Direction`]. Zero between calls.
    seen: u8,
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Direction {
    Forward = 0b01,
    Backward = 0b10,
}

const SEEN_BOTH_WAYS: u8 = Direction::Forward as u8 | Direction::Backward as u8;

impl Topology {
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            lowest: 0,
            highest: -1,
        }
    }

    /// Makes place for all classes up to this one.
    pub(crate) fn grow(&mut self, last: ClassId) {
        while self.nodes.len() <= last.index() {
            self.highest += 1;
            self.nodes.push(Node {
                component: ClassId(u32::try_from(self.nodes.len()).expect("class ids are u32")),
                position: self.highest,
                others: Vec::new(),
                successors: Vec::new(),
                predecessors: Vec::new(),
                seen: 0,
            });
        }
    }

    /// The class that stands for the component of this one.
    pub(crate) fn component(&self, class: ClassId) -> ClassId {
        self.nodes[class.index()].component
    }

    /// True if there is a cycle through both classes.
    pub(crate) fn together(&self, one: ClassId, other: ClassId) -> bool {
        self.component(one) == self.component(other)
    }

    /// False if it is certain that no path leads from one class to the other.
    pub(crate) fn may_reach(&self, from: ClassId, to: ClassId) -> bool {
        self.position(self.component(from)) <= self.position(self.component(to))
    }

    /// Adds an edge between two classes known to [`Topology::grow`]; it must be a new one.
    pub(crate) fn insert(&mut self, from: ClassId, to: ClassId) {
        let from_leads = self.nodes[from.index()].predecessors.is_empty();
        let to_trails = self.nodes[to.index()].successors.is_empty();
        self.nodes[from.index()].successors.push(to);
        self.nodes[to.index()].predecessors.push(from);
        let (source, target) = (self.component(from), self.component(to));
        if source == target || self.position(source) < self.position(target) {
            return;
        }
        // Without a way in or out, a class is on no cycle, so it is a component of its own.
        if from_leads {
            self.lowest -= 1;
            self.nodes[from.index()].position = self.lowest;
        } else if to_trails {
            self.highest += 1;
            self.nodes[to.index()].position = self.highest;
        } else {
            self.reorder(source, target);
        }
    }

    fn position(&self, component: ClassId) -> i64 {
        self.nodes[component.index()].position
    }

    /// Restores the order after an edge from `source` to the lower component `target`.
    ///
    /// Only components with positions between the two are looked at. What leads to `source` moves
    /// down, what `target` leads to moves up, each group keeping its order, into the positions
    /// that they had together; what is in both groups is on a cycle, and becomes one component.
    fn reorder(&mut self, source: ClassId, target: ClassId) {
        let (low, high) = (self.position(target), self.position(source));
        let after = self.reach(target, Direction::Forward, |position| position <= high);
        let mut before = self.reach(source, Direction::Backward, |position| position >= low);

        let on_cycle = |class: &ClassId| self.nodes[class.index()].seen == SEEN_BOTH_WAYS;
        before.retain(|component| !on_cycle(component));
        let (cycle, mut after): (Vec<_>, Vec<_>) = after.into_iter().partition(on_cycle);

        let mut positions = Vec::with_capacity(before.len() + cycle.len() + after.len());
        for &component in before.iter().chain(&cycle).chain(&after) {
            self.nodes[component.index()].seen = 0;
            positions.push(self.position(component));
        }
        positions.sort_unstable();

        before.sort_unstable_by_key(|&component| self.position(component));
        after.sort_unstable_by_key(|&component| self.position(component));
        for (&component, &position) in before.iter().zip(&positions) {
            self.nodes[component.index()].position = position;
        }
        for (&component, &position) in after.iter().rev().zip(positions.iter().rev()) {
            self.nodes[component.index()].position = position;
        }
        if !cycle.is_empty() {
            let merged = self.merge(&cycle);
            self.nodes[merged.index()].position = positions[before.len()];
        }
    }

    /// The components that can be reached from this one, itself included, without leaving the
    /// positions that are `within`. Marks them as seen.
    fn reach(
        &mut self,
        start: ClassId,
        direction: Direction,
        within: impl Fn(i64) -> bool,
    ) -> Vec<ClassId> {
        let mark = direction as u8;
        let mut found = vec![start];
        self.nodes[start.index()].seen |= mark;
        let mut next = 0;
        while next < found.len() {
            let component = found[next];
            next += 1;
            let size = 1 + self.nodes[component.index()].others.len();
            for member in 0..size {
                let class = match member {
                    0 => component,
                    _ => self.nodes[component.index()].others[member - 1],
                };
                for neighbour in 0..self.neighbours(class, direction).len() {
                    let neighbour = self.component(self.neighbours(class, direction)[neighbour]);
                    let node = &mut self.nodes[neighbour.index()];
                    if node.seen & mark == 0 && within(node.position) {
                        node.seen |= mark;
                        found.push(neighbour);
                    }
                }
            }
        }
        found
    }

    fn neighbours(&self, class: ClassId, direction: Direction) -> &[ClassId] {
        let node = &self.nodes[class.index()];
        match direction {
            Direction::Forward => &node.successors,
            Direction::Backward => &node.predecessors,
        }
    }

    /// Makes one component of several, and returns the class that stands for it.
    fn merge(&mut self, components: &[ClassId]) -> ClassId {
        let size = |component: &ClassId| self.nodes[component.index()].others.len();
        let largest = *components
            .iter()
            .max_by_key(|component| size(component))
            .expect("a cycle has components");
        let mut members = std::mem::take(&mut self.nodes[largest.index()].others);
        for &component in components.iter().filter(|&&other| other != largest) {
            let first_new = members.len();
            members.push(component);
            members.append(&mut self.nodes[component.index()].others);
            for &member in &members[first_new..] {
                self.nodes[member.index()].component = largest;
            }
        }
        self.nodes[largest.index()].others = members;
        largest
    }
}

#[cfg(test)]
mod tests;
