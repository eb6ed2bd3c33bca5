use proptest::prelude::*;

use super::{ClassId, Topology};

const CLASSES: u32 = 200;

/// The invariant that is stated at [`Topology`], but for reachability.
fn assert_ordered(topology: &Topology, edges: &[(u32, u32)]) {
    for &(from, to) in edges {
        let [from, to] = [from, to].map(|class| topology.component(ClassId(class)));
        let positions = (topology.position(from), topology.position(to));
        assert!(
            from == to || positions.0 < positions.1,
            "{from:?} -> {to:?}"
        );
    }
    let representatives = (0..CLASSES).map(ClassId);
    let representatives = representatives.filter(|&class| topology.component(class) == class);
    let mut positions: Vec<i64> = representatives
        .map(|class| topology.position(class))
        .collect();
    let components = positions.len();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), components, "a position taken twice");
    assert!(topology.nodes.iter().all(|node| node.seen == 0));
    assert_members_agree(topology);
}

fn assert_members_agree(topology: &Topology) {
    for (index, node) in topology.nodes.iter().enumerate() {
        let stands_for_itself = node.component.index() == index;
        assert!(stands_for_itself || node.others.is_empty());
        for &other in &node.others {
            assert_eq!(topology.component(other), node.component);
        }
    }
    let members = |node: &super::Node| node.others.len();
    let others: usize = topology.nodes.iter().map(members).sum();
    let represented = topology.nodes.iter().enumerate();
    let represented = represented.filter(|(index, node)| node.component.index() != *index);
    assert_eq!(others, represented.count());
}

/// Which classes can be reached from which, by plain search.
fn reachable(edges: &[(u32, u32)]) -> Vec<Vec<bool>> {
    let mut successors = vec![Vec::new(); CLASSES as usize];
    for &(from, to) in edges {
        successors[from as usize].push(to as usize);
    }
    let from_one = |start| {
        let mut seen = vec![false; CLASSES as usize];
        let mut open = vec![start];
        while let Some(class) = open.pop() {
            if !std::mem::replace(&mut seen[class], true) {
                open.extend(&successors[class]);
            }
        }
        seen
    };
    (0..CLASSES as usize).map(from_one).collect()
}

fn assert_components_exact(topology: &Topology, edges: &[(u32, u32)]) {
    let reachable = reachable(edges);
    for one in 0..CLASSES {
        for other in 0..CLASSES {
            let forth = reachable[one as usize][other as usize];
            let back = reachable[other as usize][one as usize];
            let (from, to) = (ClassId(one), ClassId(other));
            assert_eq!(
                topology.together(from, to),
                forth && back,
                "{one} and {other}"
            );
            assert!(!forth || topology.may_reach(from, to), "{one} to {other}");
        }
    }
}

fn distinct_edges(count: usize) -> impl Strategy<Value = Vec<(u32, u32)>> {
    let edge = (0..CLASSES, 0..CLASSES).prop_filter("a loop", |(from, to)| from != to);
    prop::collection::vec(edge, 0..count).prop_map(|edges| {
        let mut seen = std::collections::BTreeSet::new();
        let is_new = |edge: &(u32, u32)| seen.insert(*edge);
        edges.into_iter().filter(is_new).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_holds_after_every_edge(edges in distinct_edges(500)) {
        let mut topology = Topology::new();
        topology.grow(ClassId(CLASSES - 1));
        for (index, &(from, to)) in edges.iter().enumerate() {
            topology.insert(ClassId(from), ClassId(to));
            assert_ordered(&topology, &edges[..=index]);
        }
        assert_components_exact(&topology, &edges);
    }

    #[test]
    fn without_cycles_every_class_is_its_own_component(
        edges in distinct_edges(1_500),
        names in Just((0..CLASSES).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let upward = |(from, to): (u32, u32)| {
            (names[from.min(to) as usize], names[from.max(to) as usize])
        };
        let mut edges: Vec<_> = edges.into_iter().map(upward).collect();
        edges.sort_unstable();
        edges.dedup();
        edges.sort_by_key(|&(from, to)| (u64::from(from) * 7_919 + u64::from(to) * 104_729) % 1_009);
        let mut topology = Topology::new();
        topology.grow(ClassId(CLASSES - 1));
        for &(from, to) in &edges {
            topology.insert(ClassId(from), ClassId(to));
        }
        assert_ordered(&topology, &edges);
        prop_assert!(topology.nodes.iter().all(|node| node.others.is_empty()));
    }
}

#[test]
fn classes_may_come_in_any_order() {
    let mut topology = Topology::new();
    topology.grow(ClassId(CLASSES - 1));
    let edges: Vec<_> = (1..CLASSES).rev().map(|class| (class, class - 1)).collect();
    for &(from, to) in &edges {
        topology.insert(ClassId(from), ClassId(to));
    }
    assert_ordered(&topology, &edges);
    assert!(!topology.may_reach(ClassId(0), ClassId(1)));
    topology.insert(ClassId(0), ClassId(CLASSES - 1));
    assert!(topology.together(ClassId(3), ClassId(150)));
}
