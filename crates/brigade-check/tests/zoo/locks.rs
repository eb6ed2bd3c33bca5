//! Locks: taken in two orders, upgraded by two, never given back, given to too many or too few.

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicU32, Condvar, Mutex, Ordering::SeqCst};
use crate::count::{Count, Increment};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "unordered transfer",
        mistake: "two accounts are locked in the order of the transfer",
        found_by: BOTH,
        kind: Kind::Deadlocked,
        smallest: &[1, 1],
        bug: |way| transfers(way).check(Accounts::new, Accounts::lock_as_named),
        twin: |way| transfers(way).check(Accounts::new, Accounts::lock_in_order),
    },
    Specimen {
        name: "reader-writer upgrade",
        mistake: "two readers wait to be the only one, to write",
        found_by: BOTH,
        kind: Kind::Deadlocked,
        smallest: &[1, 1],
        bug: |way| upgrades(way).check(Upgradable::new, Upgradable::upgrade),
        twin: |way| upgrades(way).check(Upgradable::new, Upgradable::upgrade_or_start_again),
    },
    Specimen {
        name: "forgotten unlock",
        mistake: "the way out on an error does not give the lock back",
        found_by: BOTH,
        kind: Kind::Deadlocked,
        smallest: &[1, 1],
        bug: |way| parsing(way).check(Parser::new, Parser::leave_locked_on_error),
        twin: |way| parsing(way).check(Parser::new, Parser::unlock_always),
    },
    Specimen {
        name: "semaphore overshoot",
        mistake: "one that is refused holds a permit for a moment, for which another is refused too",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[2, 1],
        bug: |way| permits(way).check(Permits::new, Permits::add_then_look),
        twin: |way| permits(way).check(Permits::new, Permits::add_if_free),
    },
];

// Two accounts, with a lock each.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Accounting;

#[derive(Clone, Debug)]
struct Transfer {
    from: usize,
    to: usize,
}

impl Model for Accounting {
    type Operation = Transfer;
    type Outcome = ();

    fn apply(&mut self, _: &Transfer) {}
}

fn transfers(way: &Way) -> Linearizable<Accounting> {
    let generate = |rng: &mut Rng| {
        let from = rng.usize(..2);
        Transfer { from, to: 1 - from }
    };
    way.of(linearizable().generate(generate))
}

struct Accounts([Mutex<i64>; 2]);

impl Accounts {
    fn new() -> Self {
        Self([Mutex::new(10), Mutex::new(10)])
    }

    fn lock_as_named(&self, Transfer { from, to }: &Transfer) {
        let mut from = self.0[*from].lock().unwrap();
        point("from locked");
        let mut to = self.0[*to].lock().unwrap();
        *from -= 1;
        *to += 1;
    }

    fn lock_in_order(&self, Transfer { from, to }: &Transfer) {
        let mut first = self.0[*from.min(to)].lock().unwrap();
        point("first locked");
        let mut second = self.0[*from.max(to)].lock().unwrap();
        let (from, to) = match from < to {
            true => (&mut *first, &mut *second),
            false => (&mut *second, &mut *first),
        };
        *from -= 1;
        *to += 1;
    }
}

// A value that many may read at once. Each increment reads it first, then becomes a writer.

fn upgrades(way: &Way) -> Linearizable<Count> {
    way.of(linearizable().generate(|_| Increment))
}

struct Upgradable {
    state: Mutex<Readers>,
    reader_left: Condvar,
    value: AtomicU32,
}

struct Readers {
    count: usize,
    /// One of them waits for the others to leave.
    upgrading: bool,
}

impl Upgradable {
    fn new() -> Self {
        Self {
            state: Mutex::new(Readers {
                count: 0,
                upgrading: false,
            }),
            reader_left: Condvar::new(),
            value: AtomicU32::new(0),
        }
    }

    fn upgrade(&self, _: &Increment) -> u32 {
        let value = self.read();
        point("read");
        let mut state = self.state.lock().unwrap();
        while state.count > 1 {
            state = self.reader_left.wait(state).unwrap();
        }
        self.value.store(value + 1, SeqCst);
        state.count -= 1;
        value + 1
    }

    fn upgrade_or_start_again(&self, _: &Increment) -> u32 {
        loop {
            let value = self.read();
            point("read");
            let mut state = self.state.lock().unwrap();
            if state.upgrading {
                // Another waits for this reader to leave, so this one must not wait for it.
                state.count -= 1;
                self.reader_left.notify_all();
                while state.upgrading {
                    state = self.reader_left.wait(state).unwrap();
                }
                continue;
            }
            state.upgrading = true;
            while state.count > 1 {
                state = self.reader_left.wait(state).unwrap();
            }
            self.value.store(value + 1, SeqCst);
            state.count -= 1;
            state.upgrading = false;
            self.reader_left.notify_all();
            return value + 1;
        }
    }

    /// Becomes a reader, and stays it.
    fn read(&self) -> u32 {
        self.state.lock().unwrap().count += 1;
        self.value.load(SeqCst)
    }
}

// Lines, parsed one at a time. Of an empty line nothing can be made.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Lines(u32);

#[derive(Clone, Debug)]
enum Line {
    Full,
    Empty,
}

impl Model for Lines {
    type Operation = Line;
    type Outcome = Result<u32, ()>;

    fn apply(&mut self, line: &Line) -> Result<u32, ()> {
        match line {
            Line::Full => {
                self.0 += 1;
                Ok(self.0)
            }
            Line::Empty => Err(()),
        }
    }
}

fn parsing(way: &Way) -> Linearizable<Lines> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Line::Full,
        false => Line::Empty,
    };
    way.of(linearizable().operations(1).generate(generate))
}

struct Parser {
    busy: Mutex<bool>,
    released: Condvar,
    lines: AtomicU32,
}

impl Parser {
    fn new() -> Self {
        Self {
            busy: Mutex::new(false),
            released: Condvar::new(),
            lines: AtomicU32::new(0),
        }
    }

    fn leave_locked_on_error(&self, line: &Line) -> Result<u32, ()> {
        self.acquire();
        let number = self.parse(line)?;
        self.release();
        Ok(number)
    }

    fn unlock_always(&self, line: &Line) -> Result<u32, ()> {
        self.acquire();
        let number = self.parse(line);
        self.release();
        number
    }

    fn parse(&self, line: &Line) -> Result<u32, ()> {
        match line {
            Line::Full => {
                let number = self.lines.load(SeqCst) + 1;
                self.lines.store(number, SeqCst);
                Ok(number)
            }
            Line::Empty => Err(()),
        }
    }

    fn acquire(&self) {
        let mut busy = self.busy.lock().unwrap();
        while *busy {
            busy = self.released.wait(busy).unwrap();
        }
        *busy = true;
    }

    fn release(&self) {
        *self.busy.lock().unwrap() = false;
        self.released.notify_one();
    }
}

// A semaphore with one permit, which is held at first.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Free(bool);

#[derive(Clone, Debug)]
enum Permit {
    TryAcquire,
    /// Of whoever holds it.
    Release,
}

impl Model for Free {
    type Operation = Permit;
    type Outcome = bool;

    fn apply(&mut self, operation: &Permit) -> bool {
        match operation {
            Permit::TryAcquire => std::mem::take(&mut self.0),
            Permit::Release => !std::mem::replace(&mut self.0, true),
        }
    }
}

fn permits(way: &Way) -> Linearizable<Free> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Permit::TryAcquire,
        false => Permit::Release,
    };
    way.of(linearizable().generate(generate))
}

struct Permits {
    held: AtomicU32,
}

const PERMITS: u32 = 1;

impl Permits {
    fn new() -> Self {
        Self {
            held: AtomicU32::new(PERMITS),
        }
    }

    fn add_then_look(&self, operation: &Permit) -> bool {
        match operation {
            Permit::TryAcquire => {
                let acquired = self.held.fetch_add(1, SeqCst) < PERMITS;
                if !acquired {
                    point("one too many");
                    self.held.fetch_sub(1, SeqCst);
                }
                acquired
            }
            Permit::Release => self.release(),
        }
    }

    fn add_if_free(&self, operation: &Permit) -> bool {
        match operation {
            Permit::TryAcquire => {
                let one_more = |held| (held < PERMITS).then_some(held + 1);
                self.held.fetch_update(SeqCst, SeqCst, one_more).is_ok()
            }
            Permit::Release => self.release(),
        }
    }

    fn release(&self) -> bool {
        let one_less = |held: u32| held.checked_sub(1);
        self.held.fetch_update(SeqCst, SeqCst, one_less).is_ok()
    }
}
