//! What the environment says: which seed, which schedule, how long, whether to draw a picture.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs};

#[cfg(feature = "explore")]
use crate::explore::Token;
use crate::failure::Failure;
#[cfg(feature = "explore")]
use crate::origin::Origin;

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
        .filter(|&time| time > 0);
    match time {
        Some(time) => Ok(Some(Duration::from_millis(time))),
        None => Err(Failure::InvalidTime(text)),
    }
}

/// The token of `BRIGADE_CHECK_REPLAY` if it is one of this check, as all checks of a test binary are given it; else
/// `chosen`.
#[cfg(feature = "explore")]
pub(crate) fn token(chosen: Option<&str>, origin: &Origin) -> Result<Option<Token>, Failure> {
    if let Ok(text) = env::var("BRIGADE_CHECK_REPLAY") {
        let token = Token::decode(&text)?;
        if token.origin == origin.fingerprint() {
            return Ok(Some(token));
        }
        eprintln!("BRIGADE_CHECK_REPLAY belongs to another check; this one runs as ever");
    }
    chosen.map(Token::decode).transpose()
}

/// Pictures that this process has written or tried to.
static PICTURES: AtomicUsize = AtomicUsize::new(0);

/// Writes a picture to the file of `BRIGADE_CHECK_HTML`, if it is set, and says so. As all tests of a process are told the
/// same file, further ones go beside it: `run.html`, `run-2.html` and so on.
pub(crate) fn write_picture(page: &str) -> Option<String> {
    let mut path = PathBuf::from(env::var_os("BRIGADE_CHECK_HTML")?);
    let number = PICTURES.fetch_add(1, Relaxed) + 1;
    if number > 1 {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        path.set_file_name(name);
    }
    let to = path.display();
    Some(match fs::write(&path, page) {
        Ok(()) => format!("A picture of it: {to}"),
        Err(error) => format!("The picture could not be written to {to}: {error}"),
    })
}
