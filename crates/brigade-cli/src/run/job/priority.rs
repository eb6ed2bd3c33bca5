//! Priorities as people write them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use brigade::Priority;

/// How much waiting makes up for one level of priority. Jobs are much longer than the tasks that the
/// pool's own default is made for.
pub(crate) const AGEING: Duration = Duration::from_secs(1);

/// Reads `high`, `normal`, `low`, or a number from 0 (most urgent) to 255.
///
/// # Errors
/// [`UnknownPriority`] for anything else.
pub(crate) fn parse_priority(text: &str) -> Result<Priority, UnknownPriority> {
    match text {
        "high" => Ok(Priority::HIGH),
        "normal" => Ok(Priority::NORMAL),
        "low" => Ok(Priority::LOW),
        _ => match text.parse() {
            Ok(level) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Priority(level)),
            _ => Err(UnknownPriority(text.to_owned())),
        },
    }
}

/// A word that is not a priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownPriority(pub(crate) String);

impl fmt::Display for UnknownPriority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is not a priority; use high, normal, low, or 0 (most urgent) to 255",
            self.0.escape_debug()
        )
    }
}

impl Error for UnknownPriority {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_priorities() {
        assert_eq!(parse_priority("high"), Ok(Priority::HIGH));
        assert_eq!(parse_priority("normal"), Ok(Priority::NORMAL));
        assert_eq!(parse_priority("low"), Ok(Priority::LOW));
        assert_eq!(parse_priority("0"), Ok(Priority(0)));
        assert_eq!(parse_priority("255"), Ok(Priority(255)));
    }

    #[test]
    fn anything_else_is_an_error_that_quotes_it() {
        for wrong in ["", "256", "-1", "+1", "HIGH", "urgent", "1.5", " 1"] {
            let error = parse_priority(wrong).expect_err(wrong);
            assert!(error.to_string().contains(&format!("`{wrong}`")));
        }
    }
}
