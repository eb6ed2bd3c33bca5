//! Queues that lose items, or give them out twice.

use std::collections::VecDeque;

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicBool, AtomicU32, AtomicUsize, Mutex, Ordering::SeqCst};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "off by one",
        mistake: "a ring takes one item more than it has slots for",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[3],
        bug: |way| rings(way).check(Ring::new, Ring::with_one_too_many),
        twin: |way| rings(way).check(Ring::new, Ring::correct),
    },
    Specimen {
        name: "freed before it is read",
        mistake: "a consumer hands a slot back to the producers, then reads it",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[3, 1],
        bug: |way| rings(way).check(Ring::new, Ring::with_slots_freed_too_early),
        twin: |way| rings(way).check(Ring::new, Ring::correct),
    },
    Specimen {
        name: "last item lost",
        mistake: "whoever takes the last item begins the ring anew, while another puts one in",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[2, 1],
        bug: |way| rings(way).check(Ring::new, Ring::with_new_beginnings),
        twin: |way| rings(way).check(Ring::new, Ring::correct),
    },
    Specimen {
        name: "accepted when closed",
        mistake: "a task is let in, the queue is closed and drained, and then the task is queued",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| tasks(way).check(Tasks::new, Tasks::look_then_queue),
        twin: |way| tasks(way).check(Tasks::new, Tasks::queue_if_open),
    },
];

// A ring of two slots, with a lock for producers and one for consumers, so that one of each can go on at once.

const SLOTS: usize = 2;

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Items(VecDeque<u32>);

#[derive(Clone, Debug)]
enum Queueing {
    Push(u32),
    Pop,
}

#[derive(Clone, Debug, PartialEq)]
enum Queued {
    Pushed,
    Full,
    Popped(u32),
    Empty,
}

impl Model for Items {
    type Operation = Queueing;
    type Outcome = Queued;

    fn apply(&mut self, operation: &Queueing) -> Queued {
        match operation {
            Queueing::Push(_) if self.0.len() == SLOTS => Queued::Full,
            Queueing::Push(item) => {
                self.0.push_back(*item);
                Queued::Pushed
            }
            Queueing::Pop => self.0.pop_front().map_or(Queued::Empty, Queued::Popped),
        }
    }
}

fn rings(way: &Way) -> Linearizable<Items> {
    let generate = |rng: &mut Rng| match rng.u8(..5) {
        0..2 => Queueing::Pop,
        item => Queueing::Push(u32::from(item)),
    };
    way.of(linearizable().generate(generate).after([Queueing::Pop]))
}

struct Ring {
    producers: Mutex<()>,
    consumers: Mutex<()>,
    /// How many items were ever taken: the oldest one is in slot `head % SLOTS`.
    head: AtomicUsize,
    /// How many items were ever put in.
    tail: AtomicUsize,
    slots: [AtomicU32; SLOTS],
}

impl Ring {
    fn new() -> Self {
        Self {
            producers: Mutex::new(()),
            consumers: Mutex::new(()),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: [AtomicU32::new(0), AtomicU32::new(0)],
        }
    }

    fn correct(&self, operation: &Queueing) -> Queued {
        match operation {
            Queueing::Push(item) => self.push(*item, SLOTS),
            Queueing::Pop => self.pop(|head, _| {
                let item = self.slots[head % SLOTS].load(SeqCst);
                point("slot read");
                self.head.store(head + 1, SeqCst);
                item
            }),
        }
    }

    fn with_one_too_many(&self, operation: &Queueing) -> Queued {
        match operation {
            Queueing::Push(item) => self.push(*item, SLOTS + 1),
            Queueing::Pop => self.correct(operation),
        }
    }

    fn with_slots_freed_too_early(&self, operation: &Queueing) -> Queued {
        match operation {
            Queueing::Push(_) => self.correct(operation),
            Queueing::Pop => self.pop(|head, _| {
                self.head.store(head + 1, SeqCst);
                point("slot freed");
                self.slots[head % SLOTS].load(SeqCst)
            }),
        }
    }

    fn with_new_beginnings(&self, operation: &Queueing) -> Queued {
        match operation {
            Queueing::Push(_) => self.correct(operation),
            Queueing::Pop => self.pop(|head, tail| {
                let item = self.slots[head % SLOTS].load(SeqCst);
                if head + 1 == tail {
                    point("last item");
                    self.head.store(0, SeqCst);
                    self.tail.store(0, SeqCst);
                } else {
                    self.head.store(head + 1, SeqCst);
                }
                item
            }),
        }
    }

    fn push(&self, item: u32, capacity: usize) -> Queued {
        let pushing = self.producers.lock().unwrap();
        let (head, tail) = (self.head.load(SeqCst), self.tail.load(SeqCst));
        if tail - head >= capacity {
            return Queued::Full;
        }
        self.slots[tail % SLOTS].store(item, SeqCst);
        self.tail.store(tail + 1, SeqCst);
        drop(pushing);
        Queued::Pushed
    }

    /// `take` is given head and tail of a ring that is not empty.
    fn pop(&self, take: impl FnOnce(usize, usize) -> u32) -> Queued {
        let popping = self.consumers.lock().unwrap();
        let (head, tail) = (self.head.load(SeqCst), self.tail.load(SeqCst));
        if head == tail {
            return Queued::Empty;
        }
        let item = take(head, tail);
        drop(popping);
        Queued::Popped(item)
    }
}

// Tasks, which whoever closes the queue gets back.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Accepted {
    count: usize,
    closed: bool,
}

#[derive(Clone, Debug)]
enum Tasking {
    Submit,
    Close,
}

#[derive(Clone, Debug, PartialEq)]
enum Tasked {
    Accepted,
    Refused,
    /// With so many tasks left.
    Closed(usize),
}

impl Model for Accepted {
    type Operation = Tasking;
    type Outcome = Tasked;

    fn apply(&mut self, operation: &Tasking) -> Tasked {
        match operation {
            Tasking::Submit if self.closed => Tasked::Refused,
            Tasking::Submit => {
                self.count += 1;
                Tasked::Accepted
            }
            Tasking::Close => {
                self.closed = true;
                Tasked::Closed(std::mem::take(&mut self.count))
            }
        }
    }
}

fn tasks(way: &Way) -> Linearizable<Accepted> {
    let generate = |rng: &mut Rng| match rng.u8(..3) {
        0 => Tasking::Close,
        _ => Tasking::Submit,
    };
    way.of(linearizable().generate(generate))
}

struct Tasks {
    closed: AtomicBool,
    queued: Mutex<usize>,
}

impl Tasks {
    fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            queued: Mutex::new(0),
        }
    }

    fn look_then_queue(&self, operation: &Tasking) -> Tasked {
        match operation {
            Tasking::Submit => {
                if self.closed.load(SeqCst) {
                    return Tasked::Refused;
                }
                point("open");
                *self.queued.lock().unwrap() += 1;
                Tasked::Accepted
            }
            Tasking::Close => self.close(),
        }
    }

    fn queue_if_open(&self, operation: &Tasking) -> Tasked {
        match operation {
            Tasking::Submit => {
                let mut queued = self.queued.lock().unwrap();
                if self.closed.load(SeqCst) {
                    return Tasked::Refused;
                }
                point("open");
                *queued += 1;
                Tasked::Accepted
            }
            Tasking::Close => self.close(),
        }
    }

    fn close(&self) -> Tasked {
        let mut queued = self.queued.lock().unwrap();
        self.closed.store(true, SeqCst);
        Tasked::Closed(std::mem::take(&mut *queued))
    }
}
