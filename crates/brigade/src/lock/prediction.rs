//! Whether a lock is taken in an order that fits all orders seen so far.
//!
//! A thread comes here when it takes locks by a chain that is new to it (`held.rs`), which is soon never: the
//! first sight of an order costs a microsecond, the next ones a load and a compare.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::LazyLock;

use parking_lot::Mutex;

use super::action::backtrace;
use super::chain::Chain;
use super::class::{Origin, Source};
use super::graph::{ClassId, Cycle, Edge, Graph};
use super::held::{Held, Record};
use super::mode::Mode;
use super::records;
use super::report::{Acquisition, FindingKind, Report, Step};
use super::request::Request;

/// All orders seen so far, under one lock.
static ORDERS: LazyLock<Mutex<Orders>> = LazyLock::new(|| {
    Mutex::new(Orders {
        classes: Classes::default(),
        graph: Graph::new(),
    })
});

/// The classes and the graph of orders between them.
pub(crate) struct Orders {
    pub(crate) classes: Classes,
    pub(crate) graph: Graph<Witness>,
}

/// The classes of locks, numbered as they are seen.
#[derive(Default)]
pub(crate) struct Classes {
    /// One origin of each class.
    origins: Vec<Origin>,
    by_origin: HashMap<usize, ClassId>,
    /// The compiler may give one line several addresses.
    by_place: HashMap<(&'static str, u32, u32), ClassId>,
}

impl Classes {
    fn id(&mut self, origin: Origin) -> ClassId {
        if let Some(id) = self.by_origin.get(&origin.bits()) {
            return *id;
        }
        let next =
            ClassId(u32::try_from(self.origins.len()).expect("fewer classes than lines of code"));
        let id = match origin.source() {
            Source::Place(place) => *self
                .by_place
                .entry((place.file(), place.line(), place.column()))
                .or_insert(next),
            Source::Class(_) => next,
        };
        if id == next {
            self.origins.push(origin);
        }
        self.by_origin.insert(origin.bits(), id);
        id
    }

    /// One origin of the class.
    pub(crate) fn origin(&self, id: ClassId) -> Origin {
        self.origins[id.0 as usize]
    }

    pub(crate) fn origins(&self) -> &[Origin] {
        &self.origins
    }
}

/// How an order was first seen.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) thread: String,
    pub(crate) held_at: &'static Location<'static>,
    pub(crate) wanted_at: &'static Location<'static>,
    pub(crate) backtrace: Option<String>,
}

/// Looks at the orders seen so far.
pub(crate) fn with_orders<R>(look: impl FnOnce(&Orders) -> R) -> R {
    look(&ORDERS.lock())
}

/// Checks that a lock may be taken under all those that the thread holds, and notes the order; `chain` is the way
/// there. Returns what is wrong, what is so in every run first; if nothing is, the way has been seen.
pub(crate) fn check(record: &Record, request: &Request, chain: Chain) -> Vec<Report> {
    let mut held = record.held();
    held.retain(|held| held.address != 0 && !(request.upgrades && held.address == request.address));
    if let Some(own) = held
        .iter()
        .rev()
        .find(|held| held.address == request.address)
    {
        let kind = if request.blocks_itself(record) {
            FindingKind::Recursive
        } else {
            FindingKind::RecursiveRead
        };
        return vec![report(kind, record, own, request)];
    }
    let gates = held.iter().filter(|held| is_gate(held));
    let past_gates = chain.past(gates.map(|held| held.address));
    if record.has_seen(past_gates) {
        return Vec::new();
    }
    let orders = &mut *ORDERS.lock();
    if request.origin.says_nothing() {
        record.note_seen(chain);
        return Vec::new();
    }
    let guarded = orders.graph.guarded_cycles().count();
    let class = orders.classes.id(request.origin);
    let mut findings = Vec::new();
    let wrong = held.iter().rev().find_map(|under| {
        let kind = orders.is_wrong(under, request, class)?;
        Some(report(kind, record, under, request))
    });
    findings.extend(wrong);
    if request.has_readers
        && request.mode == Mode::Exclusive
        && let Some(cycle) = orders.graph.mark_written(class)
    {
        findings.push(describe(&cycle, &orders.classes));
    }
    for (place, under) in held.iter().enumerate().rev() {
        if under.origin.says_nothing()
            || orders.classes.id(under.origin) == class
            || orders.is_wrong(under, request, class).is_some()
        {
            continue;
        }
        findings.extend(orders.note(record, &held, place, request, class));
        // What is below has an edge to this one already. Only if this one is not held for reading does that lead
        // on: readers need not wait for readers.
        if under.chain.waited() && under.chain.mode() != Mode::Shared {
            break;
        }
    }
    if orders.graph.guarded_cycles().count() != guarded {
        // From now on it matters which locks of their classes are the gates. To each way that was seen without
        // a look at that: it was not.
        records::unsee_all();
    }
    if findings.is_empty() {
        let matters = orders.depends_on_gates(&held, class);
        record.note_seen(if matters { past_gates } else { chain });
    }
    findings
}

/// Two threads cannot both be where they hold this lock so.
fn is_gate(held: &Held) -> bool {
    held.chain.mode() != Mode::Shared
}

impl Orders {
    /// What is wrong with wanting a lock under this one, whatever other orders there are.
    fn is_wrong(&mut self, under: &Held, request: &Request, class: ClassId) -> Option<FindingKind> {
        if under.origin.says_nothing() {
            return None;
        }
        if self.classes.id(under.origin) == class {
            return (!request.origin.nested()).then_some(FindingKind::SameClass);
        }
        let ranks = (under.origin.rank(), request.origin.rank());
        matches!(ranks, (Some(lower), Some(higher)) if lower >= higher).then_some(FindingKind::Rank)
    }

    /// True if wanting a lock of the class under these is a step of a cycle that a gate guards.
    fn depends_on_gates(&mut self, held: &[Held], class: ClassId) -> bool {
        let from: Vec<_> = held
            .iter()
            .map(|held| self.classes.id(held.origin))
            .collect();
        let mut cycles = self.graph.guarded_cycles();
        cycles.any(|cycle| {
            let mut edges = cycle.edges.iter();
            edges.any(|edge| edge.to == class && from.contains(&edge.from))
        })
    }

    /// Notes that a lock is wanted under the one at a place among those held. Returns the cycle which that closes.
    fn note(
        &mut self,
        record: &Record,
        held: &[Held],
        place: usize,
        request: &Request,
        class: ClassId,
    ) -> Option<Report> {
        let under = &held[place];
        let others = held.iter().enumerate().filter(|(other, _)| *other != place);
        let gates: Vec<usize> = others
            .filter(|(_, held)| is_gate(held))
            .map(|(_, held)| held.address)
            .collect();
        let witness = || Witness {
            thread: record.name(),
            held_at: under.place,
            wanted_at: request.place,
            backtrace: backtrace(),
        };
        let from = self.classes.id(under.origin);
        let mode = under.chain.mode();
        let cycle = self
            .graph
            .observe(from, mode, class, request.mode, &gates, witness)?;
        Some(describe(&cycle, &self.classes))
    }
}

/// A report about two locks of one thread.
fn report(kind: FindingKind, record: &Record, under: &Held, request: &Request) -> Report {
    let step = Step {
        thread: record.name(),
        holds: Acquisition::of_held(under),
        wants: Acquisition::of_lock(request.origin, request.mode, Some(request.place)),
        backtrace: backtrace(),
    };
    Report::new(kind, vec![step])
}

/// The report of a cycle of orders.
fn describe(cycle: &Cycle<'_, Witness>, classes: &Classes) -> Report {
    let step = |edge: &&Edge<Witness>| Step {
        thread: edge.witness.thread.clone(),
        holds: Acquisition::of_lock(
            classes.origin(edge.from),
            edge.held,
            Some(edge.witness.held_at),
        ),
        wants: Acquisition::of_lock(
            classes.origin(edge.to),
            edge.wanted,
            Some(edge.witness.wanted_at),
        ),
        backtrace: edge.witness.backtrace.clone(),
    };
    Report::new(FindingKind::Order, cycle.edges.iter().map(step).collect())
}
