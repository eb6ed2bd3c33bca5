//! Sizes as people write them on a command line.

use std::error::Error;
use std::fmt;

/// Units and their bytes, as `head -c` and `sort -S` have them. The longer of two that end alike comes first.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
];

/// Reads `4096`, `64K`, `1M` or `2GiB`, and `10MB`, which is 10,000,000. It must not be nothing. Small letters are as
/// good as capitals.
///
/// # Errors
/// [`BadSize`] for anything else.
pub(crate) fn parse(text: &str) -> Result<u64, BadSize> {
    let bad = || BadSize(text.to_owned());
    let upper = text.to_ascii_uppercase();
    let (digits, factor) = UNITS
        .iter()
        .find_map(|&(unit, bytes)| Some((upper.strip_suffix(&unit.to_ascii_uppercase())?, bytes)))
        .unwrap_or((&upper, 1));
    // `parse` would also take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let number = digits.parse::<u64>().map_err(|_| bad())?;
    let size = number.checked_mul(factor).filter(|&size| size > 0);
    size.ok_or_else(bad)
}

/// A word that is not a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadSize(String);

impl fmt::Display for BadSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "give a size such as 4096, 64K, 1M or 2G, not `{}`",
            self.0.escape_debug()
        )
    }
}

impl Error for BadSize {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_other_commands() {
        let cases = [
            ("1", 1),
            ("4096", 4096),
            ("64K", 64 << 10),
            ("64k", 64 << 10),
            ("1M", 1 << 20),
            ("2GiB", 2 << 30),
            ("3mib", 3 << 20),
            ("10MB", 10_000_000),
        ];
        for (text, size) in cases {
            assert_eq!(parse(text), Ok(size), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_an_error_that_shows_one() {
        for text in [
            "",
            "0",
            "0M",
            "M",
            "-1",
            "+1",
            "1.5M",
            "1T",
            "1 M",
            "99999999999G",
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains("such as 4096, 64K"), "{error}");
        }
    }
}
