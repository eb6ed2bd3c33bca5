use std::time::Instant;

use super::Mode::{Exclusive, Shared, Upgradable};
use super::{ClassId, Cycle, Graph, Limits, Mode};

mod brute_force;

const A: ClassId = ClassId(0);
const B: ClassId = ClassId(1);
const C: ClassId = ClassId(2);
const D: ClassId = ClassId(3);

type Names = Graph<&'static str>;

/// The classes of a cycle from the first edge on.
fn classes(cycle: Option<Cycle<'_, &'static str>>) -> Option<Vec<ClassId>> {
    let cycle = cycle?;
    for (edge, next) in cycle.edges.iter().zip(cycle.edges.iter().cycle().skip(1)) {
        assert_eq!(edge.to, next.from, "edges in a row");
    }
    Some(cycle.edges.iter().map(|edge| edge.from).collect())
}

fn exclusive(graph: &mut Names, from: ClassId, to: ClassId) -> Option<Vec<ClassId>> {
    let cycle = graph.observe(from, Exclusive, to, Exclusive, &[], || "exclusive");
    classes(cycle)
}

fn guarded(graph: &mut Names, from: ClassId, to: ClassId, by: &[usize]) -> Option<Vec<ClassId>> {
    classes(graph.observe(from, Exclusive, to, Exclusive, by, || "guarded"))
}

/// Two edges, with the same two modes each, that form a cycle of two classes.
fn opposite(held: Mode, wanted: Mode) -> (Names, Option<Vec<ClassId>>) {
    let mut graph = Graph::new();
    assert!(graph.observe(A, held, B, wanted, &[], || "first").is_none());
    let cycle = classes(graph.observe(B, held, A, wanted, &[], || "second"));
    (graph, cycle)
}

#[test]
fn abba_is_found_once() {
    let mut graph = Names::new();
    assert_eq!(graph.reported_count(), 0);
    assert_eq!(exclusive(&mut graph, A, B), None);
    assert_eq!(exclusive(&mut graph, B, A), Some(vec![B, A]));
    assert_eq!(exclusive(&mut graph, B, A), None);
    assert_eq!(exclusive(&mut graph, A, B), None);
    assert_eq!((graph.edge_count(), graph.class_count()), (2, 2));
    assert_eq!(graph.reported_count(), 1);
}

#[test]
fn the_graph_can_be_a_static() {
    static GRAPH: parking_lot::Mutex<Names> = parking_lot::Mutex::new(Graph::new());
    assert_eq!(exclusive(&mut GRAPH.lock(), A, B), None);
    assert_eq!(GRAPH.lock().edge_count(), 1);
}

#[test]
fn a_cycle_has_the_first_witness_of_each_edge() {
    let mut graph = Graph::new();
    graph.observe(A, Shared, B, Upgradable, &[], || "first");
    graph.observe(A, Shared, B, Upgradable, &[], || unreachable!());
    let cycle = graph.observe(B, Upgradable, A, Exclusive, &[], || "second");
    let edges = cycle.expect("a cycle").edges;
    let seen = |edge: &super::Edge<_>| (edge.from, edge.held, edge.to, edge.wanted, edge.witness);
    assert_eq!(seen(edges[0]), (B, Upgradable, A, Exclusive, "second"));
    assert_eq!(seen(edges[1]), (A, Shared, B, Upgradable, "first"));
    assert!(
        graph
            .edges()
            .map(|edge| edge.witness)
            .eq(["first", "second"])
    );
}

#[test]
fn cycles_of_three_and_more_are_found() {
    let mut graph = Names::new();
    assert_eq!(exclusive(&mut graph, A, B), None);
    assert_eq!(exclusive(&mut graph, B, C), None);
    assert_eq!(exclusive(&mut graph, C, A), Some(vec![C, A, B]));

    let mut ring = Names::new();
    let class = |index: u32| ClassId(index % 10);
    for index in 0..9 {
        let edge = (class(index * 3), class(index * 3 + 3));
        assert_eq!(exclusive(&mut ring, edge.0, edge.1), None);
    }
    let cycle = exclusive(&mut ring, class(27), class(0));
    assert_eq!(cycle.map(|cycle| cycle.len()), Some(10));
}

#[test]
fn each_further_cycle_is_found_the_shortest_first() {
    let mut graph = Names::new();
    exclusive(&mut graph, A, B);
    exclusive(&mut graph, B, C);
    exclusive(&mut graph, C, D);
    exclusive(&mut graph, B, D);
    assert_eq!(exclusive(&mut graph, D, A), Some(vec![D, A, B]));
    // The other one was completed by the same edge; the next edge completes a new one.
    assert_eq!(exclusive(&mut graph, D, B), Some(vec![D, B]));
}

#[test]
fn of_two_ways_back_the_shorter_is_found_first_though_its_classes_are_higher() {
    let mut graph = Names::new();
    let far = ClassId(4);
    for (from, to) in [(B, C), (C, D), (D, A), (B, far), (far, A)] {
        assert_eq!(exclusive(&mut graph, from, to), None);
    }
    assert_eq!(exclusive(&mut graph, A, B), Some(vec![A, B, far]));
}

#[test]
fn readers_block_readers_only_where_somebody_writes() {
    for (held, wanted) in [(Shared, Shared), (Shared, Upgradable), (Upgradable, Shared)] {
        let (mut graph, cycle) = opposite(held, wanted);
        assert_eq!(cycle, None, "{held:?} {wanted:?}");
        assert_eq!(classes(graph.mark_written(A)), None, "B is never written");
        assert_eq!(classes(graph.mark_written(B)), Some(vec![B, A]));
        assert_eq!(classes(graph.mark_written(B)), None);
    }
}

#[test]
fn an_upgradable_lock_excludes_its_like() {
    let (_, cycle) = opposite(Upgradable, Upgradable);
    assert_eq!(cycle, Some(vec![B, A]));
}

#[test]
fn a_writer_is_in_everybodys_way() {
    for other in [Shared, Upgradable, Exclusive] {
        assert_eq!(opposite(other, Exclusive).1, Some(vec![B, A]));
        assert_eq!(opposite(Exclusive, other).1, Some(vec![B, A]));
    }
}

#[test]
fn a_class_written_before_counts_when_the_cycle_closes() {
    let mut graph = Names::new();
    assert_eq!(classes(graph.mark_written(A)), None);
    graph.observe(A, Shared, B, Exclusive, &[], || "reader of A");
    let cycle = graph.observe(B, Exclusive, A, Shared, &[], || "reader of A");
    assert_eq!(classes(cycle), Some(vec![B, A]));
}

#[test]
fn another_mode_can_complete_a_cycle_later() {
    let (mut graph, cycle) = opposite(Shared, Shared);
    assert_eq!(cycle, None);
    let cycle = graph.observe(A, Exclusive, B, Shared, &[], || "A held by a writer");
    assert_eq!(classes(cycle), None, "readers meet at B");
    let cycle = graph.observe(A, Exclusive, B, Exclusive, &[], || "B wanted, too");
    assert_eq!(classes(cycle), Some(vec![A, B]));
}

/// The shortest walk that modes allow would meet B twice, as a reader and as a writer.
#[test]
fn a_class_is_not_on_a_cycle_twice() {
    let mut graph = Names::new();
    graph.observe(B, Exclusive, C, Exclusive, &[], || "");
    graph.observe(C, Exclusive, B, Exclusive, &[], || "reported");
    graph.observe(B, Shared, A, Exclusive, &[], || "");
    // Out of B to A one holds it shared, into B one wants it shared: readers meet there.
    let cycle = graph.observe(A, Exclusive, B, Shared, &[], || "");
    assert_eq!(classes(cycle), None);
    assert_eq!(classes(graph.mark_written(B)), Some(vec![B, A]));
}

#[test]
fn a_gate_guards_a_cycle_until_somebody_passes_it_by() {
    let mut graph = Names::new();
    assert_eq!(guarded(&mut graph, A, B, &[100, 7]), None);
    assert_eq!(guarded(&mut graph, B, A, &[8, 100]), None);
    assert_eq!(graph.guarded_cycles().count(), 1);
    assert_eq!(guarded(&mut graph, B, A, &[100]), None);
    assert_eq!(guarded(&mut graph, A, B, &[7]), Some(vec![A, B]));
    assert_eq!(graph.guarded_cycles().count(), 0);
    assert_eq!(guarded(&mut graph, B, A, &[]), None);
}

#[test]
fn a_gate_must_be_one_lock_at_all_edges() {
    let mut graph = Names::new();
    assert_eq!(guarded(&mut graph, A, B, &[1, 2]), None);
    assert_eq!(guarded(&mut graph, B, C, &[2, 3]), None);
    assert_eq!(guarded(&mut graph, C, A, &[3, 1]), Some(vec![C, A, B]));
}

#[test]
fn a_cycle_that_loses_its_gate_beside_one_that_is_reported_is_guarded_no_more() {
    let mut graph = Names::new();
    for (from, to) in [(A, B), (B, A), (B, C), (C, A)] {
        assert_eq!(guarded(&mut graph, from, to, &[1]), None);
    }
    assert_eq!(graph.guarded_cycles().count(), 2);
    assert_eq!(guarded(&mut graph, A, B, &[]), Some(vec![A, B]));
    assert_eq!(graph.guarded_cycles().count(), 0);
}

#[test]
fn so_many_guarded_cycles_are_kept() {
    let mut graph = Names::with_limits(Limits {
        guarded: 1,
        ..Limits::DEFAULT
    });
    for (from, to) in [(A, B), (B, A), (C, D), (D, C)] {
        assert_eq!(guarded(&mut graph, from, to, &[1]), None);
    }
    assert_eq!(graph.guarded_cycles().count(), 1);
}

#[test]
fn a_guarded_cycle_is_kept_only_if_its_edges_are() {
    let mut graph = Names::with_limits(Limits {
        edges: 1,
        ..Limits::DEFAULT
    });
    guarded(&mut graph, A, B, &[1]);
    assert_eq!(guarded(&mut graph, B, A, &[1]), None);
    assert_eq!(graph.guarded_cycles().count(), 0);
}

#[test]
fn a_longer_cycle_is_found_past_a_guarded_one() {
    let mut graph = Names::new();
    guarded(&mut graph, A, B, &[1]);
    guarded(&mut graph, A, C, &[]);
    guarded(&mut graph, C, B, &[]);
    assert_eq!(guarded(&mut graph, B, A, &[1]), Some(vec![B, A, C]));
    assert_eq!(graph.guarded_cycles().count(), 1);
}

#[test]
fn edges_of_other_modes_get_round_a_gate() {
    let mut graph = Names::new();
    guarded(&mut graph, A, B, &[1]);
    guarded(&mut graph, B, A, &[1]);
    assert_eq!(graph.guarded_cycles().count(), 1);
    let cycle = graph.observe(A, Exclusive, B, Shared, &[], || "no gate");
    assert_eq!(cycle.expect("a cycle").edges[0].witness, "no gate");
    assert_eq!(graph.guarded_cycles().count(), 0, "reported instead");
}

#[test]
fn a_full_graph_still_checks() {
    let mut graph = Names::with_limits(Limits {
        edges: 2,
        ..Limits::DEFAULT
    });
    exclusive(&mut graph, A, B);
    assert!(!graph.is_full());
    exclusive(&mut graph, B, C);
    assert!(graph.is_full());
    assert_eq!(exclusive(&mut graph, C, D), None);
    assert_eq!(exclusive(&mut graph, C, A), Some(vec![C, A, B]));
    assert_eq!(exclusive(&mut graph, C, A), None);
    assert_eq!(exclusive(&mut graph, B, A), Some(vec![B, A]));
    assert_eq!((graph.edge_count(), graph.edges().count()), (2, 2));
    assert_eq!(guarded(&mut graph, D, A, &[1]), None);
}

#[test]
fn reports_are_limited() {
    let mut graph = Names::with_limits(Limits {
        reported: 1,
        ..Limits::DEFAULT
    });
    exclusive(&mut graph, A, B);
    assert!(exclusive(&mut graph, B, A).is_some());
    exclusive(&mut graph, C, D);
    assert_eq!(exclusive(&mut graph, D, C), None);
}

/// Every class leads to every other, and all is guarded: as many cycles as there can be.
#[test]
fn a_search_without_end_is_given_up() {
    let mut graph = Names::with_limits(Limits {
        steps: 500,
        ..Limits::DEFAULT
    });
    for from in (0..12).map(ClassId) {
        for to in (0..12).map(ClassId).filter(|&to| to != from) {
            assert_eq!(guarded(&mut graph, from, to, &[1]), None);
        }
    }
    assert!(graph.abandoned_searches() > 0);
    assert!(
        guarded(&mut graph, B, A, &[]).is_some(),
        "the short way is seen first"
    );
}

#[test]
fn the_way_to_a_cycle_costs_steps_too() {
    let mut graph = Names::with_limits(Limits {
        steps: 2,
        ..Limits::DEFAULT
    });
    exclusive(&mut graph, A, B);
    // Two for the choice of edges would do, but there are two classes to go to first.
    assert_eq!(exclusive(&mut graph, B, A), None);
    assert_eq!(graph.abandoned_searches(), 1);
}

/// Random pairs by a fixed sequence (Knuth's MMIX generator), so that figures can be compared.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) as usize) % below
}

fn print_times(label: &str, mut nanoseconds: Vec<u128>) {
    nanoseconds.sort_unstable();
    let at = |share: usize| nanoseconds[(nanoseconds.len() - 1) * share / 1_000];
    println!(
        "{label}: median {} ns, 90 % {} ns, 99 % {} ns, most {} ns, mean {} ns",
        at(500),
        at(900),
        at(990),
        at(1_000),
        nanoseconds.iter().sum::<u128>() / nanoseconds.len() as u128,
    );
}

fn measure(label: &str, edges: &[(ClassId, ClassId)], mode: Mode) {
    let mut graph = Names::new();
    let mut first = Vec::new();
    for &(from, to) in edges {
        let start = Instant::now();
        let cycle = graph.observe(from, mode, to, mode, &[], || "");
        first.push(start.elapsed().as_nanos());
        assert!(cycle.is_none() || mode == Exclusive);
    }
    let last = first.split_off(first.len() - first.len() / 5);
    print_times(&format!("{label}, first 80 %"), first);
    print_times(&format!("{label}, last 20 %"), last);
}

/// `cargo test --release -p brigade --lib first_sight -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn first_sight_of_an_edge() {
    const CLASSES: usize = 1_000;
    const EDGES: usize = 5_000;
    let mut state = 42;
    let mut names: Vec<u32> = (0..CLASSES as u32).collect();
    for index in (1..CLASSES).rev() {
        names.swap(index, random(&mut state, index + 1));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut edges = Vec::new();
    while edges.len() < EDGES {
        let (one, other) = (random(&mut state, CLASSES), random(&mut state, CLASSES));
        let (low, high) = (one.min(other), one.max(other));
        if low != high && seen.insert((low, high)) {
            edges.push((ClassId(names[low]), ClassId(names[high])));
        }
    }
    measure("random order, no cycles", &edges, Exclusive);

    // Afterwards a benign cycle: the searches must not spread over the whole graph.
    let mut benign = edges.clone();
    benign.insert(EDGES / 2, (edges[0].1, edges[0].0));
    measure("one cycle of readers", &benign, Shared);

    let mut sorted = edges.clone();
    sorted.sort_unstable();
    measure("sorted, no cycles", &sorted, Exclusive);

    // As bad as it gets: most classes on cycles with most others, each search over all of them.
    let mut tangled = edges.clone();
    tangled
        .iter_mut()
        .step_by(2)
        .for_each(|(from, to)| std::mem::swap(from, to));
    measure("cycles everywhere", &tangled, Exclusive);

    let nothing = (0..EDGES).map(|_| {
        let start = Instant::now();
        start.elapsed().as_nanos()
    });
    print_times("the clock alone", nothing.collect());
}
