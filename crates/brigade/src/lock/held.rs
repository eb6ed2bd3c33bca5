//! What each thread holds.
//!
//! Every thread has a record: the locks it holds, in the order in which it took them, and what others can
//! wait for it to do. The thread itself keeps it, in a few plain stores a lock; others read it only when they
//! are about to wait, and only the records of threads that wait too (`detection.rs`).

use std::panic::Location;

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::class::Origin;
use super::mode::Mode;

/// A lock that a thread holds.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// Where the lock is; zero if it is no more.
    pub(crate) address: usize,
    pub(crate) origin: Origin,
    /// Where it was taken.
    pub(crate) place: &'static Location<'static>,
    pub(crate) chain: Chain,
}

/// The way by which a thread came to hold what it holds: a hash of the origins and modes of its locks, in
/// their order. The lowest bits say how the last one was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain(u64);

/// The bits of a chain that are the mode of its last lock.
const MODE: u64 = 0b011;
/// The bit of a chain whose last lock may have waited, and so has an edge from each one before it.
const WAITED: u64 = 0b100;

impl Chain {
    /// Nothing is held.
    pub(crate) const EMPTY: Self = Self(0);

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// This chain and one lock more.
    #[inline]
    pub(crate) fn with(self, origin: Origin, mode: Mode, waited: bool) -> Self {
        // The multiplier is that of Fibonacci hashing (Knuth, volume 3, section 6.4).
        let mixed = (self.0.rotate_left(23) ^ origin.bits() as u64)
            .wrapping_add(mode as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let waited = if waited { WAITED } else { 0 };
        Self(mixed & !(MODE | WAITED) | mode as u64 | waited)
    }

    pub(crate) fn mode(self) -> Mode {
        match self.0 & MODE {
            0 => Mode::Exclusive,
            1 => Mode::Upgradable,
            _ => Mode::Shared,
        }
    }

    /// The same way, but for the mode in which the last lock is held now.
    pub(crate) fn in_mode(self, mode: Mode) -> Self {
        Self(self.0 & !MODE | mode as u64)
    }

    /// True if taking the last lock may have waited.
    pub(crate) fn waited(self) -> bool {
        self.0 & WAITED != 0
    }
}

/// So many locks are recorded in place,
const IN_PLACE: usize = 24;
/// so many chains are remembered,
const SEEN: usize = 256;
/// and so many duties.
const DUTIES: usize = 16;

/// What one thread holds and owes.
///
/// Invariants: the locks held are entries `0..depth`, those from [`IN_PLACE`] on in `deep`. Only the thread
/// whose record it is changes it, with one exception: [`forget`](Self::forget) may zero an address. While the
/// thread is entered in the wait graph its record stands still, and the graph's lock orders all before it:
/// so `Relaxed` suffices throughout.
#[repr(align(128))]
pub(crate) struct Record {
    depth: AtomicUsize,
    entries: [Entry; IN_PLACE],
    /// Chains that were found to be in order, each in the place that its highest bits give it.
    seen: [AtomicU64; SEEN],
    duty_depth: AtomicUsize,
    /// What others may wait for that only this thread can do: addresses of tasks that it runs, of keys that it
    /// computes.
    duties: [AtomicUsize; DUTIES],
    deep: Mutex<Vec<Held>>,
    /// The pool whose worker the thread is, or zero.
    pool: AtomicUsize,
    name: Mutex<String>,
}

struct Entry {
    address: AtomicUsize,
    chain: AtomicU64,
    origin: AtomicPtr<()>,
    place: AtomicPtr<Location<'static>>,
}

impl Entry {
    fn load(&self) -> Held {
        let place = self.place.load(Relaxed);
        Held {
            address: self.address.load(Relaxed),
            // SAFETY: entries below the depth were stored by `push`, from an origin and a `&'static Location`.
            origin: unsafe { Origin::from_pointer(self.origin.load(Relaxed)) },
            // SAFETY: as above.
            place: unsafe { &*place },
            chain: Chain::from_bits(self.chain.load(Relaxed)),
        }
    }

    #[inline(always)]
    fn store(&self, held: Held) {
        self.address.store(held.address, Relaxed);
        self.chain.store(held.chain.0, Relaxed);
        self.origin.store(held.origin.pointer(), Relaxed);
        let place = std::ptr::from_ref(held.place).cast_mut();
        self.place.store(place, Relaxed);
    }
}

impl Record {
    pub(crate) fn new() -> Self {
        let entry = |_| Entry {
            address: AtomicUsize::new(0),
            chain: AtomicU64::new(0),
            origin: AtomicPtr::new(std::ptr::null_mut()),
            place: AtomicPtr::new(std::ptr::null_mut()),
        };
        Self {
            depth: AtomicUsize::new(0),
            entries: std::array::from_fn(entry),
            seen: std::array::from_fn(|_| AtomicU64::new(0)),
            duty_depth: AtomicUsize::new(0),
            duties: std::array::from_fn(|_| AtomicUsize::new(0)),
            deep: Mutex::new(Vec::new()),
            pool: AtomicUsize::new(0),
            name: Mutex::new(String::new()),
        }
    }

    /// How many locks the thread holds.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Relaxed)
    }

    /// True if nobody can be waiting for this thread.
    pub(crate) fn is_free(&self) -> bool {
        self.depth() == 0 && self.duty_depth.load(Relaxed) == 0 && self.pool.load(Relaxed) == 0
    }

    /// The chain that taking one lock more makes, when `depth` are held.
    #[inline(always)]
    pub(crate) fn chain_with(
        &self,
        depth: usize,
        origin: Origin,
        mode: Mode,
        waited: bool,
    ) -> Chain {
        let chain = match depth {
            0 => Chain::EMPTY,
            1..=IN_PLACE => Chain::from_bits(self.entries[depth - 1].chain.load(Relaxed)),
            _ => self.deepest_chain(),
        };
        chain.with(origin, mode, waited)
    }

    #[cold]
    fn deepest_chain(&self) -> Chain {
        self.deep
            .lock()
            .last()
            .map_or(Chain::EMPTY, |held| held.chain)
    }

    /// True if this thread has found the chain to be in order.
    #[inline]
    pub(crate) fn has_seen(&self, chain: Chain) -> bool {
        self.seen_slot(chain).load(Relaxed) == chain.0
    }

    /// Remembers that the chain is in order, or that what is wrong with it was reported.
    pub(crate) fn note_seen(&self, chain: Chain) {
        self.seen_slot(chain).store(chain.0, Relaxed);
    }

    #[inline]
    fn seen_slot(&self, chain: Chain) -> &AtomicU64 {
        &self.seen[(chain.0 >> (64 - SEEN.ilog2())) as usize]
    }

    /// Notes that the thread, which held `depth` locks, has taken one more.
    #[inline(always)]
    pub(crate) fn push(&self, depth: usize, held: Held) {
        if depth < IN_PLACE {
            self.entries[depth].store(held);
            self.depth.store(depth + 1, Relaxed);
        } else {
            self.push_deep(held);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_deep(&self, held: Held) {
        let mut deep = self.deep.lock();
        deep.push(held);
        self.depth.store(IN_PLACE + deep.len(), Relaxed);
    }

    /// Notes the release of the last one of many; thousands may be released so, one after the other.
    #[cold]
    #[inline(never)]
    fn pop_deep(&self, address: usize) -> bool {
        let last = |held: &mut Held| held.address == address;
        let popped = self.deep.lock().pop_if(last).is_some();
        if popped {
            self.depth.store(self.depth() - 1, Relaxed);
        }
        popped
    }

    /// Notes that the thread releases a lock.
    #[inline]
    pub(crate) fn pop(&self, address: usize) {
        let last = self.depth().wrapping_sub(1);
        if last < IN_PLACE && self.entries[last].address.load(Relaxed) == address {
            self.depth.store(last, Relaxed);
        } else if !self.pop_deep(address) {
            self.remove(address);
        }
    }

    /// Notes a release out of order. The entries above move down; their chains stay as they came about.
    #[cold]
    #[inline(never)]
    fn remove(&self, address: usize) {
        let mut held = self.held();
        if let Some(place) = held.iter().rposition(|held| held.address == address) {
            held.remove(place);
            held.retain(|held| held.address != 0);
            self.replace(&held);
        }
    }

    #[cold]
    fn replace(&self, held: &[Held]) {
        for (entry, held) in self.entries.iter().zip(held) {
            entry.store(*held);
        }
        let deep = held.get(IN_PLACE..).unwrap_or_default();
        *self.deep.lock() = deep.to_vec();
        self.depth.store(held.len(), Relaxed);
    }

    /// Notes that a lock is now held in another mode.
    pub(crate) fn change_mode(&self, address: usize, mode: Mode) {
        let mut held = self.held();
        if let Some(entry) = held.iter_mut().rev().find(|held| held.address == address) {
            entry.chain = entry.chain.in_mode(mode);
            self.replace(&held);
        }
    }

    /// The locks that the thread holds, the first first. Of other threads: only of those in the wait graph.
    pub(crate) fn held(&self) -> Vec<Held> {
        let depth = self.depth();
        let in_place = self.entries.iter().take(depth).map(Entry::load);
        in_place.chain(self.deep.lock().iter().copied()).collect()
    }

    /// How the thread holds the lock at this address; the last time, if it does several times.
    pub(crate) fn holds(&self, address: usize) -> Option<Held> {
        let depth = self.depth();
        if depth > IN_PLACE
            && let Some(held) = self
                .deep
                .lock()
                .iter()
                .rev()
                .find(|held| held.address == address)
        {
            return Some(*held);
        }
        let mut entries = self.entries.iter().take(depth).rev();
        entries
            .find(|entry| entry.address.load(Relaxed) == address)
            .map(Entry::load)
    }

    /// A lock at this address is no more, though the thread never released it.
    pub(crate) fn forget(&self, address: usize) {
        for entry in self.entries.iter().take(self.depth()) {
            if entry.address.load(Relaxed) == address {
                entry.address.store(0, Relaxed);
            }
        }
        for held in self.deep.lock().iter_mut() {
            if held.address == address {
                held.address = 0;
            }
        }
    }

    /// Notes that others may wait until the thread has done this.
    #[inline]
    pub(crate) fn begin_duty(&self, duty: usize) {
        let depth = self.duty_depth.load(Relaxed);
        if let Some(slot) = self.duties.get(depth) {
            slot.store(duty, Relaxed);
        }
        self.duty_depth.store(depth + 1, Relaxed);
    }

    /// Notes that the duty that was begun last is done.
    #[inline]
    pub(crate) fn end_duty(&self) {
        self.duty_depth
            .store(self.duty_depth.load(Relaxed) - 1, Relaxed);
    }

    /// True if the thread is known to have this to do.
    pub(crate) fn has_duty(&self, duty: usize) -> bool {
        let depth = self.duty_depth.load(Relaxed);
        self.duties
            .iter()
            .take(depth)
            .any(|slot| slot.load(Relaxed) == duty)
    }

    /// The pool whose worker the thread is, or zero.
    pub(crate) fn pool(&self) -> usize {
        self.pool.load(Relaxed)
    }

    pub(crate) fn set_pool(&self, pool: usize) {
        self.pool.store(pool, Relaxed);
    }

    /// The name of the thread.
    pub(crate) fn name(&self) -> String {
        self.name.lock().clone()
    }

    pub(crate) fn set_name(&self, name: String) {
        *self.name.lock() = name;
    }

    /// Makes the record ready for another thread; returns what the last one never released.
    pub(crate) fn reset(&self) -> Vec<Held> {
        let mut held = self.held();
        held.retain(|held| held.address != 0);
        self.replace(&[]);
        self.duty_depth.store(0, Relaxed);
        self.pool.store(0, Relaxed);
        for slot in &self.seen {
            slot.store(0, Relaxed);
        }
        held
    }
}
