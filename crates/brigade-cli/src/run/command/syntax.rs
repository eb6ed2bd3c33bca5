//! Whether a command line needs a shell.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The words of a command line that a shell would only split, and so can be executed without one.
///
/// `None` says that a shell must read it: it has syntax beyond words and quotes, begins with
/// something that only a shell knows, or is not well formed (the shell then says why).
///
/// `place` tells the length of what means itself at the beginning of what it is given, though it has
/// bytes that a shell might heed.
pub(crate) fn plain_words(line: &[u8], place: impl Fn(&[u8]) -> usize) -> Option<Vec<OsString>> {
    if !is_plain(line, place) {
        return None;
    }
    let words = shlex::bytes::split(line)?;
    let first = words.first()?;
    if first.contains(&b'=') || SHELL_ONLY.iter().any(|word| word.as_bytes() == first) {
        return None;
    }
    Some(words.into_iter().map(OsString::from_vec).collect())
}

/// True if no byte means anything to a shell, but for quotes, and for what means itself.
fn is_plain(line: &[u8], place: impl Fn(&[u8]) -> usize) -> bool {
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'{' => match place(rest) {
                0 => return false,
                length => &rest[length..],
            },
            b'\n' | b'\0' => return false,
            _ if SYNTAX.contains(&byte) => return false,
            _ => after,
        };
    }
    true
}

/// Bytes that mean something to a shell, in some place and in some shell that is called `sh`.
const SYNTAX: &[u8] = b"|&;<>()$`\\*?[]#~!}^";

/// First words that a shell knows and that need not exist as programs, or do nothing as such.
const SHELL_ONLY: &[&str] = &[
    ".", ":", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "declare",
    "do", "done", "elif", "else", "esac", "eval", "exec", "exit", "export", "fc", "fg", "fi",
    "for", "function", "getopts", "hash", "if", "in", "jobs", "let", "local", "read", "readonly",
    "return", "set", "shift", "source", "then", "time", "times", "trap", "type", "typeset",
    "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_braces(text: &[u8]) -> usize {
        if text.starts_with(b"{}") { 2 } else { 0 }
    }

    #[test]
    fn plain_lines_are_split_as_a_shell_would() {
        let cases: [(&str, &[&str]); 6] = [
            ("true", &["true"]),
            (
                "  grep -c\tfoo  bar.txt ",
                &["grep", "-c", "foo", "bar.txt"],
            ),
            ("grep 'a  b' \"c d\"", &["grep", "a  b", "c d"]),
            ("date +%s,%N", &["date", "+%s,%N"]),
            ("dd if=a of=b", &["dd", "if=a", "of=b"]),
            ("cp {} {}.bak", &["cp", "{}", "{}.bak"]),
        ];
        for (line, words) in cases {
            let expected = words.iter().map(OsString::from).collect::<Vec<_>>();
            assert_eq!(
                plain_words(line.as_bytes(), empty_braces),
                Some(expected),
                "{line}"
            );
        }
    }

    #[test]
    fn shell_syntax_goes_to_the_shell() {
        for line in [
            "a | b",
            "a & b",
            "a; b",
            "a > b",
            "a < b",
            "(a)",
            "echo $a",
            "echo `a`",
            "echo a\\ b",
            "echo *",
            "echo a?",
            "echo [a]",
            "echo # a",
            "ls ~",
            "! a",
            "{ a; }",
            "echo {a,b}",
            "a\nb",
            "echo \"$a\"",
            "echo a^b",
        ] {
            assert_eq!(plain_words(line.as_bytes(), empty_braces), None, "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_knows_goes_to_the_shell() {
        for line in [
            "cd /",
            "FOO=1 env",
            "exit 3",
            ": nothing",
            ". file",
            "'exit' 3",
            "if true",
        ] {
            assert_eq!(plain_words(line.as_bytes(), empty_braces), None, "{line}");
        }
    }

    #[test]
    fn malformed_and_empty_lines_go_to_the_shell() {
        for line in ["echo 'a", "echo \"a", "", "  "] {
            assert_eq!(plain_words(line.as_bytes(), empty_braces), None, "{line}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept() {
        let words = plain_words(b"cat \xff\xfe", empty_braces).expect("plain");
        assert_eq!(words[1], OsString::from_vec(vec![0xff, 0xfe]));
    }
}
