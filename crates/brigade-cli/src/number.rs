//! Numbers as people write them on a command line.

/// Reads digits, with a point or without one, and nothing else: `parse` of an `f64` would also take signs, exponents, `inf` and
/// `nan`.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    text.parse().ok().filter(|_| text.bytes().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_at_most_one_point() {
        for (text, number) in [("0", 0.0), ("12", 12.0), ("1.5", 1.5), (".5", 0.5)] {
            assert_eq!(parse(text), Some(number));
        }
        for wrong in ["", ".", "+1", "-1", "1e3", "inf", "NaN", "1.2.3", " 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
