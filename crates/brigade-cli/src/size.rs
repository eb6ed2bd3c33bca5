//! Sizes as people write them on a command line.

use std::error::Error;
use std::fmt;

use crate::number;

/// Units and their powers, as `head -c` has them: `K` and `KiB` are 1024, `KB` is 1000.
const UNITS: [(char, i32); 5] = [('K', 1), ('M', 2), ('G', 3), ('T', 4), ('P', 5)];

/// Reads `512M`, `2G`, `1.5GiB`, `10MB` or `4096`, in bytes. Small letters are as good as capitals.
///
/// # Errors
/// [`BadSize`] for anything else.
pub(crate) fn parse(text: &str) -> Result<u64, BadSize> {
    let bad = || BadSize(text.to_owned());
    let upper = text.to_ascii_uppercase();
    let (bare, base) = match (upper.strip_suffix("IB"), upper.strip_suffix('B')) {
        (Some(bare), _) => (bare, 1024_f64),
        (None, Some(bare)) => (bare, 1000.0),
        (None, None) => (&*upper, 1024.0),
    };
    let (digits, power) = UNITS
        .iter()
        .find_map(|&(unit, power)| Some((bare.strip_suffix(unit)?, power)))
        .unwrap_or((bare, 0));
    // `IB` is the end of a unit, and is none by itself.
    if power == 0 && upper.ends_with("IB") {
        return Err(bad());
    }
    let number = number::parse(digits).ok_or_else(bad)?;
    let bytes = number * base.powi(power);
    // No machine has so much, and every number below it is exact enough.
    if bytes >= u64::MAX as f64 {
        return Err(bad());
    }
    Ok(bytes as u64)
}

/// As [`parse`], of what must not be empty.
///
/// # Errors
/// [`BadSize`] for anything else.
pub(crate) fn parse_some(text: &str) -> Result<u64, BadSize> {
    let size = parse(text)?;
    (size > 0)
        .then_some(size)
        .ok_or_else(|| BadSize(text.to_owned()))
}

/// A word that is not a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadSize(String);

impl fmt::Display for BadSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "give a size such as 4096, 64K, 512M or 2G, not `{}`",
            self.0.escape_debug()
        )
    }
}

impl Error for BadSize {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        let cases = [
            ("0", 0),
            ("1", 1),
            ("1000B", 1000),
            ("1k", 1 << 10),
            ("512M", 512 << 20),
            ("1.5G", 3 << 29),
            ("2GiB", 2 << 30),
            ("3mib", 3 << 20),
            ("10MB", 10_000_000),
            ("2gb", 2_000_000_000),
            ("1T", 1 << 40),
            ("1000000G", 1_000_000 << 30),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in [
            "",
            "G",
            "iB",
            "1iB",
            "-1",
            "+1",
            "1e3",
            "1 G",
            "1X",
            "inf",
            "nan",
            "1.2.3",
            "99999999P",
        ] {
            assert_eq!(parse(wrong), Err(BadSize(wrong.to_owned())));
        }
    }

    #[test]
    fn what_must_not_be_empty_is_more_than_nothing() {
        assert_eq!(parse_some("1K"), Ok(1024));
        for wrong in ["0", "0M", ""] {
            assert_eq!(parse_some(wrong), Err(BadSize(wrong.to_owned())));
        }
    }
}
