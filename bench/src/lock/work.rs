//! What is done while a lock is held, and between.

use crossbeam_utils::CachePadded;

/// Locks that are taken in turn where nobody contends: more than one, so that no processor
/// takes a shortcut from one release to the next taking of the same word.
pub(super) const LOCKS: usize = 16;

/// Locks, each on a cache line of its own with what it protects.
///
/// A power of two of them, so that choosing one is a mask.
pub(super) fn padded<L>(lock: impl Fn() -> L) -> Box<[CachePadded<L>; LOCKS]> {
    Box::new(std::array::from_fn(|_| CachePadded::new(lock())))
}

/// So many dependent steps of about 1.5 ns from `state`, which must not be zero; no compiler or core can do
/// several at once.
#[inline(always)]
pub(super) fn steps(count: u64, mut state: u64) -> u64 {
    for _ in 0..count {
        // The shift keeps compilers from folding several multiplications into one. Both halves can be undone,
        // so that no two states become one.
        state = (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    state
}

/// A number below `limit` from a state.
#[inline(always)]
pub(super) fn below(limit: u64, state: u64) -> u64 {
    ((state >> 32) * limit) >> 32
}
