//! Read, then write: what others do in between.

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicBool, AtomicU32, Mutex, Ordering::SeqCst};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "lost update",
        mistake: "a counter is read and written in two steps",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| counts(way).check(Counter::new, Counter::increment_in_two_steps),
        twin: |way| counts(way).check(Counter::new, Counter::increment),
    },
    Specimen {
        name: "unlocked in between",
        mistake: "the lock of a balance is given up between reading and writing it",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| counts(way).check(Balance::new, Balance::deposit_with_two_locks),
        twin: |way| counts(way).check(Balance::new, Balance::deposit),
    },
    Specimen {
        name: "check-then-act",
        mistake: "two may find a name free before one of them takes it",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| names(way).check(Names::new, Names::look_then_claim),
        twin: |way| names(way).check(Names::new, Names::claim),
    },
    Specimen {
        name: "negative stock",
        mistake: "a count is checked, then decremented; the last piece is sold twice",
        found_by: BOTH,
        kind: Kind::Broken,
        smallest: &[1, 1],
        bug: |way| sales(way).check_and_finish(Stock::new, Stock::check_then_sell, Stock::verify),
        twin: |way| sales(way).check_and_finish(Stock::new, Stock::sell, Stock::verify),
    },
    Specimen {
        name: "resurrection",
        mistake: "a reference is counted after its owner was seen alive, when it may be gone",
        found_by: BOTH,
        kind: Kind::Panicked,
        smallest: &[1, 1],
        bug: |way| references(way).check(Shared::new, Shared::look_then_count),
        twin: |way| references(way).check(Shared::new, Shared::count_if_alive),
    },
];

// A counter, of which the model is a number. A balance is a counter too.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Count(u32);

#[derive(Clone, Debug)]
enum Counting {
    Increment,
    Get,
}

impl Model for Count {
    type Operation = Counting;
    type Outcome = u32;

    fn apply(&mut self, operation: &Counting) -> u32 {
        match operation {
            Counting::Increment => self.0 += 1,
            Counting::Get => {}
        }
        self.0
    }
}

fn counts(way: &Way) -> Linearizable<Count> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Counting::Increment,
        false => Counting::Get,
    };
    way.of(linearizable().generate(generate))
}

struct Counter(AtomicU32);

impl Counter {
    fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn increment_in_two_steps(&self, operation: &Counting) -> u32 {
        match operation {
            Counting::Increment => {
                let next = self.0.load(SeqCst) + 1;
                point("read");
                self.0.store(next, SeqCst);
                next
            }
            Counting::Get => self.0.load(SeqCst),
        }
    }

    fn increment(&self, operation: &Counting) -> u32 {
        match operation {
            Counting::Increment => self.0.fetch_add(1, SeqCst) + 1,
            Counting::Get => self.0.load(SeqCst),
        }
    }
}

struct Balance(Mutex<u32>);

impl Balance {
    fn new() -> Self {
        Self(Mutex::new(0))
    }

    fn deposit_with_two_locks(&self, operation: &Counting) -> u32 {
        let balance = *self.0.lock().unwrap();
        match operation {
            Counting::Increment => {
                point("balance read");
                *self.0.lock().unwrap() = balance + 1;
                balance + 1
            }
            Counting::Get => balance,
        }
    }

    fn deposit(&self, operation: &Counting) -> u32 {
        let mut balance = self.0.lock().unwrap();
        match operation {
            Counting::Increment => {
                point("balance read");
                *balance += 1;
                *balance
            }
            Counting::Get => *balance,
        }
    }
}

// Names that can be taken once.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Taken(Vec<u8>);

#[derive(Clone, Debug)]
struct Claim(u8);

impl Model for Taken {
    type Operation = Claim;
    type Outcome = bool;

    fn apply(&mut self, Claim(name): &Claim) -> bool {
        let free = !self.0.contains(name);
        if free {
            self.0.push(*name);
            self.0.sort_unstable();
        }
        free
    }
}

fn names(way: &Way) -> Linearizable<Taken> {
    way.of(linearizable().generate(|rng| Claim(rng.u8(..2))))
}

struct Names(Mutex<Vec<u8>>);

impl Names {
    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn look_then_claim(&self, Claim(name): &Claim) -> bool {
        let free = !self.0.lock().unwrap().contains(name);
        if free {
            point("free");
            self.0.lock().unwrap().push(*name);
        }
        free
    }

    fn claim(&self, Claim(name): &Claim) -> bool {
        let mut taken = self.0.lock().unwrap();
        let free = !taken.contains(name);
        if free {
            point("free");
            taken.push(*name);
        }
        free
    }
}

// A stock of one piece. The sales say nothing; what is wrong is seen at the end.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Silent;

#[derive(Clone, Debug)]
struct Sell;

impl Model for Silent {
    type Operation = Sell;
    type Outcome = ();

    fn apply(&mut self, _: &Sell) {}
}

fn sales(way: &Way) -> Linearizable<Silent> {
    way.of(linearizable().generate(|_| Sell))
}

struct Stock {
    left: AtomicU32,
    sold: AtomicU32,
}

impl Stock {
    fn new() -> Self {
        Self {
            left: AtomicU32::new(1),
            sold: AtomicU32::new(0),
        }
    }

    fn check_then_sell(&self, _: &Sell) {
        if self.left.load(SeqCst) > 0 {
            point("some left");
            self.left.fetch_sub(1, SeqCst);
            self.sold.fetch_add(1, SeqCst);
        }
    }

    fn sell(&self, _: &Sell) {
        let one_less = |left: u32| left.checked_sub(1);
        if self.left.fetch_update(SeqCst, SeqCst, one_less).is_ok() {
            self.sold.fetch_add(1, SeqCst);
        }
    }

    fn verify(self) -> Result<(), String> {
        match self.sold.load(SeqCst) {
            0 | 1 => Ok(()),
            sold => Err(format!("{sold} sold of a stock of 1")),
        }
    }
}

// A value that is freed when the last reference goes; at first its owner's is the only one.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Mute;

#[derive(Clone, Debug)]
enum Reference {
    /// Takes a reference, looks at the value, and gives the reference back.
    Use,
    /// The owner gives up its own.
    Close,
}

impl Model for Mute {
    type Operation = Reference;
    type Outcome = ();

    fn apply(&mut self, _: &Reference) {}
}

fn references(way: &Way) -> Linearizable<Mute> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Reference::Use,
        false => Reference::Close,
    };
    way.of(linearizable().generate(generate))
}

struct Shared {
    references: AtomicU32,
    closed: AtomicBool,
    freed: AtomicBool,
}

impl Shared {
    fn new() -> Self {
        Self {
            references: AtomicU32::new(1),
            closed: AtomicBool::new(false),
            freed: AtomicBool::new(false),
        }
    }

    fn look_then_count(&self, operation: &Reference) {
        match operation {
            Reference::Use => {
                if self.references.load(SeqCst) > 0 {
                    point("alive");
                    self.references.fetch_add(1, SeqCst);
                    self.look();
                }
            }
            Reference::Close => self.close(),
        }
    }

    fn count_if_alive(&self, operation: &Reference) {
        match operation {
            Reference::Use => {
                let one_more = |references| (references > 0).then_some(references + 1);
                if self
                    .references
                    .fetch_update(SeqCst, SeqCst, one_more)
                    .is_ok()
                {
                    self.look();
                }
            }
            Reference::Close => self.close(),
        }
    }

    fn look(&self) {
        assert!(!self.freed.load(SeqCst), "used after it was freed");
        self.release();
    }

    fn close(&self) {
        if !self.closed.swap(true, SeqCst) {
            self.release();
        }
    }

    fn release(&self) {
        if self.references.fetch_sub(1, SeqCst) == 1 {
            self.freed.store(true, SeqCst);
        }
    }
}
