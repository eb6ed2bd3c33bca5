//! What the environment says: which seed, which schedule, whether to draw a picture.

use std::{env, fs};

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

/// Writes a picture to the file of `BRIGADE_CHECK_HTML`, if it is set, and says so.
pub(crate) fn write_picture(page: &str) -> Option<String> {
    let path = env::var("BRIGADE_CHECK_HTML").ok()?;
    Some(match fs::write(&path, page) {
        Ok(()) => format!("A picture of it: {path}"),
        Err(error) => format!("The picture could not be written to {path}: {error}"),
    })
}
