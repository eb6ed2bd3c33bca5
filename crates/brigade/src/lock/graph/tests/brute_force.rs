//! The graph beside a plain enumeration of all cycles.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{ClassId, Cycle, Graph, Mode};

/// An edge but for its guards: from, held, to, wanted.
type Key = (ClassId, Mode, ClassId, Mode);

/// What was observed, and nothing worked out of it.
#[derive(Clone, Default)]
struct Plain {
    edges: BTreeMap<Key, BTreeSet<usize>>,
    written: BTreeSet<ClassId>,
}

#[derive(Clone, Debug)]
enum Change {
    Observe(Key, Vec<usize>),
    Write(ClassId),
}

impl Plain {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Observe(key, guards) => {
                let guards: BTreeSet<usize> = guards.iter().copied().collect();
                self.edges
                    .entry(*key)
                    .and_modify(|known| known.retain(|guard| guards.contains(guard)))
                    .or_insert(guards);
            }
            Change::Write(class) => {
                self.written.insert(*class);
            }
        }
    }

    fn joins(&self, incoming: &Key, outgoing: &Key) -> bool {
        incoming.2 == outgoing.0
            && (incoming.3.excludes(outgoing.1) || self.written.contains(&incoming.2))
    }

    fn is_guarded(&self, cycle: &[Key]) -> bool {
        let mut common = self.edges[&cycle[0]].clone();
        for key in cycle {
            common.retain(|guard| self.edges[key].contains(guard));
        }
        !common.is_empty()
    }

    fn is_possible(&self, cycle: &[Key]) -> bool {
        let starts: BTreeSet<ClassId> = cycle.iter().map(|key| key.0).collect();
        let joined = (0..cycle.len())
            .all(|index| self.joins(&cycle[index], &cycle[(index + 1) % cycle.len()]));
        starts.len() == cycle.len() && joined && !self.is_guarded(cycle)
    }

    /// All possible deadlocks, each beginning with its lowest class.
    fn possible(&self) -> BTreeSet<Vec<Key>> {
        let mut found = BTreeSet::new();
        for key in self.edges.keys() {
            self.extend(&mut vec![*key], &mut found);
        }
        found
    }

    fn extend(&self, path: &mut Vec<Key>, found: &mut BTreeSet<Vec<Key>>) {
        let last = path[path.len() - 1];
        if last.2 == path[0].0 && self.is_possible(path) {
            found.insert(path.clone());
        }
        for key in self.edges.keys().filter(|key| self.joins(&last, key)) {
            let is_new = path.iter().all(|other| other.0 != key.0);
            if is_new && key.0 > path[0].0 {
                path.push(*key);
                self.extend(path, found);
                path.pop();
            }
        }
    }
}

fn classes(cycle: &[Key]) -> Vec<ClassId> {
    cycle.iter().map(|key| key.0).collect()
}

fn keys(cycle: &Cycle<'_, ()>) -> Vec<Key> {
    let keys = cycle.edges.iter();
    keys.map(|edge| (edge.from, edge.held, edge.to, edge.wanted))
        .collect()
}

fn lowest_first(mut cycle: Vec<Key>) -> Vec<Key> {
    let lowest = (0..cycle.len()).min_by_key(|&index| cycle[index].0);
    cycle.rotate_left(lowest.expect("a cycle has edges"));
    cycle
}

fn begins_with_the_change(cycle: &[Key], change: &Change) -> bool {
    match change {
        Change::Observe(key, _) => cycle[0] == *key,
        Change::Write(class) => cycle[0].0 == *class,
    }
}

/// Makes the changes one after the other, and compares the answers.
fn compare(changes: &[Change]) {
    let mut graph = Graph::new();
    let mut plain = Plain::default();
    let mut before = BTreeSet::new();
    let mut reported = BTreeSet::new();
    for change in changes {
        plain.apply(change);
        let possible = plain.possible();
        let expected: BTreeSet<&Vec<Key>> = possible
            .difference(&before)
            .filter(|cycle| !reported.contains(&classes(cycle)))
            .collect();
        let returned = match change {
            Change::Observe((from, held, to, wanted), guards) => {
                graph.observe(*from, *held, *to, *wanted, guards, || ())
            }
            Change::Write(class) => graph.mark_written(*class),
        };
        if let Some(cycle) = returned.as_ref().map(keys) {
            assert!(begins_with_the_change(&cycle, change), "{cycle:?}");
            let cycle = lowest_first(cycle);
            assert!(
                expected.contains(&cycle),
                "{cycle:?} is not of {expected:?}"
            );
            reported.insert(classes(&cycle));
        } else {
            assert!(expected.is_empty(), "missed {expected:?} at {change:?}");
        }
        before = possible;
    }
    assert_eq!(graph.abandoned_searches(), 0);
    assert_eq!(graph.edge_count(), plain.edges.len());
    for cycle in graph.guarded_cycles() {
        assert!(plain.is_guarded(&keys(&cycle)));
    }
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        3 => Just(Mode::Shared),
        2 => Just(Mode::Exclusive),
        1 => Just(Mode::Upgradable),
    ]
}

fn change(classes: u32) -> impl Strategy<Value = Change> {
    let guards = prop_oneof![
        2 => Just(vec![]),
        3 => prop::sample::subsequence(vec![11, 22, 33], 1..=3),
    ];
    let ends = (0..classes, 1..classes);
    let observe =
        (ends, mode(), mode(), guards).prop_map(move |((from, distance), held, wanted, guards)| {
            let to = ClassId((from + distance) % classes);
            Change::Observe((ClassId(from), held, to, wanted), guards)
        });
    let write = (0..classes).prop_map(|class| Change::Write(ClassId(class)));
    prop_oneof![8 => observe, 1 => write]
}

fn changes(classes: u32, count: usize) -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(classes), 1..count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn few_classes_in_many_modes(changes in changes(3, 40)) {
        compare(&changes);
    }

    #[test]
    fn a_few_more_classes(changes in changes(5, 30)) {
        compare(&changes);
    }

    #[test]
    fn seven_classes(changes in changes(7, 30)) {
        compare(&changes);
    }
}
