//! What the environment says: which seed, which schedule.

use std::env;

use crate::failure::Failure;

/// The seed of `BRIGADE_CHECK_SEED`, else `chosen`, else one drawn at random.
pub(crate) fn seed(chosen: Option<u64>) -> Result<u64, Failure> {
    match env::var("BRIGADE_CHECK_SEED") {
        Ok(text) => text.trim().parse().map_err(|_| Failure::InvalidSeed(text)),
        Err(_) => Ok(chosen.unwrap_or_else(|| fastrand::u64(..))),
    }
}

/// The token of `BRIGADE_CHECK_REPLAY`, else `chosen`.
#[cfg(feature = "explore")]
pub(crate) fn token(chosen: Option<&str>) -> Result<Option<crate::explore::Token>, Failure> {
    let text = env::var("BRIGADE_CHECK_REPLAY").ok();
    let text = text.as_deref().or(chosen);
    text.map(crate::explore::Token::decode).transpose()
}
