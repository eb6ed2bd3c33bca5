//! Things made once, by whoever comes first.

use brigade_check::{Kind, Linearizable, Model, Rng, linearizable, point};

use super::primitive::{AtomicBool, AtomicU32, Mutex, Ordering::SeqCst};
use crate::specimen::{BOTH, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[
    Specimen {
        name: "double-checked initialisation",
        mistake: "whoever gets the lock does not check again whether the value is there by now",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| values(way).check(Lazy::new, Lazy::check_once),
        twin: |way| values(way).check(Lazy::new, Lazy::check_twice),
    },
    Specimen {
        name: "published too early",
        mistake: "a value counts as ready before it is written",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| values(way).check(Lazy::new, Lazy::publish_then_write),
        twin: |way| values(way).check(Lazy::new, Lazy::write_then_publish),
    },
    Specimen {
        name: "late subscriber",
        mistake: "a new subscriber reads the latest value, then registers; what comes between is missed",
        found_by: BOTH,
        kind: Kind::Unexplained,
        smallest: &[1, 1],
        bug: |way| topics(way).check(Topic::new, Topic::read_then_register),
        twin: |way| topics(way).check(Topic::new, Topic::read_and_register),
    },
];

// A value made at its first use. Values are numbered as they are made, and there must be only one.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Once;

#[derive(Clone, Debug)]
struct Get;

impl Model for Once {
    type Operation = Get;
    type Outcome = u32;

    fn apply(&mut self, _: &Get) -> u32 {
        1
    }
}

fn values(way: &Way) -> Linearizable<Once> {
    way.of(linearizable().generate(|_| Get))
}

struct Lazy {
    ready: AtomicBool,
    value: AtomicU32,
    made: AtomicU32,
    making: Mutex<()>,
}

impl Lazy {
    fn new() -> Self {
        Self {
            ready: AtomicBool::new(false),
            value: AtomicU32::new(0),
            made: AtomicU32::new(0),
            making: Mutex::new(()),
        }
    }

    fn check_once(&self, _: &Get) -> u32 {
        if !self.ready.load(SeqCst) {
            point("not ready");
            let making = self.making.lock().unwrap();
            self.value.store(self.make(), SeqCst);
            self.ready.store(true, SeqCst);
            drop(making);
        }
        self.value.load(SeqCst)
    }

    fn check_twice(&self, _: &Get) -> u32 {
        if !self.ready.load(SeqCst) {
            point("not ready");
            let making = self.making.lock().unwrap();
            if !self.ready.load(SeqCst) {
                self.value.store(self.make(), SeqCst);
                self.ready.store(true, SeqCst);
            }
            drop(making);
        }
        self.value.load(SeqCst)
    }

    fn publish_then_write(&self, _: &Get) -> u32 {
        if !self.ready.load(SeqCst) {
            let making = self.making.lock().unwrap();
            if !self.ready.load(SeqCst) {
                self.ready.store(true, SeqCst);
                point("published");
                self.value.store(self.make(), SeqCst);
            }
            drop(making);
        }
        self.value.load(SeqCst)
    }

    fn write_then_publish(&self, _: &Get) -> u32 {
        if !self.ready.load(SeqCst) {
            let making = self.making.lock().unwrap();
            if !self.ready.load(SeqCst) {
                self.value.store(self.make(), SeqCst);
                point("written");
                self.ready.store(true, SeqCst);
            }
            drop(making);
        }
        self.value.load(SeqCst)
    }

    fn make(&self) -> u32 {
        self.made.fetch_add(1, SeqCst) + 1
    }
}

// A topic with one subscriber, which has seen what it found when it came, and what was published since.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Latest {
    value: u8,
    subscribed: bool,
}

#[derive(Clone, Debug)]
enum Topical {
    Subscribe,
    Publish(u8),
    /// What the subscriber has seen last.
    Seen,
}

impl Model for Latest {
    type Operation = Topical;
    type Outcome = Option<u8>;

    fn apply(&mut self, operation: &Topical) -> Option<u8> {
        match operation {
            Topical::Subscribe => self.subscribed = true,
            Topical::Publish(value) => self.value = *value,
            Topical::Seen => return self.subscribed.then_some(self.value),
        }
        None
    }
}

fn topics(way: &Way) -> Linearizable<Latest> {
    let generate = |rng: &mut Rng| match rng.bool() {
        true => Topical::Subscribe,
        false => Topical::Publish(rng.u8(1..4)),
    };
    way.of(linearizable().generate(generate).after([Topical::Seen]))
}

struct Topic {
    state: Mutex<TopicState>,
}

#[derive(Default)]
struct TopicState {
    latest: u8,
    subscribed: bool,
    seen: Option<u8>,
}

impl Topic {
    fn new() -> Self {
        Self {
            state: Mutex::new(TopicState::default()),
        }
    }

    fn read_then_register(&self, operation: &Topical) -> Option<u8> {
        if !matches!(operation, Topical::Subscribe) {
            return self.publish_or_look(operation);
        }
        let latest = self.state.lock().unwrap().latest;
        point("latest read");
        let mut state = self.state.lock().unwrap();
        if !state.subscribed {
            state.subscribed = true;
            state.seen = Some(latest);
        }
        None
    }

    fn read_and_register(&self, operation: &Topical) -> Option<u8> {
        if !matches!(operation, Topical::Subscribe) {
            return self.publish_or_look(operation);
        }
        let mut state = self.state.lock().unwrap();
        if !state.subscribed {
            state.subscribed = true;
            state.seen = Some(state.latest);
        }
        None
    }

    fn publish_or_look(&self, operation: &Topical) -> Option<u8> {
        let mut state = self.state.lock().unwrap();
        if let Topical::Publish(value) = operation {
            state.latest = *value;
            if state.subscribed {
                state.seen = Some(*value);
            }
            return None;
        }
        state.seen
    }
}
