//! What real processors do, and schedules of one thread at a time do not show.

use brigade_check::{Kind, Linearizable, Model, linearizable};

use super::primitive::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::specimen::{STRESS, Specimen, Way};

pub(crate) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "store passed by a load",
    mistake: "each side raises its flag and looks at the other's, without `SeqCst`: both may look first",
    found_by: STRESS,
    kind: Kind::Broken,
    smallest: &[1, 1],
    bug: |way| entries(way).check_and_finish(Doors::weak, Doors::enter, Doors::verify),
    twin: |way| entries(way).check_and_finish(Doors::strong, Doors::enter, Doors::verify),
}];

// Two sides compete for doors, after Dekker: a side may pass a door if it raised its flag there and sees that the
// other's is down. Both may be turned away, but never may both pass. On x86, too, a store waits in a buffer
// while a later load is done, unless both are SeqCst.

#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Silent;

#[derive(Clone, Debug)]
struct Enter;

impl Model for Silent {
    type Operation = Enter;
    type Outcome = ();

    fn apply(&mut self, _: &Enter) {}
}

fn entries(way: &Way) -> Linearizable<Silent> {
    // Seen by chance only, and the less the busier the machine is.
    way.clone()
        .times(8)
        .of(linearizable().operations(1).generate(|_| Enter))
}

struct Doors {
    /// Who comes first is side 0.
    arrived: AtomicUsize,
    doors: Vec<Door>,
    store: Ordering,
    load: Ordering,
}

/// Flags and passes of the two sides.
#[derive(Default)]
struct Door {
    flags: [AtomicBool; 2],
    passed: [AtomicU32; 2],
}

/// With one door the two sides would seldom meet.
const DOORS: usize = 500;

impl Doors {
    fn weak() -> Self {
        // Planted: neither keeps the load of the other's flag after the store to one's own.
        Self::new(Ordering::Release, Ordering::Acquire)
    }

    fn strong() -> Self {
        // SeqCst: all sides see all stores and loads of flags in one order.
        Self::new(Ordering::SeqCst, Ordering::SeqCst)
    }

    fn new(store: Ordering, load: Ordering) -> Self {
        Self {
            arrived: AtomicUsize::new(0),
            doors: (0..DOORS).map(|_| Door::default()).collect(),
            store,
            load,
        }
    }

    fn enter(&self, _: &Enter) {
        let side = self.arrived.fetch_add(1, Ordering::Relaxed);
        for door in &self.doors {
            door.flags[side].store(true, self.store);
            if !door.flags[1 - side].load(self.load) {
                door.passed[side].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn verify(self) -> Result<(), String> {
        let both = |door: &Door| {
            door.passed
                .iter()
                .all(|passed| passed.load(Ordering::Relaxed) > 0)
        };
        match self.doors.iter().position(both) {
            Some(number) => Err(format!("both sides have passed door {number}")),
            None => Ok(()),
        }
    }
}
