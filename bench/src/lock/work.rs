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
