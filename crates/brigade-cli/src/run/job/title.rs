//! How a job is shown in a message.

use std::fmt;

/// A job in a message: on one line, not too long, and without effect on a terminal.
pub(crate) struct Title<'a>(pub(crate) &'a [u8]);

/// How much of a job a message shows, in characters.
const SHOWN: usize = 72;

impl fmt::Display for Title<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", shown(self.0))
    }
}

/// The same without quotes.
pub(crate) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * SHOWN)]);
    let mut shown = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(SHOWN) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if characters.next().is_some() || name.len() > 4 * SHOWN {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_short_line_without_control_characters() {
        assert_eq!(
            Title(b"echo \x1b[31m\ta").to_string(),
            "`echo \\u{1b}[31m\\ta`"
        );
        let title = Title("é".repeat(1000).as_bytes()).to_string();
        assert_eq!(title.chars().count(), SHOWN + 3);
    }
}
