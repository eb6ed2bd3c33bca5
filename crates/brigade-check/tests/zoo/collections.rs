//! Maps and caches that are changed while they are read, or grown while they are changed.

use std::collections::BTreeSet;

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicUsize, Mutex, Ordering::SeqCst};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "evicted value",
        mistake: "a cache finds the slot of a key, and reads it when it holds another key's value",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| caches(way).check(Cache::new, Cache::find_then_read),
        twin: |way| caches(way).check(Cache::new, Cache::find_and_read),
    },
    Specimen {
        name: "iterator over a changing list",
        mistake: "items move up while a reader goes through them by their places",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| lists(way).check(List::new, List::walk_by_places),
        twin: |way| lists(way).check(List::new, List::walk_locked),
    },
    Specimen {
        name: "insertion into the old table",
        mistake: "a table is copied to a larger one while another thread inserts into it",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| sets(way).check(Set::new, Set::grow_unlocked),
        twin: |way| sets(way).check(Set::new, Set::grow_locked),
    },
];

// A cache with room for the value of one key, which is ten times the key.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Cached(Option<u32>);

#[derive(Clone, Debug)]
enum Caching {
    Put(u32),
    Get(u32),
}

impl Model for Cached {
    type Operation = Caching;
    type Outcome = Option<u32>;

    fn apply(&mut self, operation: &Caching) -> Option<u32> {
        match operation {
            Caching::Put(key) => {
                self.0 = Some(*key);
                None
            }
            Caching::Get(key) => self.0.filter(|cached| cached == key).map(|key| 10 * key),
        }
    }
}

fn caches(way: &Way) -> Linearizable<Cached> {
    let generate = |rng: &mut Rng| {
        let key = rng.u32(1..3);
        match rng.bool() {
            true => Caching::Put(key),
            false => Caching::Get(key),
        }
    };
    way.of(linearizable().generate(generate).before([Caching::Put(1)]))
}

struct Cache {
    /// Whose value is in the slot.
    key: Mutex<u32>,
    slot: AtomicUsize,
}

impl Cache {
    fn new() -> Self {
        Self {
            key: Mutex::new(0),
            slot: AtomicUsize::new(0),
        }
    }

    fn find_then_read(&self, operation: &Caching) -> Option<u32> {
        match operation {
            Caching::Put(key) => self.put(*key),
            Caching::Get(key) => {
                let found = *self.key.lock().unwrap() == *key;
                point("found");
                found.then(|| self.read())
            }
        }
    }

    fn find_and_read(&self, operation: &Caching) -> Option<u32> {
        match operation {
            Caching::Put(key) => self.put(*key),
            Caching::Get(key) => {
                let held = self.key.lock().unwrap();
                point("found");
                (*held == *key).then(|| self.read())
            }
        }
    }

    fn read(&self) -> u32 {
        u32::try_from(self.slot.load(SeqCst)).expect("ten times a small number")
    }

    fn put(&self, key: u32) -> Option<u32> {
        let mut held = self.key.lock().unwrap();
        *held = key;
        self.slot.store(10 * key as usize, SeqCst);
        None
    }
}

// A list of different numbers, from which one can be removed, while others go through it.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Listed(Vec<u8>);

#[derive(Clone, Debug)]
enum Listing {
    Add(u8),
    Remove(u8),
    Walk,
}

impl Listing {
    /// What every list does, correct or not, under its lock. Walks are done elsewhere.
    fn change(&self, items: &mut Vec<u8>) {
        match self {
            Self::Add(item) if items.contains(item) => {}
            Self::Add(item) => items.push(*item),
            Self::Remove(item) => items.retain(|other| other != item),
            Self::Walk => {}
        }
    }
}

impl Model for Listed {
    type Operation = Listing;
    type Outcome = Vec<u8>;

    fn apply(&mut self, operation: &Listing) -> Vec<u8> {
        operation.change(&mut self.0);
        match operation {
            Listing::Walk => self.0.clone(),
            _ => Vec::new(),
        }
    }
}

fn lists(way: &Way) -> Linearizable<Listed> {
    let generate = |rng: &mut Rng| match rng.u8(..3) {
        0 => Listing::Add(rng.u8(1..4)),
        1 => Listing::Remove(rng.u8(1..4)),
        _ => Listing::Walk,
    };
    let check = linearizable().generate(generate);
    way.of(check.before([Listing::Add(1), Listing::Add(2)]))
}

struct List(Mutex<Vec<u8>>);

impl List {
    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn walk_by_places(&self, operation: &Listing) -> Vec<u8> {
        let mut seen = Vec::new();
        match operation {
            Listing::Walk => {
                while let Some(item) = self.at(seen.len()) {
                    point("at an item");
                    seen.push(item);
                }
            }
            _ => operation.change(&mut self.0.lock().unwrap()),
        }
        seen
    }

    fn walk_locked(&self, operation: &Listing) -> Vec<u8> {
        let mut items = self.0.lock().unwrap();
        let mut seen = Vec::new();
        match operation {
            Listing::Walk => {
                while let Some(item) = items.get(seen.len()) {
                    point("at an item");
                    seen.push(*item);
                }
            }
            _ => operation.change(&mut items),
        }
        seen
    }

    fn at(&self, place: usize) -> Option<u8> {
        self.0.lock().unwrap().get(place).copied()
    }
}

// A set that grows by copying its table to the next one.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Members(BTreeSet<u8>);

#[derive(Clone, Debug)]
enum Membership {
    Insert(u8),
    Contains(u8),
    Grow,
}

impl Model for Members {
    type Operation = Membership;
    type Outcome = bool;

    fn apply(&mut self, operation: &Membership) -> bool {
        match operation {
            Membership::Insert(member) => self.0.insert(*member),
            Membership::Contains(member) => self.0.contains(member),
            Membership::Grow => true,
        }
    }
}

fn sets(way: &Way) -> Linearizable<Members> {
    let generate = |rng: &mut Rng| match rng.u8(..3) {
        0 => Membership::Insert(rng.u8(..2)),
        1 => Membership::Contains(rng.u8(..2)),
        _ => Membership::Grow,
    };
    let look = [Membership::Contains(0), Membership::Contains(1)];
    way.of(linearizable().generate(generate).after(look))
}

struct Set {
    /// Taken by whoever changes the set.
    changing: Mutex<()>,
    current: AtomicUsize,
    tables: [Mutex<BTreeSet<u8>>; TABLES],
}

/// One more than there are operations.
const TABLES: usize = 7;

impl Set {
    fn new() -> Self {
        Self {
            changing: Mutex::new(()),
            current: AtomicUsize::new(0),
            tables: std::array::from_fn(|_| Mutex::new(BTreeSet::new())),
        }
    }

    fn grow_unlocked(&self, operation: &Membership) -> bool {
        match operation {
            Membership::Grow => self.grow(),
            _ => self.insert_or_look(operation),
        }
    }

    fn grow_locked(&self, operation: &Membership) -> bool {
        match operation {
            Membership::Grow => {
                let changing = self.changing.lock().unwrap();
                let grown = self.grow();
                drop(changing);
                grown
            }
            _ => self.insert_or_look(operation),
        }
    }

    fn grow(&self) -> bool {
        let current = self.current.load(SeqCst);
        let copy = self.tables[current].lock().unwrap().clone();
        point("copied");
        *self.tables[current + 1].lock().unwrap() = copy;
        self.current.store(current + 1, SeqCst);
        true
    }

    fn insert_or_look(&self, operation: &Membership) -> bool {
        match operation {
            Membership::Insert(member) => {
                let changing = self.changing.lock().unwrap();
                let inserted = self.table().lock().unwrap().insert(*member);
                drop(changing);
                inserted
            }
            Membership::Contains(member) => self.table().lock().unwrap().contains(member),
            Membership::Grow => true,
        }
    }

    fn table(&self) -> &Mutex<BTreeSet<u8>> {
        &self.tables[self.current.load(SeqCst)]
    }
}
