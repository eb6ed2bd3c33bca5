//! Counters that many threads add to at once.

use std::cell::Cell;
use std::fmt;

use crossbeam_utils::CachePadded;

#[cfg(not(loom))]
use crate::primitive::atomic::{AtomicU64, Ordering::Relaxed};
// Those of loom cannot be made in a constant, and none of its models counts: each operation here is on one atomic.
#[cfg(loom)]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many stripes a counter has: so many threads add without meeting, and more of them meet rarely.
const STRIPES: usize = 16;

/// A number, in parts that lie on cache lines of their own. The parts are added up modulo 2^64.
///
/// Every operation is one on a single atomic and orders nothing else, so all are `Relaxed`. An addition is a
/// read-modify-write of its stripe, for several threads may share one: none is lost.
struct Stripes([CachePadded<AtomicU64>; STRIPES]);

#[cfg(not(any(loom, shuttle)))]
thread_local! {
    /// The stripe of this thread, or `STRIPES` if it has none yet.
    static OWN: Cell<usize> = const { Cell::new(STRIPES) };
}

// A model's threads are not threads of the system; and what its macro makes cannot be constant.
#[cfg(any(loom, shuttle))]
crate::primitive::thread_local! {
    static OWN: Cell<usize> = Cell::new(STRIPES);
}

impl Stripes {
    const fn new() -> Self {
        Self([const { CachePadded::new(AtomicU64::new(0)) }; STRIPES])
    }

    #[inline]
    fn add(&self, amount: u64) {
        // At the end of a thread its thread-locals are gone, but the stripes are not.
        let own = OWN.try_with(Cell::get).unwrap_or(0);
        let stripe = self.0.get(own).unwrap_or_else(|| &self.0[assign_stripe()]);
        stripe.fetch_add(amount, Relaxed);
    }

    fn sum(&self) -> u64 {
        let parts = self.0.iter().map(|stripe| stripe.load(Relaxed));
        parts.fold(0, u64::wrapping_add)
    }

    fn take(&self) -> u64 {
        let parts = self.0.iter().map(|stripe| stripe.swap(0, Relaxed));
        parts.fold(0, u64::wrapping_add)
    }
}

/// Gives this thread a stripe, in turn.
#[cold]
fn assign_stripe() -> usize {
    let own = number() % STRIPES;
    OWN.with(|place| place.set(own));
    own
}

/// Which thread this is of those that count.
#[cfg(not(shuttle))]
fn number() -> usize {
    use std::sync::atomic::AtomicUsize;

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Which thread this is of its run. In turn, each run would go on where the one before ended, and one that is repeated from
/// a token would read the same threads' stripes in another order.
#[cfg(shuttle)]
fn number() -> usize {
    shuttle::current::me().into()
}

/// A count that many threads add to at once, at the cost of a thread that adds alone.
///
/// It is striped: each thread adds to a part of its own (one of 16), so that no cache line goes from core to core.
/// Reading it adds the parts up. The count wraps around at 2^64. Size: 2 KiB. Idea: `LongAdder` of Java (Doug Lea).
///
/// ```
/// use brigade::Counter;
///
/// static REQUESTS: Counter = Counter::new();
///
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).for_each(|_| REQUESTS.increment()));
///     }
/// });
/// assert_eq!(REQUESTS.sum(), 4_000);
/// ```
pub struct Counter(Stripes);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(Stripes::new())
    }

    /// Adds to the count. Cost: one atomic addition, mostly to a cache line that nobody else uses.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }

    /// Adds one to the count.
    #[inline]
    pub fn increment(&self) {
        self.0.add(1);
    }

    /// The count. No addition is ever lost: it is exact if nobody adds meanwhile, and otherwise has all that were made
    /// before the call and some of those made during it. Cost: 16 loads.
    ///
    /// If all add the same amount, such as one, sums are linearizable. Otherwise they are not: of two additions made during
    /// the call, one after the other, it may have the second and not the first; and two sums at once may each have
    /// another one. Sums and takes that come one by one are quiescently consistent.
    pub fn sum(&self) -> u64 {
        self.0.sum()
    }

    /// The count, which then begins at zero again. Each addition is in the sum of exactly one call; of two calls at once
    /// each may have some of what was there before both.
    pub fn take(&self) -> u64 {
        self.0.take()
    }
}

/// A number that many threads raise and lower at once, such as how many of something there are now.
///
/// Striped as [`Counter`]: a thread may lower what another has raised. It wraps around at the bounds of an `i64`.
///
/// ```
/// use brigade::Gauge;
///
/// let connections = Gauge::new();
/// connections.add(3);
/// connections.subtract(1);
/// assert_eq!(connections.sum(), 2);
/// ```
pub struct Gauge(Stripes);

impl Gauge {
    /// A gauge at zero.
    pub const fn new() -> Self {
        Self(Stripes::new())
    }

    /// Raises the number, or lowers it if `amount` is negative.
    #[inline]
    pub fn add(&self, amount: i64) {
        self.0.add(amount.cast_unsigned());
    }

    /// Lowers the number.
    #[inline]
    pub fn subtract(&self, amount: i64) {
        self.0.add(amount.wrapping_neg().cast_unsigned());
    }

    /// The number; exact if nobody changes it meanwhile. While threads do, a sum may have the lowering of one and not yet
    /// the raising of another that came before it, and so be less than the number ever was.
    pub fn sum(&self) -> i64 {
        self.0.sum().cast_signed()
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Counter").field(&self.sum()).finish()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Gauge").field(&self.sum()).finish()
    }
}
