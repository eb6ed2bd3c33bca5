//! All orders seen so far, for people and for programs.

use std::fmt;

use super::class::{Origin, Rank};
use super::graph::Edge;
use super::prediction::{Orders, Witness, with_orders};
use super::report::{Access, Place, dot_edge, name_of};

/// The orders in which locks have been taken since the program began, by class.
///
/// Its `Display` form is a text for people; [`to_dot`](Self::to_dot) draws it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OrderReport {
    /// The classes that have been taken under, or over, others.
    pub classes: Vec<ClassReport>,
    /// Each order of two classes that was seen.
    pub edges: Vec<EdgeReport>,
    /// Cycles that cannot deadlock, because one same lock was held around each of their steps: the names of
    /// their classes.
    pub guarded: Vec<Vec<String>>,
    /// How many cycles were found that can deadlock.
    pub cycles: usize,
    /// True if orders were seen that there was no room to keep.
    pub is_full: bool,
    /// How many times the search for a cycle was given up for its length.
    pub unfinished_searches: usize,
}

/// A class of locks.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClassReport {
    /// Its name, or the line that makes its locks.
    pub name: String,
    /// Its rank.
    pub rank: Option<u32>,
    /// The line that makes its locks, or the first one that did.
    pub made_at: Place,
}

/// An order of two classes, as it was first seen.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EdgeReport {
    /// The class of the lock that was held.
    pub held: String,
    /// How it was held.
    pub held_access: Access,
    /// The line that had taken it.
    pub held_at: Place,
    /// The class of the lock that was then wanted.
    pub wanted: String,
    /// How it was wanted.
    pub wanted_access: Access,
    /// The line that wanted it.
    pub wanted_at: Place,
    /// The thread that did this first.
    pub thread: String,
}

/// The orders in which locks have been taken since the program began.
///
/// Cost: some microseconds for each hundred orders, during which no new order can be noted.
///
/// ```
/// use brigade::lock::{self, Mutex};
///
/// let (outer, inner) = (Mutex::named("outer", ()), Mutex::named("inner", ()));
/// let guard = outer.lock();
/// drop(inner.lock());
///
/// let orders = lock::report();
/// assert!(orders.edges.iter().any(|edge| edge.held == "outer" && edge.wanted == "inner"));
/// println!("{}", orders.to_dot());
/// # drop(guard);
/// ```
pub fn report() -> OrderReport {
    with_orders(OrderReport::new)
}

impl OrderReport {
    fn new(orders: &Orders) -> Self {
        let name = |class| name_of(orders.classes.origin(class));
        let edge = |edge: &Edge<Witness>| EdgeReport {
            held: name(edge.from),
            held_access: edge.held.into(),
            held_at: edge.witness.held_at.into(),
            wanted: name(edge.to),
            wanted_access: edge.wanted.into(),
            wanted_at: edge.witness.wanted_at.into(),
            thread: edge.witness.thread.clone(),
        };
        let class = |origin: &Origin| ClassReport {
            name: name_of(*origin),
            rank: origin.rank().map(|Rank(rank)| rank),
            made_at: origin.made_at().into(),
        };
        let guarded = orders.graph.guarded_cycles();
        Self {
            classes: orders.classes.origins().iter().map(class).collect(),
            edges: orders.graph.edges().map(edge).collect(),
            guarded: guarded
                .map(|cycle| cycle.edges.iter().map(|edge| name(edge.from)).collect())
                .collect(),
            cycles: orders.graph.reported_count(),
            is_full: orders.graph.is_full(),
            unfinished_searches: orders.graph.abandoned_searches(),
        }
    }

    /// A picture in the language of Graphviz: classes as nodes, an edge from each to those taken under it.
    pub fn to_dot(&self) -> String {
        let mut dot = String::from("digraph orders {\n");
        for edge in &self.edges {
            let label = format!("{}\n{}", edge.thread, edge.wanted_at);
            dot.push_str(&dot_edge(&edge.held, &edge.wanted, &label));
        }
        dot.push_str("}\n");
        dot
    }

    /// The report as one object of JSON.
    #[cfg(feature = "json")]
    #[cfg_attr(docsrs, doc(cfg(feature = "json")))]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|_| unreachable!("strings and numbers can always be written"))
    }
}

impl fmt::Display for OrderReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (classes, edges) = (self.classes.len(), self.edges.len());
        write!(formatter, "{edges} orders of {classes} classes of locks")?;
        match self.cycles {
            0 => formatter.write_str(", no cycle")?,
            cycles => write!(formatter, ", {cycles} cycles that can deadlock")?,
        }
        if self.unfinished_searches > 0 {
            write!(
                formatter,
                ", {} searches for cycles not ended",
                self.unfinished_searches
            )?;
        }
        if self.is_full {
            formatter.write_str(", and more than there was room for")?;
        }
        for edge in &self.edges {
            let EdgeReport {
                held,
                held_access,
                held_at,
                wanted,
                wanted_access,
                wanted_at,
                thread,
            } = edge;
            write!(
                formatter,
                "\n  `{held}`{held_access} at {held_at}, then `{wanted}`{wanted_access} at {wanted_at} (thread `{thread}`)"
            )?;
        }
        for cycle in &self.guarded {
            write!(
                formatter,
                "\n  guarded by a lock around it: {}",
                cycle.join(" -> ")
            )?;
        }
        Ok(())
    }
}
