//! Shell code with places for arguments, made safe.
//!
//! No argument is ever written into the code. `{}` becomes the expansion of a variable, quoted as
//! the place demands, and a shell does not read the value of a variable as code. To know what the
//! place demands, the code is followed through its quotes and substitutions. Were this reading ever
//! wrong, an argument could be split or go missing, but still not become code.

mod misplaced;
mod scan;
mod variables;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::replacement::{Given, Missing, Part, Replacement, Subject};

use self::variables::{VARIABLE, Variables};

pub(crate) use self::misplaced::Misplaced;

/// Shell code with places for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pieces: Vec<Piece>,
    /// Those whose variables the code names itself.
    named: Vec<Replacement>,
}

/// A piece of shell code.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Code(Vec<u8>),
    Place(Replacement, Manner),
}

/// How a variable is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// In double quotes of its own.
    Quoted,
    /// Within double quotes.
    Bare,
    /// As a word by itself, or several.
    Words,
}

impl Script {
    /// Reads shell code that has places, or with `argument` is to have all arguments as its last words.
    ///
    /// # Errors
    /// [`Misplaced`] if a place is where its value would be read as code or could not be quoted, or if
    /// there is none and an argument at the end would be a command of its own, or part of a comment.
    pub(crate) fn parse(code: &[u8], argument: bool) -> Result<Self, Misplaced> {
        let named = named(code);
        let pieces = scan::pieces(code, argument && named.is_empty())?;
        Ok(Self { pieces, named })
    }

    /// The code, if it is the same for all jobs.
    pub(crate) fn fixed(&self) -> Option<OsString> {
        match self.pieces.as_slice() {
            [Piece::Code(code)] if self.named.is_empty() => Some(OsString::from_vec(code.clone())),
            _ => None,
        }
    }

    /// Code for one job, and the values that it takes as its parameters.
    ///
    /// # Errors
    /// [`Missing`] if it names an argument that the job does not have.
    pub(crate) fn fill(&self, given: Given<'_>) -> Result<(OsString, Vec<OsString>), Missing> {
        let mut variables = Variables::default();
        for &replacement in &self.named {
            variables.name(replacement);
        }
        let mut body = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Code(code) => body.extend_from_slice(code),
                Piece::Place(replacement, Manner::Words) => {
                    for (index, one) in each(*replacement, given).into_iter().enumerate() {
                        let space = if index == 0 { "" } else { " " };
                        let expansion = format!("{space}\"${{{}}}\"", variables.name(one));
                        body.extend_from_slice(expansion.as_bytes());
                    }
                }
                Piece::Place(replacement, manner) => {
                    let quote = if *manner == Manner::Quoted { "\"" } else { "" };
                    let name = variables.name(*replacement);
                    body.extend_from_slice(format!("{quote}${{{name}}}{quote}").as_bytes());
                }
            }
        }
        let values = variables.values().map(|it| it.one_word(given));
        let values = values.map(|value| Ok(OsString::from_vec(value?)));
        let values = values.collect::<Result<Vec<_>, Missing>>()?;
        let code = [variables.preamble().into_bytes(), body].concat();
        Ok((OsString::from_vec(code), values))
    }

    /// What stands in the code for something else.
    pub(crate) fn replacements(&self) -> Vec<Replacement> {
        let places = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Place(replacement, _) => Some(*replacement),
            Piece::Code(_) => None,
        });
        places.chain(self.named.iter().copied()).collect()
    }
}

/// A replacement of several arguments as one for each.
fn each(replacement: Replacement, given: Given<'_>) -> Vec<Replacement> {
    let number = u16::try_from(given.arguments.len()).unwrap_or(u16::MAX);
    match replacement.subject {
        Subject::All if number != 1 => {
            let one = |nth| Replacement {
                subject: Subject::Nth(nth),
                ..replacement
            };
            (1..=number).map(one).collect()
        }
        _ => vec![replacement],
    }
}

/// The replacements whose variables are named in shell code.
fn named(code: &[u8]) -> Vec<Replacement> {
    let mut named = Vec::new();
    for start in 0..code.len() {
        let Some(after) = code[start..].strip_prefix(VARIABLE.as_bytes()) else {
            continue;
        };
        let digits = after.strip_prefix(b"_").unwrap_or_default();
        let digits = &digits[..digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()];
        let nth = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok());
        named.push(Replacement {
            subject: nth
                .filter(|&nth| nth > 0)
                .map_or(Subject::All, Subject::Nth),
            part: Part::Whole,
        });
    }
    named
}

#[cfg(test)]
mod tests {
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
        output_of(code, &[argument])
    }

    fn output_of(code: &str, arguments: &[&[u8]]) -> Vec<u8> {
        let script = Script::parse(code.as_bytes(), true).expect(code);
        let arguments = arguments.iter().map(|it| it.to_vec()).collect::<Vec<_>>();
        let given = Given {
            arguments: &arguments,
            number: 7,
        };
        let (script, values) = script.fill(given).expect("no argument is missing");
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(script)
            .arg("sh")
            .args(values)
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
    fn several_arguments_are_words_of_their_own_where_a_word_is_a_place() {
        let several: [&[u8]; 2] = [b"$(x) y.z", b"-d/e"];
        for (code, expected) in [
            ("printf '<%s>' {} && :", "<$(x) y.z><-d/e>"),
            ("printf '<%s>' '{}' && :", "<$(x) y.z><-d/e>"),
            ("printf '<%s>' \"{}\"; :", "<$(x) y.z><-d/e>"),
            ("printf '<%s>' x{} && :", "<x$(x) y.z -d/e>"),
            ("printf '<%s>' \"x{}\" && :", "<x$(x) y.z -d/e>"),
            ("x={}; printf '<%s>' \"$x\"", "<$(x) y.z -d/e>"),
            (
                "printf '<%s>' {2} {1.} {/} {#} {2//}; :",
                "<-d/e><$(x) y><$(x) y.z><e><7><-d>",
            ),
            ("printf '<%s>' \"$brigade_argument_2\"", "<-d/e>"),
            ("true && printf '<%s>'", "<$(x) y.z><-d/e>"),
        ] {
            let printed = output_of(code, &several);
            assert_eq!(String::from_utf8_lossy(&printed), expected, "{code}");
        }
    }

    #[test]
    fn a_parameter_is_no_place() {
        assert_eq!(output("set -- x y; echo ${1} ${#} {}", b"a"), b"x 2 a\n");
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
            let error = Script::parse(code.as_bytes(), true).expect_err(code);
            assert!(
                error.to_string().contains("use $brigade_argument"),
                "{error}"
            );
        }
        let error = |code: &[u8]| {
            Script::parse(code, true)
                .expect_err("misplaced")
                .to_string()
        };
        assert!(error(b"echo `cat {2}`").contains("use $brigade_argument_2,"));
        assert!(error(b"echo `cat {.}`").contains("write `value={.};` before"));
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
                Script::parse(code.as_bytes(), true),
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
            Script::parse(code.as_bytes(), true).expect(code);
        }
    }
}
