//! Names of resources, and of the files that stand for them.

use std::fmt;

use super::error::ResourceError;

/// The longest name, encoded; a file name may have 255 bytes, and what follows the name needs some.
const LONGEST: usize = 200;

/// The name of a resource. Names are ordered as those of their files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// Letters, digits, `-`, `_` and `.` stand for themselves, but for a `.` at the beginning; any other byte is
    /// `%` and two hexadecimal digits.
    encoded: String,
}

impl Name {
    /// The name of these bytes, whatever they are.
    ///
    /// # Errors
    /// [`ResourceError::EmptyName`], [`ResourceError::LongName`].
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, ResourceError> {
        if bytes.is_empty() {
            return Err(ResourceError::EmptyName);
        }
        let mut encoded = String::with_capacity(bytes.len());
        for (index, &byte) in bytes.iter().enumerate() {
            let plain = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if plain && (index > 0 || byte != b'.') {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        if encoded.len() > LONGEST {
            return Err(ResourceError::LongName {
                length: encoded.len(),
                longest: LONGEST,
            });
        }
        Ok(Self { encoded })
    }

    /// The name that was encoded so; `None` if none was.
    pub(crate) fn decode(encoded: &str) -> Option<Self> {
        let name = Self {
            encoded: encoded.to_owned(),
        };
        (Self::new(&name.bytes()?).ok()? == name).then_some(name)
    }

    /// The name as the first part of a file name.
    pub(crate) fn encoded(&self) -> &str {
        &self.encoded
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.encoded.len());
        let mut rest = self.encoded.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte == b'%' {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            } else {
                bytes.push(byte);
            }
        }
        Some(bytes)
    }
}

impl fmt::Display for Name {
    /// The name as people read it, on one line and without effect on a terminal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes().unwrap_or_default();
        formatter.pad(&printable(&String::from_utf8_lossy(&bytes)))
    }
}

/// The text without control characters.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        Name::new(bytes).expect("a name").encoded().to_owned()
    }

    #[test]
    fn any_bytes_are_one_file_name() {
        assert_eq!(encoded(b"db-1_a.B"), "db-1_a.B");
        assert_eq!(encoded(b".."), "%2E.");
        assert_eq!(encoded(b"a/b c"), "a%2Fb%20c");
        assert_eq!(encoded(b"%2F\n\xff"), "%252F%0A%FF");
    }

    #[test]
    fn different_names_have_different_files_and_come_back() {
        let names: [&[u8]; 7] = [b"a", b"%61", b"a/b", b"a%2Fb", b".", b"%2E", b"\xff\xfe\n"];
        let mut files = names.map(encoded).to_vec();
        for (name, file) in names.iter().zip(&files) {
            let decoded = Name::decode(file).expect("decodes");
            assert_eq!(decoded.bytes().as_deref(), Some(*name));
        }
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }

    #[test]
    fn what_is_no_encoding_is_no_name() {
        for wrong in ["", "a/b", "%", "%4", "%zz", "%61", "%2f", "..", "a b"] {
            assert_eq!(Name::decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn empty_and_long_names_are_refused() {
        assert!(matches!(Name::new(b""), Err(ResourceError::EmptyName)));
        assert!(Name::new(&[b'a'; LONGEST]).is_ok());
        let long = Name::new(&[b'/'; LONGEST / 3 + 1]);
        assert!(matches!(long, Err(ResourceError::LongName { .. })));
    }
}
