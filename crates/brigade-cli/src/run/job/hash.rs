//! What jobs are known by, in few bytes.

use std::hash::{DefaultHasher, Hash as _, Hasher};

/// A hash of a text, long enough that no two texts share it.
pub(crate) type Hash = u128;

/// The hash of a text.
pub(crate) fn hash(text: &[u8]) -> Hash {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, text).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
