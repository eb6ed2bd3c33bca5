//! Small amounts of work, and the numbers that come of it, which are as good as random.

/// So many dependent steps of about 1.5 ns from `state`, which must not be zero; no compiler or core can do
/// several at once.
#[inline(always)]
pub fn steps(count: u64, mut state: u64) -> u64 {
    for _ in 0..count {
        // The shift keeps compilers from folding several multiplications into one. Both halves can be undone,
        // so that no two states become one.
        state = (state ^ (state >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    state
}

/// A number below `limit` from a state.
#[inline(always)]
pub fn below(limit: u64, state: u64) -> u64 {
    ((state >> 32) * limit) >> 32
}
