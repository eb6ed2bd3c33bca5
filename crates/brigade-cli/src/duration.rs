//! Durations as people write them on a command line.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::number;

/// Units and their seconds. The longer of two that end alike comes first.
const UNITS: [(&str, f64); 5] = [
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

/// The longest that is taken, a hundred years: no clock overflows when it is added to now.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads `500ms`, `30s`, `1.5m`, `2h` or `1d`; without a unit the number is of seconds.
///
/// # Errors
/// [`BadDuration`] for anything else.
pub(crate) fn parse(text: &str) -> Result<Duration, BadDuration> {
    let bad = || BadDuration(text.to_owned());
    let (digits, seconds) = UNITS
        .iter()
        .find_map(|&(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .unwrap_or((text, 1.0));
    let number = number::parse(digits).ok_or_else(bad)?;
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|_| bad())?;
    if duration > LONGEST {
        return Err(bad());
    }
    Ok(duration)
}

/// The same, and it must not be nothing.
///
/// # Errors
/// [`BadDuration`] for anything else.
pub(crate) fn parse_some(text: &str) -> Result<Duration, BadDuration> {
    parse(text).and_then(|duration| {
        if duration.is_zero() {
            return Err(BadDuration(text.to_owned()));
        }
        Ok(duration)
    })
}

/// A word that is not a duration, or not one that makes sense where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadDuration(String);

impl fmt::Display for BadDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "give a duration such as 500ms, 30s, 1.5m or 2h, not `{}`",
            self.0.escape_debug()
        )
    }
}

impl Error for BadDuration {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let cases = [
            ("500ms", 500),
            ("30s", 30_000),
            ("1.5m", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("3", 3_000),
            (".5", 500),
            ("0", 0),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_an_error_that_quotes_it() {
        for wrong in [
            "", "s", "-1s", "+1s", "1e3s", "inf", "nan", "1 s", "1x", "1.2.3", ".",
        ] {
            let error = parse(wrong).expect_err(wrong).to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
        for long in ["36501d", "1000000000000000000000s", &"9".repeat(400)] {
            assert!(parse(long).is_err(), "{long} was taken");
        }
        assert!(parse_some("0s").is_err());
    }
}
