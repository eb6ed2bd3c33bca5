//! Why an argument cannot be put where its place is.

use std::error::Error;
use std::fmt;

use super::super::replacement::{Part, Replacement, Subject};
use super::variables::Variables;

/// Why an argument would not be one word of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misplaced {
    /// A place is where its value could not be kept from being split or read as code.
    At(Replacement, &'static str),
    /// There is no `{}`, and the end does not belong to a command.
    End,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(replacement, place) => {
                write!(
                    formatter,
                    "the command has {replacement} {place}, where an argument cannot be put safely; "
                )?;
                match (replacement.subject, replacement.part) {
                    (Subject::All | Subject::Nth(_), Part::Whole) => {
                        let variable = Variables::name_of(0, *replacement);
                        write!(
                            formatter,
                            "use ${variable}, the shell variable that holds it, and quote it as \
                             the place demands"
                        )
                    }
                    _ => write!(
                        formatter,
                        "write `value={replacement};` before, use $value, and quote it as the place \
                         demands"
                    ),
                }
            }
            Self::End => formatter.write_str(
                "the command has no {}, and at its end, after an operator, a newline, a comment or \
                 a here-document, an argument would not belong to it; write {} where it is to go",
            ),
        }
    }
}

impl Error for Misplaced {}
