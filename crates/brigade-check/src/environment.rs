//! What the environment says: which seed, which schedule, how long, whether to draw a picture.

use std::time::Duration;
use std::{env, fs};

use crate::failure::Failure;

/// The seed of `BRIGADE_CHECK_SEED`, else `chosen`, else one drawn at random.
pub(crate) fn seed(chosen: Option<u64>) -> Result<u64, Failure> {
    match env::var("BRIGADE_CHECK_SEED") {
        Ok(text) => text.trim().parse().map_err(|_| Failure::InvalidSeed(text)),
        Err(_) => Ok(chosen.unwrap_or_else(|| fastrand::u64(..))),
    }
}

/// For how long a check goes on by `BRIGADE_CHECK_TIME`, instead of for a number of runs.
pub(crate) fn time() -> Result<Option<Duration>, Failure> {
    let Ok(text) = env::var("BRIGADE_CHECK_TIME") else {
        return Ok(None);
    };
    let number = text
        .trim()
        .trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let milliseconds = match text.trim().strip_prefix(number) {
        Some("ms") => Some(1),
        Some("s" | "") => Some(1_000),
        Some("m") => Some(60_000),
        Some("h") => Some(3_600_000),
        _ => None,
    };
    let time = milliseconds
        .zip(number.parse::<u64>().ok())
        .and_then(|(milliseconds, number)| number.checked_mul(milliseconds))
        // As long as an `Instant` can be added to.
        .filter(|&time| (1..=MOST_MILLISECONDS).contains(&time));
    match time {
        Some(time) => Ok(Some(Duration::from_millis(time))),
        None => Err(Failure::InvalidTime(text)),
    }
}

/// A year.
const MOST_MILLISECONDS: u64 = 365 * 24 * 3_600_000;

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
