//! Reads of what belongs together, one after the other.

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicU32, AtomicUsize, Mutex, Ordering::SeqCst, spin_loop};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "torn read",
        mistake: "a reader does not look again whether the version of what it read has changed",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| positions(way).check(Position::new, Position::read_once),
        twin: |way| positions(way).check(Position::new, Position::read_until_unchanged),
    },
    Specimen {
        name: "torn snapshot",
        mistake: "two counters are read one after the other, as if at one moment",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[2, 1],
        bug: |way| counters(way).check(Counters::new, Counters::snapshot_one_by_one),
        twin: |way| counters(way).check(Counters::new, Counters::snapshot_at_once),
    },
    Specimen {
        name: "length beside",
        mistake: "the length of a collection is counted after the change, outside of its lock",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[2, 1],
        bug: |way| bags(way).check(Bag::new, Bag::count_afterwards),
        twin: |way| bags(way).check(Bag::new, Bag::count_with_the_change),
    },
];

// A position of two fields, always equal, that readers read without a lock (a "seqlock").

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Place(u32);

#[derive(Clone, Debug)]
enum Positioning {
    MoveTo(u32),
    Read,
}

impl Model for Place {
    type Operation = Positioning;
    type Outcome = (u32, u32);

    fn apply(&mut self, operation: &Positioning) -> (u32, u32) {
        if let Positioning::MoveTo(place) = operation {
            self.0 = *place;
        }
        (self.0, self.0)
    }
}

fn positions(way: &Way) -> Linearizable<Place> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Positioning::MoveTo(rng.u32(1..3)),
        false => Positioning::Read,
    };
    way.of(linearizable().generate(generate))
}

struct Position {
    writers: Mutex<()>,
    /// Odd while the fields are written.
    version: AtomicUsize,
    x: AtomicU32,
    y: AtomicU32,
}

impl Position {
    fn new() -> Self {
        Self {
            writers: Mutex::new(()),
            version: AtomicUsize::new(0),
            x: AtomicU32::new(0),
            y: AtomicU32::new(0),
        }
    }

    fn read_once(&self, operation: &Positioning) -> (u32, u32) {
        match operation {
            Positioning::MoveTo(place) => self.move_to(*place),
            Positioning::Read => {
                while self.version.load(SeqCst) % 2 == 1 {
                    spin_loop();
                }
                self.read()
            }
        }
    }

    fn read_until_unchanged(&self, operation: &Positioning) -> (u32, u32) {
        match operation {
            Positioning::MoveTo(place) => self.move_to(*place),
            Positioning::Read => loop {
                let version = self.version.load(SeqCst);
                let read = self.read();
                if version.is_multiple_of(2) && self.version.load(SeqCst) == version {
                    return read;
                }
                spin_loop();
            },
        }
    }

    fn read(&self) -> (u32, u32) {
        let x = self.x.load(SeqCst);
        point("x read");
        (x, self.y.load(SeqCst))
    }

    fn move_to(&self, place: u32) -> (u32, u32) {
        let writing = self.writers.lock().unwrap();
        self.version.fetch_add(1, SeqCst);
        self.x.store(place, SeqCst);
        point("x written");
        self.y.store(place, SeqCst);
        self.version.fetch_add(1, SeqCst);
        drop(writing);
        (place, place)
    }
}

// Two counters. A reader that looks at one first and at the other later sees a state that never was.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Counts([u32; 2]);

#[derive(Clone, Debug)]
enum Counting {
    Add(usize),
    Snapshot,
}

impl Model for Counts {
    type Operation = Counting;
    type Outcome = Option<[u32; 2]>;

    fn apply(&mut self, operation: &Counting) -> Option<[u32; 2]> {
        match operation {
            Counting::Add(which) => {
                self.0[*which] += 1;
                None
            }
            Counting::Snapshot => Some(self.0),
        }
    }
}

fn counters(way: &Way) -> Linearizable<Counts> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Counting::Add(rng.usize(..2)),
        false => Counting::Snapshot,
    };
    way.of(linearizable().generate(generate))
}

struct Counters([Mutex<u32>; 2]);

impl Counters {
    fn new() -> Self {
        Self([Mutex::new(0), Mutex::new(0)])
    }

    fn snapshot_one_by_one(&self, operation: &Counting) -> Option<[u32; 2]> {
        let [first, second] = &self.0;
        match operation {
            Counting::Add(which) => self.add(*which),
            Counting::Snapshot => {
                let first = *first.lock().unwrap();
                point("first read");
                Some([first, *second.lock().unwrap()])
            }
        }
    }

    fn snapshot_at_once(&self, operation: &Counting) -> Option<[u32; 2]> {
        let [first, second] = &self.0;
        match operation {
            Counting::Add(which) => self.add(*which),
            Counting::Snapshot => {
                let first = first.lock().unwrap();
                point("first read");
                let second = second.lock().unwrap();
                Some([*first, *second])
            }
        }
    }

    fn add(&self, which: usize) -> Option<[u32; 2]> {
        *self.0[which].lock().unwrap() += 1;
        None
    }
}

// A collection that keeps its length beside it, so that asking for it needs no lock.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Length(usize);

#[derive(Clone, Debug)]
enum Bagging {
    Put,
    Take,
    Length,
}

#[derive(Clone, Debug, PartialEq)]
enum Bagged {
    Put,
    Took(bool),
    Length(usize),
}

impl Model for Length {
    type Operation = Bagging;
    type Outcome = Bagged;

    fn apply(&mut self, operation: &Bagging) -> Bagged {
        match operation {
            Bagging::Put => {
                self.0 += 1;
                Bagged::Put
            }
            Bagging::Take => {
                let some = self.0 > 0;
                self.0 -= usize::from(some);
                Bagged::Took(some)
            }
            Bagging::Length => Bagged::Length(self.0),
        }
    }
}

fn bags(way: &Way) -> Linearizable<Length> {
    let generate = |rng: &mut Rng| match rng.u8(..3) {
        0 => Bagging::Put,
        1 => Bagging::Take,
        _ => Bagging::Length,
    };
    way.of(linearizable().generate(generate))
}

struct Bag {
    items: Mutex<Vec<()>>,
    length: AtomicUsize,
}

impl Bag {
    fn new() -> Self {
        Self {
            items: Mutex::new(Vec::new()),
            length: AtomicUsize::new(0),
        }
    }

    fn count_afterwards(&self, operation: &Bagging) -> Bagged {
        match operation {
            Bagging::Put => {
                self.items.lock().unwrap().push(());
                point("put");
                self.length.fetch_add(1, SeqCst);
                Bagged::Put
            }
            Bagging::Take => {
                let took = self.items.lock().unwrap().pop().is_some();
                if took {
                    point("taken");
                    self.length.fetch_sub(1, SeqCst);
                }
                Bagged::Took(took)
            }
            Bagging::Length => self.length(),
        }
    }

    fn count_with_the_change(&self, operation: &Bagging) -> Bagged {
        match operation {
            Bagging::Put => {
                let mut items = self.items.lock().unwrap();
                items.push(());
                point("put");
                self.length.store(items.len(), SeqCst);
                Bagged::Put
            }
            Bagging::Take => {
                let mut items = self.items.lock().unwrap();
                let took = items.pop().is_some();
                point("taken");
                self.length.store(items.len(), SeqCst);
                Bagged::Took(took)
            }
            Bagging::Length => self.length(),
        }
    }

    fn length(&self) -> Bagged {
        Bagged::Length(self.length.load(SeqCst))
    }
}
