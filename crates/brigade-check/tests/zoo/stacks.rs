//! A stack whose nodes are used again.

use std::collections::VecDeque;

use brigade_check::{Kind, Linearizable, Model, Rng, point};

use super::primitive::{AtomicU32, AtomicUsize, Mutex, Ordering::SeqCst};
use crate::specimen::{EXPLORE, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "ABA",
    mistake: "the top of a stack is the same node as before, but on another one: its successor was freed",
    found_by: EXPLORE,
    kind: Kind::Unexplained,
    smallest: &[3, 1],
    bug: |way| stacks(way).check(Stack::without_tags, Stack::apply),
    twin: |way| stacks(way).check(Stack::with_tags, Stack::apply),
}];

// A stack of Treiber's, whose nodes are used again. Links are places in an array, so that nothing worse can happen
// than a wrong result.

#[derive(Clone, PartialEq, Eq, Hash)]
struct Pile(Vec<u32>);

#[derive(Clone, Debug)]
enum Stacking {
    Push(u32),
    Pop,
}

impl Model for Pile {
    type Operation = Stacking;
    type Outcome = Option<u32>;

    fn apply(&mut self, operation: &Stacking) -> Option<u32> {
        match operation {
            Stacking::Push(item) => {
                self.0.push(*item);
                None
            }
            Stacking::Pop => self.0.pop(),
        }
    }
}

fn stacks(way: &Way) -> Linearizable<Pile> {
    let generate = |rng: &mut Rng| match rng.u8(..5) {
        0..3 => Stacking::Pop,
        item => Stacking::Push(u32::from(item)),
    };
    let check = Linearizable::from_state(Pile(Vec::new())).generate(generate);
    way.of(check
        .before([Stacking::Push(1), Stacking::Push(2)])
        .after([Stacking::Pop]))
}

struct Stack {
    /// The number of the top node, [`NONE`] if there is none; above it the tag.
    top: AtomicUsize,
    /// Grows with each change of the top, if there are tags at all.
    tags: bool,
    nodes: [Node; NODES],
    /// Nodes to be used again, the longest free first, and how many were used at all.
    free: Mutex<(VecDeque<usize>, usize)>,
}

#[derive(Default)]
struct Node {
    item: AtomicU32,
    below: AtomicUsize,
}

const NODES: usize = 16;
const NONE: usize = NODES;
const TAG: usize = 1 << 8;

impl Stack {
    fn without_tags() -> Self {
        Self::new(false)
    }

    fn with_tags() -> Self {
        Self::new(true)
    }

    fn new(tags: bool) -> Self {
        Self {
            top: AtomicUsize::new(NONE),
            tags,
            nodes: std::array::from_fn(|_| Node::default()),
            free: Mutex::new((VecDeque::new(), 0)),
        }
    }

    fn apply(&self, operation: &Stacking) -> Option<u32> {
        match operation {
            Stacking::Push(item) => {
                self.push(*item);
                None
            }
            Stacking::Pop => self.pop(),
        }
    }

    fn push(&self, item: u32) {
        let new = self.free_node();
        self.nodes[new].item.store(item, SeqCst);
        loop {
            let top = self.top.load(SeqCst);
            self.nodes[new].below.store(top % TAG, SeqCst);
            if self.replace_top(top, new) {
                return;
            }
        }
    }

    fn pop(&self) -> Option<u32> {
        loop {
            let top = self.top.load(SeqCst);
            let node = self.nodes.get(top % TAG)?;
            let below = node.below.load(SeqCst);
            point("node below read");
            if self.replace_top(top, below) {
                let item = node.item.load(SeqCst);
                self.free.lock().unwrap().0.push_back(top % TAG);
                return Some(item);
            }
        }
    }

    fn replace_top(&self, old: usize, new: usize) -> bool {
        let tag = if self.tags { old / TAG + 1 } else { 0 };
        let new = new + tag * TAG;
        self.top.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }

    fn free_node(&self) -> usize {
        let mut free = self.free.lock().unwrap();
        let (again, used) = &mut *free;
        again.pop_front().unwrap_or_else(|| {
            *used += 1;
            *used - 1
        })
    }
}
