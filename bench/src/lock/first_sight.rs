//! What it costs to see an order of two locks for the first time.

use std::collections::HashSet;
use std::time::Instant;

use brigade::lock::{Class, Mutex};

use crate::steps::{below, steps};

/// Classes known before the first sample.
const CLASSES: usize = 1_000;
/// Orders known before the first sample, for each class.
const ORDERS_PER_CLASS: usize = 2;

/// A program's locks, each of its own class, always taken in one order that Brigade is not told.
struct Program {
    /// In the order in which they are taken.
    locks: Vec<Mutex<u64>>,
    /// Pairs that were taken.
    seen: HashSet<(usize, usize)>,
    state: u64,
}

/// Takes so many pairs of locks whose order was not seen before; a sample each. The program is set up when it
/// is first measured.
pub(super) fn measure(samples: usize) -> impl FnMut() -> Vec<f64> {
    let mut program = None;
    move || {
        let program = program.get_or_insert_with(Program::start);
        (0..samples).map(|_| program.see_new_order()).collect()
    }
}

impl Program {
    fn start() -> Self {
        let class = |_| -> &'static Class { Box::leak(Box::new(Class::new("a class"))) };
        let locks = (0..CLASSES).map(class).map(|class| Mutex::of(class, 0));
        let mut program = Self {
            locks: locks.collect(),
            seen: HashSet::new(),
            state: 1,
        };
        // Classes come to be known in a random order, as they do in programs: not in that in which they are
        // taken, which is for the order graph to find.
        for _ in 0..CLASSES * ORDERS_PER_CLASS {
            program.see_new_order();
        }
        program
    }

    /// Takes two locks in an order not seen before; the nanoseconds.
    fn see_new_order(&mut self) -> f64 {
        let (first, second) = self.new_pair();
        let (first, second) = (&self.locks[first], &self.locks[second]);
        // All that is not the order's first sight is warm.
        drop(second.lock());
        let began = Instant::now();
        {
            let mut first = first.lock();
            let mut second = second.lock();
            *first += 1;
            *second += 1;
        }
        began.elapsed().as_nanos() as f64
    }

    fn new_pair(&mut self) -> (usize, usize) {
        loop {
            let [one, other] = [(); 2].map(|()| {
                self.state = steps(1, self.state);
                below(CLASSES as u64, self.state) as usize
            });
            let pair = (one.min(other), one.max(other));
            if one != other && self.seen.insert(pair) {
                return pair;
            }
        }
    }
}
