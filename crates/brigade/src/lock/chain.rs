//! The ways by which threads come to hold what they hold.

use super::class::Origin;
use super::mode::Mode;

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
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
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

    /// The same way, if it also matters which locks those at these addresses are, not only what class they are of.
    pub(crate) fn past(self, gates: impl Iterator<Item = usize>) -> Self {
        let mixed = |Self(chain), gate: usize| {
            Self((chain.rotate_left(23) ^ gate as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        };
        let Self(bits) = gates.fold(Self(!self.0), mixed);
        // Never a chain that some entry has, whose last two bits are a mode.
        Self(bits | MODE)
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

    /// True if taking the last lock may have waited, and those before it are still held as they were then.
    pub(crate) fn waited(self) -> bool {
        self.0 & WAITED != 0
    }

    /// The same way, as if taking the last lock could not have waited.
    pub(crate) fn not_waited(self) -> Self {
        Self(self.0 & !WAITED)
    }
}
