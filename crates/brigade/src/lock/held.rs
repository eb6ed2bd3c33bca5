//! What each thread holds.
//!
//! Every thread has a record: the locks it holds, in the order in which it took them, and what others can
//! wait for it to do. The thread itself keeps it, in a few plain stores a lock; others read it only when they
//! are about to wait, and only the records of threads that wait too (`detection.rs`).

use std::panic::Location;

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::chain::Chain;
use super::class::Origin;
use super::duties::Duties;
use super::mode::Mode;
use super::turns::Turns;

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

/// Models keep records small: each of these is something to explore.
const MODELLED: bool = cfg!(any(loom, shuttle));
/// So many locks are recorded in place,
const IN_PLACE: usize = if MODELLED { 2 } else { 24 };
/// and so many chains are remembered.
const SEEN: usize = if MODELLED { 2 } else { 256 };

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
    pub(crate) duties: Duties,
    deep: Mutex<Vec<Held>>,
    name: Mutex<String>,
    pub(crate) turns: Turns,
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
        self.chain.store(held.chain.bits(), Relaxed);
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
            duties: Duties::new(),
            deep: Mutex::new(Vec::new()),
            name: Mutex::new(String::new()),
            turns: Turns::new(),
        }
    }

    /// How many locks the thread holds.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Relaxed)
    }

    /// True if the thread holds a lock, not counting those that are no more.
    pub(crate) fn holds_any(&self) -> bool {
        self.any_held(|held| held.address != 0)
    }

    /// True if nobody can be waiting for this thread, unless in line behind it.
    pub(crate) fn is_free(&self) -> bool {
        self.depth() == 0 && self.duties.is_empty()
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
        self.seen_slot(chain).load(Relaxed) == chain.bits()
    }

    /// Remembers that the chain is in order, or that what is wrong with it was reported.
    pub(crate) fn note_seen(&self, chain: Chain) {
        self.seen_slot(chain).store(chain.bits(), Relaxed);
    }

    /// Forgets which chains were found to be in order.
    pub(crate) fn unsee(&self) {
        for slot in &self.seen {
            slot.store(0, Relaxed);
        }
    }

    #[inline]
    fn seen_slot(&self, chain: Chain) -> &AtomicU64 {
        &self.seen[(chain.bits() >> (64 - SEEN.ilog2())) as usize]
    }

    /// Notes that the thread, which held `depth` locks, has taken one more.
    #[inline(always)]
    pub(crate) fn push(&self, depth: usize, held: Held) {
        if depth < IN_PLACE {
            self.entries[depth].store(held);
            self.depth.store(depth + 1, Relaxed);
        } else {
            self.push_deep(held.address, held.origin, held.place, held.chain);
        }
    }

    /// By its parts, which stay in registers: the call is rare, but its callers are not.
    #[cold]
    #[inline(never)]
    fn push_deep(
        &self,
        address: usize,
        origin: Origin,
        place: &'static Location<'static>,
        chain: Chain,
    ) {
        let mut deep = self.deep.lock();
        deep.push(Held {
            address,
            origin,
            place,
            chain,
        });
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

    /// Notes a release out of order: the entries above move down, in chains that are made anew as in
    /// [`rearrange`](Self::rearrange).
    #[cold]
    #[inline(never)]
    fn remove(&self, address: usize) {
        let depth = self.depth();
        if depth > IN_PLACE {
            return self.remove_deep(address);
        }
        // To the end, so that no address that is forgotten meanwhile comes back.
        let _deep = self.deep.lock();
        let held = &self.entries[..depth];
        let is_it = |entry: &Entry| entry.address.load(Relaxed) == address;
        let Some(place) = held.iter().rposition(is_it) else {
            return;
        };
        let mut chain = match place {
            0 => Chain::EMPTY,
            _ => held[place - 1].load().chain,
        };
        for place in place..depth - 1 {
            let mut moved = held[place + 1].load();
            chain = chain.with(moved.origin, moved.chain.mode(), moved.chain.waited());
            moved.chain = chain;
            held[place].store(moved);
        }
        self.depth.store(depth - 1, Relaxed);
    }

    fn remove_deep(&self, address: usize) {
        self.rearrange(|held| {
            if let Some(place) = held.iter().rposition(|held| held.address == address) {
                held.remove(place);
            }
            held.retain(|held| held.address != 0);
        });
    }

    /// Changes what is held other than by one lock more or less. The chains are made anew: what was found to be
    /// in order under other locks, or under the same ones held in another mode, need not be so under these.
    #[cold]
    fn rearrange(&self, change: impl FnOnce(&mut Vec<Held>)) {
        // To the end, so that no address that is forgotten meanwhile comes back.
        let mut deep = self.deep.lock();
        let mut held = self.collect(&deep);
        change(&mut held);
        let mut chain = Chain::EMPTY;
        for held in &mut held {
            chain = chain.with(held.origin, held.chain.mode(), held.chain.waited());
            held.chain = chain;
        }
        for (entry, held) in self.entries.iter().zip(&held) {
            entry.store(*held);
        }
        self.depth.store(held.len(), Relaxed);
        *deep = held.split_off(held.len().min(IN_PLACE));
    }

    /// Notes that a lock is now held in another mode.
    pub(crate) fn change_mode(&self, address: usize, mode: Mode) {
        self.rearrange(|held| {
            let Some(place) = held.iter().rposition(|held| held.address == address) else {
                return;
            };
            let (changed, above) = held[place..].split_first_mut().expect("it has that place");
            changed.chain = changed.chain.in_mode(mode);
            for above in above {
                above.chain = above.chain.not_waited();
            }
        });
    }

    /// Notes that a lock that is held was taken somewhere else.
    pub(crate) fn change_place(&self, address: usize, place: &'static Location<'static>) {
        let depth = self.depth();
        let mut in_place = self.entries.iter().take(depth).rev();
        if let Some(entry) = in_place.find(|entry| entry.address.load(Relaxed) == address) {
            let place = std::ptr::from_ref(place).cast_mut();
            entry.place.store(place, Relaxed);
        } else if let Some(held) =
            (self.deep.lock().iter_mut().rev()).find(|held| held.address == address)
        {
            held.place = place;
        }
    }

    /// The locks that the thread holds, the first first. Of other threads: only of those in the wait graph.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.collect(&self.deep.lock())
    }

    fn collect(&self, deep: &[Held]) -> Vec<Held> {
        let in_place = self.entries.iter().take(self.depth()).map(Entry::load);
        in_place.chain(deep.iter().copied()).collect()
    }

    /// True if this is so of a lock that the thread holds. Of other threads as [`held`](Self::held).
    pub(crate) fn any_held(&self, mut is_so: impl FnMut(&Held) -> bool) -> bool {
        let depth = self.depth();
        let mut in_place = self.entries.iter().take(depth);
        in_place.any(|entry| is_so(&entry.load()))
            || depth > IN_PLACE && self.deep.lock().iter().any(is_so)
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
        let mut deep = self.deep.lock();
        for entry in self.entries.iter().take(self.depth()) {
            // Its thread may be storing another there.
            let _ = entry.address.compare_exchange(address, 0, Relaxed, Relaxed);
        }
        for held in deep.iter_mut().filter(|held| held.address == address) {
            held.address = 0;
        }
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
        let mut held = Vec::new();
        self.rearrange(|all| held.append(all));
        held.retain(|held| held.address != 0);
        self.duties.clear();
        self.unsee();
        held
    }
}
