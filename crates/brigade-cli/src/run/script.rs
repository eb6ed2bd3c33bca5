//! Shell code with a place for an argument, made safe.
//!
//! The argument is never written into the code. `{}` becomes the expansion of a variable, quoted as
//! the place demands, and a shell does not read the value of a variable as code. To know what the
//! place demands, the code is followed through its quotes and substitutions. Were this reading ever
//! wrong, an argument could be split or go missing, but still not become code.

use std::error::Error;
use std::fmt;

use super::template::PLACE;

/// The shell variable that holds the argument.
pub(crate) const VARIABLE: &str = "brigade_argument";

/// Sets the variable from the first parameter of `sh -c`, which a function or `set` may change later.
/// It is not exported.
const PREAMBLE: &str = "brigade_argument=$1; shift; ";

/// What surrounds a place in shell code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// Commands: the top level, a subshell, or `$(..)`.
    Code,
    /// Between double quotes.
    Quotes,
    /// `${..}`
    Expansion,
    /// `$((..))`
    Arithmetic,
    /// Between backquotes.
    Backquotes,
}

/// Shell code that takes the argument from the variable wherever `{}` stands, or as its last word.
///
/// # Errors
/// [`Misplaced`] if `{}` stands where its value would be read as code or could not be quoted, or if
/// there is none and the argument at the end would be a command of its own, or part of a comment.
pub(crate) fn take_argument(code: &[u8]) -> Result<Vec<u8>, Misplaced> {
    let mut scan = Scan {
        rest: code,
        script: PREAMBLE.as_bytes().to_vec(),
        inside: vec![Context::Code],
        here_document: false,
        closed: true,
        placed: code
            .windows(VARIABLE.len())
            .any(|window| window == VARIABLE.as_bytes()),
    };
    while !scan.rest.is_empty() {
        scan.step()?;
    }
    if !scan.placed {
        if scan.closed || scan.here_document {
            return Err(Misplaced::End);
        }
        scan.script.push(b' ');
        scan.write_variable(Context::Code);
    }
    Ok(scan.script)
}

/// A reading of shell code, and what has been written of the result.
struct Scan<'a> {
    rest: &'a [u8],
    script: Vec<u8>,
    inside: Vec<Context>,
    here_document: bool,
    /// The last command has ended, or a comment has begun: a word that came next would not belong to
    /// the command.
    closed: bool,
    placed: bool,
}

impl Scan<'_> {
    fn step(&mut self) -> Result<(), Misplaced> {
        let context = self.inside.last().copied().unwrap_or(Context::Code);
        let (code, quotes) = (context == Context::Code, context == Context::Quotes);
        if let Some(byte) = self.rest.first().filter(|byte| !b" \t".contains(byte)) {
            self.closed = code && b"\n;&|(".contains(byte);
        }
        if self.rest.starts_with(PLACE) {
            self.rest = &self.rest[PLACE.len()..];
            return self.place(context);
        }
        match self.rest {
            [b'\\', _, ..] => self.copy(2),
            [b'\'', ..] if !quotes => return self.single_quotes(),
            [b'"', ..] if quotes => self.leave(1),
            [b'"', ..] => self.enter(Context::Quotes, 1),
            [b'$', b'(', b'(', ..] => self.enter(Context::Arithmetic, 3),
            [b'$', b'(', ..] => self.enter(Context::Code, 2),
            [b'$', b'{', ..] => self.enter(Context::Expansion, 2),
            [b'`', ..] if context == Context::Backquotes => self.leave(1),
            [b'`', ..] => self.enter(Context::Backquotes, 1),
            [b'(', ..] if code => self.enter(Context::Code, 1),
            [b')', b')', ..] if context == Context::Arithmetic => self.leave(2),
            [b'}', ..] if context == Context::Expansion => self.leave(1),
            // The bracket of a `case` pattern closes nothing that was opened at the top level.
            [b')', ..] if code && self.inside.len() > 1 => self.leave(1),
            [b'<', b'<', ..] if code => {
                self.here_document = true;
                self.copy(2);
            }
            [b'#', ..] if code && self.at_word_start() => self.comment(),
            _ => self.copy(1),
        }
        Ok(())
    }

    fn copy(&mut self, length: usize) {
        let (copied, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.script.extend_from_slice(copied);
        self.rest = rest;
    }

    fn enter(&mut self, context: Context, length: usize) {
        self.inside.push(context);
        self.copy(length);
    }

    fn leave(&mut self, length: usize) {
        self.inside.pop();
        self.copy(length);
    }

    /// Copies a quotation in single quotes, leaving it for each place.
    fn single_quotes(&mut self) -> Result<(), Misplaced> {
        self.copy(1);
        while let Some(&byte) = self.rest.first() {
            if self.rest.starts_with(PLACE) {
                self.rest = &self.rest[PLACE.len()..];
                self.script.push(b'\'');
                self.place(Context::Code)?;
                self.script.push(b'\'');
            } else {
                self.copy(1);
            }
            if byte == b'\'' {
                break;
            }
        }
        Ok(())
    }

    /// Copies a comment, in which places and quotes are only text.
    fn comment(&mut self) {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        self.copy(end.unwrap_or(self.rest.len()));
        self.closed = true;
    }

    fn at_word_start(&self) -> bool {
        self.script
            .last()
            .is_none_or(|byte| b" \t\n;&|()".contains(byte))
    }

    fn place(&mut self, context: Context) -> Result<(), Misplaced> {
        if self.here_document {
            return Err(Misplaced::At("after a here-document has begun"));
        }
        match context {
            Context::Code | Context::Quotes => self.write_variable(context),
            Context::Expansion => return Err(Misplaced::At("inside ${..}")),
            Context::Arithmetic => return Err(Misplaced::At("inside $((..))")),
            Context::Backquotes => return Err(Misplaced::At("inside backquotes")),
        }
        Ok(())
    }

    fn write_variable(&mut self, context: Context) {
        let expansion = format!("${{{VARIABLE}}}");
        let expansion = match context {
            Context::Quotes => expansion,
            _ => format!("\"{expansion}\""),
        };
        self.script.extend_from_slice(expansion.as_bytes());
        self.placed = true;
    }
}

/// Why an argument would not be one word of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misplaced {
    /// `{}` stands where it could not be kept from being split or read as code.
    At(&'static str),
    /// There is no `{}`, and the end does not belong to a command.
    End,
}

impl fmt::Display for Misplaced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(place) => write!(
                formatter,
                "the command has {{}} {place}, where an argument cannot be put safely; use \
                 ${VARIABLE}, the shell variable that holds it, and quote it as the place demands"
            ),
            Self::End => formatter.write_str(
                "the command has no {}, and at its end, after an operator, a newline, a comment or \
                 a here-document, an argument would not belong to it; write {} where it is to go",
            ),
        }
    }
}

impl Error for Misplaced {}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    const NASTY: &[&[u8]] = &[
        b"plain",
        b"a b",
        b"it's",
        b"\"",
        b"$(echo owned)",
        b"`echo owned`",
        b"a\nb",
        b"-n",
        b"*",
        b"\\",
        b"$HOME",
        b"'\"'$(echo owned)\"'",
        b"; echo owned",
        b"\xff\xfe",
        b"",
        b"{}",
        b"a  b ",
        b"~",
        b"#",
        b"!",
        b"${x}",
        b"a\\nb",
    ];

    /// What `/bin/sh` prints for `code` and `argument`.
    fn output(code: &str, argument: &[u8]) -> Vec<u8> {
        let script = take_argument(code.as_bytes()).expect(code);
        let output = Command::new("/bin/sh")
            .arg("-c")
            .args([
                OsStr::from_bytes(&script),
                OsStr::new("sh"),
                OsStr::from_bytes(argument),
            ])
            .output()
            .expect("sh runs");
        assert!(
            output.status.success(),
            "{code}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Asserts that `code` prints each nasty argument between `<` and `>`, and nothing else.
    #[track_caller]
    fn assert_one_word(code: &str) {
        for argument in NASTY {
            let expected = [b"<", *argument, b">"].concat();
            let shown = String::from_utf8_lossy(argument);
            assert_eq!(output(code, argument), expected, "{code} with {shown}");
        }
    }

    #[test]
    fn an_argument_is_one_word_in_every_kind_of_quotation() {
        assert_one_word("printf '<%s>' {};");
        assert_one_word("printf '<%s>' \"{}\";");
        assert_one_word("printf '<%s>' '{}';");
        assert_one_word("printf %s '<{}>' ;");
        assert_one_word("printf %s \"<{}>\" ;");
        assert_one_word("printf %s \\<{}\\>");
        assert_one_word("printf '<%s>' ''{}\"\" && :");
    }

    #[test]
    fn an_argument_is_one_word_in_substitutions_and_subshells() {
        assert_one_word("printf '<%s>' \"$(printf %s. {})\" | sed '$s/\\.>$/>/'");
        assert_one_word("(printf '<%s>' {})");
        assert_one_word("f() { printf '<%s>' {}; }; f other");
        assert_one_word("set -- other; printf '<%s>' {}");
        assert_one_word("case x in x) printf '<%s>' {};; esac");
        assert_one_word("x=\"${y:-$(true)}\"; printf '<%s>' {}");
    }

    #[test]
    fn without_a_place_the_argument_comes_last() {
        assert_one_word("x=1; printf '<%s>'");
    }

    #[test]
    fn the_variable_may_be_named_instead() {
        assert_one_word("printf '<%s>' \"$brigade_argument\"");
        assert_one_word(
            "printf '<%s>' \"`printf %s \"$brigade_argument\"; echo .`\" | sed '$s/\\.>$/>/'",
        );
    }

    #[test]
    fn comments_and_escaped_places_are_left_alone() {
        assert_eq!(output("echo x # it's {} \necho {}", b"a"), b"x\na\n");
        assert_eq!(output("echo \\{} {} ; :", b"a"), b"{} a\n");
        assert_eq!(output("echo a#{} ; :", b"b"), b"a#b\n");
    }

    #[test]
    fn places_that_cannot_be_made_safe_are_errors_that_say_what_to_do() {
        for code in [
            "echo $(({} + 1))",
            "echo `cat {}`",
            "echo ${x:-{}}",
            "cat << E\n{}\nE",
        ] {
            let error = take_argument(code.as_bytes()).expect_err(code);
            assert!(
                error.to_string().contains("use $brigade_argument"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_argument_at_the_end_is_never_a_command_of_its_own() {
        for code in [
            "echo a;",
            "echo a; ",
            "sleep 1 &",
            "echo a |",
            "true &&\t",
            "echo a\n",
            "echo a # note",
            "# note",
            "cat << E\na\nE",
            "(",
        ] {
            assert_eq!(
                take_argument(code.as_bytes()),
                Err(Misplaced::End),
                "{code}"
            );
        }
        for code in [
            "printf '<%s>' \\;",
            "printf '<%s>;&|\n' ';'",
            "echo a # note\nprintf %s",
            "true; printf %s \"$(echo a;)\"",
        ] {
            take_argument(code.as_bytes()).expect(code);
        }
    }
}
