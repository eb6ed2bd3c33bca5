//! Numbers, durations and sizes as people read them.

use std::fmt;
use std::time::Duration;

/// A number of things.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A duration for people: three digits, and a unit that fits.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 3600 {
            return write!(
                formatter,
                "{} h {:02} min",
                seconds / 3600,
                seconds / 60 % 60
            );
        }
        if seconds >= 60 {
            return write!(formatter, "{} min {:02} s", seconds / 60, seconds % 60);
        }
        let mut value = self.0.as_nanos() as f64;
        for unit in ["ns", "µs", "ms"] {
            // What would be rounded up to 1000 belongs to the next unit.
            if value < 999.5 {
                return write_digits(formatter, value, unit);
            }
            value /= 1000.0;
        }
        write_digits(formatter, value, "s")
    }
}

fn write_digits(formatter: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    let decimals = match value {
        _ if unit == "ns" || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    write!(formatter, "{value:.decimals$} {unit}")
}

/// A number with its digits in groups of three.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        formatter.pad(&text)
    }
}

/// A number of bytes: three digits, and a unit that fits.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        if self.0 < 1024 {
            return write!(formatter, "{} B", self.0);
        }
        let mut unit = "B";
        for larger in ["KiB", "MiB", "GiB", "TiB"] {
            // What would be rounded up to 1024 belongs to the next unit.
            if value < 1023.5 {
                break;
            }
            value /= 1024.0;
            unit = larger;
        }
        write_digits(formatter, value, unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_three_digits_and_a_fitting_unit() {
        let cases = [
            (0, "0 ns"),
            (812, "812 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (999_900, "1.00 ms"),
            (123_456_789, "123 ms"),
            (1_234_000_000, "1.23 s"),
            (59_900_000_000, "59.9 s"),
            (61_000_000_000, "1 min 01 s"),
            (3_725_000_000_000, "1 h 02 min"),
        ];
        for (nanoseconds, shown) in cases {
            assert_eq!(Span(Duration::from_nanos(nanoseconds)).to_string(), shown);
        }
    }

    #[test]
    fn digits_are_grouped_by_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ];
        for (number, shown) in cases {
            assert_eq!(Grouped(number).to_string(), shown);
        }
    }

    #[test]
    fn sizes_have_three_digits_and_a_fitting_unit() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (64 * 1024, "64.0 KiB"),
            (1024 * 1024 - 1, "1.00 MiB"),
            (128 << 20, "128 MiB"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "job"), "1 job");
        assert_eq!(count(0, "job"), "0 jobs");
    }
}
