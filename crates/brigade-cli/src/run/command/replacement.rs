//! The places in a command where something is put for each job: `{}`, `{.}`, `{2/}`, `{#}`.

use std::borrow::Cow;
use std::fmt;

/// What stands in a command for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) subject: Subject,
    pub(crate) part: Part,
}

/// Of what something is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `{}`: every argument of the job, mostly one.
    All,
    /// `{2}`: one of them, counted from 1.
    Nth(u16),
    /// `{#}`: none, but the number of the job.
    Number,
}

/// How much of an argument, taken as a path, is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `{}`
    Whole,
    /// `{.}`
    WithoutExtension,
    /// `{/}`
    BaseName,
    /// `{//}`
    Directory,
    /// `{/.}`
    BaseNameWithoutExtension,
}

/// What there is to put into the places of one job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) arguments: &'a [Vec<u8>],
    /// The number of the job.
    pub(crate) number: u64,
}

/// An argument that a command names and a job does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) replacement: Replacement,
    pub(crate) nth: u16,
    /// How many the job has.
    pub(crate) given: usize,
}

impl Replacement {
    /// Every argument as it is.
    pub(crate) const ALL: Self = Self {
        subject: Subject::All,
        part: Part::Whole,
    };

    /// The replacement that `text` begins with, and its length.
    pub(crate) fn at_start(text: &[u8]) -> Option<(Self, usize)> {
        // The longest is `{65535//}`.
        let inner = text.strip_prefix(b"{")?;
        let length = inner.iter().take(8).position(|&byte| byte == b'}')?;
        let inner = &inner[..length];
        let digits = inner.iter().take_while(|byte| byte.is_ascii_digit());
        let (digits, part) = inner.split_at(digits.count());
        let subject = match digits {
            [] if part == b"#" => Subject::Number,
            [] => Subject::All,
            [b'0', ..] => return None,
            _ => Subject::Nth(std::str::from_utf8(digits).ok()?.parse().ok()?),
        };
        let part = match part {
            b"" => Part::Whole,
            b"#" if subject == Subject::Number => Part::Whole,
            b"." => Part::WithoutExtension,
            b"/" => Part::BaseName,
            b"//" => Part::Directory,
            b"/." => Part::BaseNameWithoutExtension,
            _ => return None,
        };
        Some((Self { subject, part }, length + 2))
    }

    /// What is put there: a word for each argument that is meant.
    ///
    /// # Errors
    /// [`Missing`] if the job has fewer arguments.
    pub(crate) fn words<'a>(self, given: Given<'a>) -> Result<Vec<Cow<'a, [u8]>>, Missing> {
        match self.subject {
            Subject::Number => Ok(vec![Cow::Owned(given.number.to_string().into_bytes())]),
            Subject::All => {
                let parts = given
                    .arguments
                    .iter()
                    .map(|it| Cow::Borrowed(self.part.of(it)));
                Ok(parts.collect())
            }
            Subject::Nth(nth) => match given.arguments.get(usize::from(nth) - 1) {
                Some(argument) => Ok(vec![Cow::Borrowed(self.part.of(argument))]),
                None => Err(Missing {
                    replacement: self,
                    nth,
                    given: given.arguments.len(),
                }),
            },
        }
    }

    /// The same as one word, with spaces between the arguments.
    ///
    /// # Errors
    /// [`Missing`] if the job has fewer arguments.
    pub(crate) fn one_word(self, given: Given<'_>) -> Result<Vec<u8>, Missing> {
        Ok(self.words(given)?.join(&b' '))
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        match self.subject {
            Subject::All => {}
            Subject::Nth(nth) => write!(formatter, "{nth}")?,
            Subject::Number => formatter.write_str("#")?,
        }
        formatter.write_str(match self.part {
            Part::Whole => "}",
            Part::WithoutExtension => ".}",
            Part::BaseName => "/}",
            Part::Directory => "//}",
            Part::BaseNameWithoutExtension => "/.}",
        })
    }
}

impl Part {
    /// This part of a path.
    fn of(self, path: &[u8]) -> &[u8] {
        match self {
            Self::Whole => path,
            Self::WithoutExtension => without_extension(path),
            Self::BaseName => base_name(path),
            Self::Directory => directory(path),
            Self::BaseNameWithoutExtension => without_extension(base_name(path)),
        }
    }
}

/// A dot that begins a name begins no extension, nor does one that ends it: so no name becomes empty.
fn without_extension(path: &[u8]) -> &[u8] {
    let name = path
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    match path[name..].iter().rposition(|&byte| byte == b'.') {
        Some(dot)
            if path[name..name + dot].iter().any(|&byte| byte != b'.')
                && name + dot + 1 < path.len() =>
        {
            &path[..name + dot]
        }
        _ => path,
    }
}

/// As `basename(1)`.
fn base_name(path: &[u8]) -> &[u8] {
    let trimmed = trim_slashes(path);
    match trimmed.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if trimmed.len() > 1 => &trimmed[slash + 1..],
        _ => trimmed,
    }
}

/// As `dirname(1)`.
fn directory(path: &[u8]) -> &[u8] {
    let trimmed = trim_slashes(path);
    match trimmed.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => trim_slashes(&trimmed[..=slash]),
        None => b".",
    }
}

/// Without the slashes at the end, but for the root's.
fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/');
    &path[..end.map_or(path.len().min(1), |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_read_and_written() {
        for text in [
            "{}",
            "{.}",
            "{/}",
            "{//}",
            "{/.}",
            "{#}",
            "{1}",
            "{12/.}",
            "{65535//}",
        ] {
            let (replacement, length) = Replacement::at_start(text.as_bytes()).expect(text);
            assert_eq!(
                (replacement.to_string().as_str(), length),
                (text, text.len())
            );
        }
        for text in [
            "", "{", "x{}", "{0}", "{01}", "{65536}", "{1#}", "{#.}", "{..}", "{a}", "{1 }", "{-1}",
        ] {
            assert_eq!(Replacement::at_start(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn parts_of_paths() {
        let cases = [
            ("a/b.tar.gz", ["a/b.tar", "b.tar.gz", "a", "b.tar"]),
            ("b.c", ["b", "b.c", ".", "b"]),
            ("a.d/b", ["a.d/b", "b", "a.d", "b"]),
            ("a/.rc", ["a/.rc", ".rc", "a", ".rc"]),
            ("a/..", ["a/..", "..", "a", ".."]),
            ("a.", ["a.", "a.", ".", "a."]),
            ("/a", ["/a", "a", "/", "a"]),
            ("//a", ["//a", "a", "/", "a"]),
            ("a//b//", ["a//b//", "b", "a", "b"]),
            ("/", ["/", "/", "/", "/"]),
            ("//", ["//", "/", "/", "/"]),
            ("", ["", "", ".", ""]),
        ];
        let parts = [
            Part::WithoutExtension,
            Part::BaseName,
            Part::Directory,
            Part::BaseNameWithoutExtension,
        ];
        for (path, expected) in cases {
            let found = parts.map(|part| String::from_utf8_lossy(part.of(path.as_bytes())));
            assert_eq!(found, expected, "{path}");
        }
    }
}
