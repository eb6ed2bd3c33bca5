//! Condition variables: wake-ups that get lost, reach the wrong one, or come too early.

use std::sync::Arc;

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering::SeqCst, thread};
use crate::specimen::{BOTH, EXPLORE, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "lost wake-up",
        mistake: "the flag is looked at outside of the lock; it is set and notified before the wait begins",
        found_by: BOTH,
        kind: Kind::Deadlocked,
        smallest: &[1, 1],
        bug: |way| gates(way).check(Gate::new, Gate::look_then_lock),
        twin: |way| gates(way).check(Gate::new, Gate::lock_then_look),
    },
    Specimen {
        name: "missed notify",
        mistake: "only the item that ends an empty buffer wakes a consumer; two may wait",
        found_by: EXPLORE,
        kind: Kind::Deadlocked,
        smallest: &[2, 1, 1],
        bug: |way| buffers(way, usize::MAX).check(Buffer::unbounded, Buffer::notify_if_empty),
        twin: |way| buffers(way, usize::MAX).check(Buffer::unbounded, Buffer::notify_each),
    },
    Specimen {
        name: "wrong one notified",
        mistake: "producers and consumers wait on one condition, and one of them is woken, of either kind",
        found_by: EXPLORE,
        kind: Kind::Deadlocked,
        smallest: &[1, 1, 1],
        bug: |way| buffers(way, 1).check(Buffer::of_one, Buffer::notify_one_of_all),
        twin: |way| buffers(way, 1).check(Buffer::of_one, Buffer::notify_each),
    },
    Specimen {
        name: "if instead of while",
        mistake: "whoever is woken takes for granted that there is an item still",
        found_by: EXPLORE,
        kind: Kind::Panicked,
        smallest: &[2, 1],
        bug: |way| buffers(way, usize::MAX).check(Buffer::unbounded, Buffer::wait_once),
        twin: |way| buffers(way, usize::MAX).check(Buffer::unbounded, Buffer::notify_each),
    },
    Specimen {
        name: "barrier reuse",
        mistake: "a fast thread arrives at a barrier again before a slow one has seen that it was passed",
        found_by: EXPLORE,
        kind: Kind::Deadlocked,
        smallest: &[],
        bug: |way| {
            way.exploration()
                .check(|| pass_twice(Barrier::wait_until_empty))
        },
        twin: |way| {
            way.exploration()
                .check(|| pass_twice(Barrier::wait_for_the_next_generation))
        },
    },
];

// A gate, opened once, for which any number may wait.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Opened(bool);

#[derive(Clone, Debug, PartialEq)]
enum Passing {
    Wait,
    Open,
}

impl Model for Opened {
    type Operation = Passing;
    type Outcome = ();

    fn apply(&mut self, operation: &Passing) {
        self.0 |= *operation == Passing::Open;
    }

    fn is_ready(&self, operation: &Passing) -> bool {
        self.0 || *operation == Passing::Open
    }
}

fn gates(way: &Way) -> Linearizable<Opened> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Passing::Wait,
        false => Passing::Open,
    };
    way.of(linearizable().generate(generate))
}

struct Gate {
    open: AtomicBool,
    lock: Mutex<()>,
    opened: Condvar,
}

impl Gate {
    fn new() -> Self {
        Self {
            open: AtomicBool::new(false),
            lock: Mutex::new(()),
            opened: Condvar::new(),
        }
    }

    fn look_then_lock(&self, operation: &Passing) {
        match operation {
            Passing::Wait => {
                while !self.open.load(SeqCst) {
                    point("closed");
                    let lock = self.lock.lock().unwrap();
                    drop(self.opened.wait(lock).unwrap());
                }
            }
            Passing::Open => self.open(),
        }
    }

    fn lock_then_look(&self, operation: &Passing) {
        match operation {
            Passing::Wait => {
                let mut lock = self.lock.lock().unwrap();
                while !self.open.load(SeqCst) {
                    point("closed");
                    lock = self.opened.wait(lock).unwrap();
                }
            }
            Passing::Open => self.open(),
        }
    }

    fn open(&self) {
        let lock = self.lock.lock().unwrap();
        self.open.store(true, SeqCst);
        self.opened.notify_all();
        drop(lock);
    }
}

// A buffer, whose producers wait while it is full, and consumers while it is empty.

#[derive(Clone, PartialEq, Eq, Hash)]
struct Items {
    count: usize,
    capacity: usize,
}

#[derive(Clone, Debug)]
enum Buffering {
    Put,
    Take,
}

impl Model for Items {
    type Operation = Buffering;
    type Outcome = ();

    fn apply(&mut self, operation: &Buffering) {
        match operation {
            Buffering::Put => self.count += 1,
            Buffering::Take => self.count -= 1,
        }
    }

    fn is_ready(&self, operation: &Buffering) -> bool {
        match operation {
            Buffering::Put => self.count < self.capacity,
            Buffering::Take => self.count > 0,
        }
    }
}

fn buffers(way: &Way, capacity: usize) -> Linearizable<Items> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Buffering::Put,
        false => Buffering::Take,
    };
    let empty = Items { count: 0, capacity };
    way.of(Linearizable::from_state(empty)
        .threads(3)
        .operations(2)
        .generate(generate))
}

struct Buffer {
    capacity: usize,
    items: Mutex<usize>,
    not_empty: Condvar,
    not_full: Condvar,
    /// In place of the other two.
    changed: Condvar,
}

impl Buffer {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            items: Mutex::new(0),
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
            changed: Condvar::new(),
        }
    }

    fn unbounded() -> Self {
        Self::with_capacity(usize::MAX)
    }

    fn of_one() -> Self {
        Self::with_capacity(1)
    }

    fn notify_each(&self, operation: &Buffering) {
        match operation {
            Buffering::Put => {
                self.put(&self.not_full);
                self.not_empty.notify_one();
            }
            Buffering::Take => {
                self.take(&self.not_empty);
                self.not_full.notify_one();
            }
        }
    }

    fn notify_if_empty(&self, operation: &Buffering) {
        match operation {
            Buffering::Put => {
                let before = self.put(&self.not_full);
                if before == 0 {
                    self.not_empty.notify_one();
                }
            }
            Buffering::Take => self.take(&self.not_empty),
        }
    }

    fn notify_one_of_all(&self, operation: &Buffering) {
        match operation {
            Buffering::Put => {
                self.put(&self.changed);
            }
            Buffering::Take => self.take(&self.changed),
        }
        self.changed.notify_one();
    }

    fn wait_once(&self, operation: &Buffering) {
        match operation {
            Buffering::Put => {
                self.put(&self.not_full);
                self.not_empty.notify_one();
            }
            Buffering::Take => {
                let mut items = self.items.lock().unwrap();
                if *items == 0 {
                    items = self.not_empty.wait(items).unwrap();
                }
                *items = items.checked_sub(1).expect("there is an item");
            }
        }
    }

    /// Waits for room; returns how many items were there before this one.
    fn put(&self, not_full: &Condvar) -> usize {
        let mut items = self.items.lock().unwrap();
        while *items == self.capacity {
            items = not_full.wait(items).unwrap();
        }
        *items += 1;
        *items - 1
    }

    fn take(&self, not_empty: &Condvar) {
        let mut items = self.items.lock().unwrap();
        while *items == 0 {
            items = not_empty.wait(items).unwrap();
        }
        *items -= 1;
    }
}

// A barrier for two threads, who pass it twice. It is no matter of single operations in some order, so there is no
// model: what is explored is a whole program.

const PASSES: usize = 2;

struct Barrier {
    state: Mutex<Arrivals>,
    passed: Condvar,
}

#[derive(Default)]
struct Arrivals {
    arrived: usize,
    /// How often the barrier was passed.
    generation: usize,
}

impl Barrier {
    fn wait_until_empty(&self) {
        let (mut state, _) = self.arrive();
        // Planted: a thread that arrives for the next pass makes the barrier look as if this one were not over.
        while state.arrived != 0 {
            state = self.passed.wait(state).unwrap();
        }
    }

    fn wait_for_the_next_generation(&self) {
        let (mut state, generation) = self.arrive();
        while state.generation == generation {
            state = self.passed.wait(state).unwrap();
        }
    }

    /// Also returns how often the barrier was passed before.
    fn arrive(&self) -> (MutexGuard<'_, Arrivals>, usize) {
        let mut state = self.state.lock().unwrap();
        let generation = state.generation;
        state.arrived += 1;
        if state.arrived == 2 {
            state.arrived = 0;
            state.generation += 1;
            self.passed.notify_all();
        }
        (state, generation)
    }
}

fn pass_twice(wait: fn(&Barrier)) {
    let barrier = Arc::new(Barrier {
        state: Mutex::new(Arrivals::default()),
        passed: Condvar::new(),
    });
    let other = Arc::clone(&barrier);
    let thread = thread::spawn(move || (0..PASSES).for_each(|_| wait(&other)));
    (0..PASSES).for_each(|_| wait(&barrier));
    thread.join().unwrap();
}
