//! A command with places for arguments.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;

use super::Command;
use super::replacement::{Given, Missing, Replacement, Subject};
use super::script::{Misplaced, Script};
use super::syntax;

/// A command with places for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Executed directly: arguments are put into words, and no word is split after that.
    Words(Vec<Vec<Piece>>),
    /// Shell code that takes arguments from variables, so that no shell reads them as code.
    Script(Script),
}

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Place(Replacement),
}

impl Template {
    /// One word is a command line as one would type it; several are taken as they are.
    ///
    /// # Errors
    /// [`TemplateError`] if there is no command, or no safe way to put an argument into it.
    pub(crate) fn parse(words: Vec<OsString>) -> Result<Self, TemplateError> {
        Self::read(words, true)
    }

    /// The same for a command that reads from its standard input what is to be done, and has no argument.
    ///
    /// # Errors
    /// [`TemplateError`] if there is no command, or if it has a place for an argument.
    pub(crate) fn without_argument(words: Vec<OsString>) -> Result<Self, TemplateError> {
        let template = Self::read(words, false)?;
        let argument = |place: &Replacement| place.subject != Subject::Number;
        match template.places().into_iter().find(argument) {
            Some(place) => Err(TemplateError::NoArgument(place)),
            None => Ok(template),
        }
    }

    /// `argument`: there must be a place for one, at the end if there is none elsewhere.
    fn read(words: Vec<OsString>, argument: bool) -> Result<Self, TemplateError> {
        let mut words = words
            .into_iter()
            .map(OsString::into_vec)
            .collect::<Vec<_>>();
        if let [line] = words.as_slice() {
            if line.trim_ascii().is_empty() {
                return Err(TemplateError::Empty);
            }
            let place = |text: &[u8]| Replacement::at_start(text).map_or(0, |(_, length)| length);
            let Some(plain) = syntax::plain_words(line, place) else {
                let script = Script::parse(line, argument).map_err(TemplateError::Misplaced)?;
                return Ok(Self::Script(script));
            };
            words = plain.into_iter().map(OsString::into_vec).collect();
        }
        if words.first().is_none_or(Vec::is_empty) {
            return Err(TemplateError::Empty);
        }
        let mut words = words.iter().map(|word| pieces(word)).collect::<Vec<_>>();
        let is_place = |piece: &Piece| matches!(piece, Piece::Place(_));
        if argument && !words.iter().flatten().any(is_place) {
            words.push(vec![Piece::Place(Replacement::ALL)]);
        }
        Ok(Self::Words(words))
    }

    /// The command for one job. A word that is a place and nothing else becomes a word for each
    /// argument that is meant; elsewhere they are put into one word, with spaces between them.
    ///
    /// # Errors
    /// [`Missing`] if it names an argument that the job does not have.
    pub(crate) fn fill(&self, given: Given<'_>) -> Result<Command, Missing> {
        let words = match self {
            Self::Script(script) => {
                if let Some(code) = script.fixed() {
                    return Ok(Command::Shell(code));
                }
                let (code, values) = script.fill(given)?;
                return Ok(Command::ShellWith(code, values));
            }
            Self::Words(words) => words,
        };
        let mut filled = Vec::with_capacity(words.len());
        for word in words {
            if let [Piece::Place(replacement)] = word.as_slice() {
                let words = replacement.words(given)?.into_iter();
                filled.extend(words.map(|word| OsString::from_vec(word.into_owned())));
            } else {
                filled.push(OsString::from_vec(fill_word(word, given)?));
            }
        }
        Ok(Command::Direct(filled))
    }

    /// The highest of the places with a number, such as `{2}`.
    pub(crate) fn highest_place(&self) -> Option<Replacement> {
        let nth = |replacement: &Replacement| match replacement.subject {
            Subject::Nth(nth) => Some(nth),
            Subject::All | Subject::Number => None,
        };
        let numbered = self
            .places()
            .into_iter()
            .filter(|place| nth(place).is_some());
        numbered.max_by_key(nth)
    }

    /// What stands in it for something else.
    fn places(&self) -> Vec<Replacement> {
        match self {
            Self::Script(script) => script.replacements(),
            Self::Words(words) => {
                let places = words.iter().flatten().filter_map(|piece| match piece {
                    Piece::Place(replacement) => Some(*replacement),
                    Piece::Text(_) => None,
                });
                places.collect()
            }
        }
    }
}

/// Cuts a word at its places.
fn pieces(word: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut text, mut rest) = (Vec::new(), word);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some((replacement, length)) = Replacement::at_start(rest) {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Place(replacement));
            rest = &rest[length..];
        } else {
            text.push(byte);
            rest = after;
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

fn fill_word(pieces: &[Piece], given: Given<'_>) -> Result<Vec<u8>, Missing> {
    let mut filled = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => filled.extend_from_slice(text),
            Piece::Place(replacement) => filled.extend(replacement.one_word(given)?),
        }
    }
    Ok(filled)
}

/// Why a command cannot be run for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// There is nothing to run.
    Empty,
    /// An argument cannot be put where its place is, or at the end.
    Misplaced(Misplaced),
    /// It has a place for an argument, and there is none.
    NoArgument(Replacement),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str(
                "the command is empty; give one such as 'sha256sum {}', \
                 or none at all if the input has whole commands",
            ),
            Self::Misplaced(misplaced) => misplaced.fmt(formatter),
            Self::NoArgument(place) => write!(
                formatter,
                "the command has {place}, and with --pipe there is no argument to put there: the lines are on its \
                 standard input; leave it out, or use {{#}} for the number of the block"
            ),
        }
    }
}

impl Error for TemplateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Template, TemplateError> {
        Template::parse(words.iter().map(OsString::from).collect())
    }

    fn direct(words: &[&str], argument: &str) -> Vec<String> {
        several(words, &[argument])
    }

    fn fill(template: &Template, arguments: &[&str]) -> Result<Command, Missing> {
        let arguments = arguments
            .iter()
            .map(|argument| argument.as_bytes().to_vec());
        template.fill(Given {
            arguments: &arguments.collect::<Vec<_>>(),
            number: 7,
        })
    }

    fn several(words: &[&str], arguments: &[&str]) -> Vec<String> {
        let template = parse(words).expect("a template");
        let Ok(Command::Direct(filled)) = fill(&template, arguments) else {
            panic!("{words:?} needs a shell");
        };
        filled
            .into_iter()
            .map(|word| word.into_string().expect("UTF-8"))
            .collect()
    }

    #[test]
    fn the_argument_takes_each_place_and_stays_one_word() {
        assert_eq!(direct(&["cp {} {}.bak"], "a b"), ["cp", "a b", "a b.bak"]);
        assert_eq!(
            direct(&["cp", "{}", "to {}"], "$(x)"),
            ["cp", "$(x)", "to $(x)"]
        );
        assert_eq!(direct(&["echo '{} {}'"], "'"), ["echo", "' '"]);
        assert_eq!(direct(&["echo {}"], "{}"), ["echo", "{}"]);
    }

    #[test]
    fn without_a_place_the_argument_comes_last() {
        assert_eq!(direct(&["wc -l"], "a"), ["wc", "-l", "a"]);
        assert_eq!(direct(&["wc", "-l"], "a"), ["wc", "-l", "a"]);
    }

    #[test]
    fn a_word_that_is_a_place_becomes_a_word_for_each_argument() {
        let arguments = ["a b.c", "d/e.f"];
        let several = |words: &[&str]| several(words, &arguments);
        assert_eq!(several(&["cmp"]), ["cmp", "a b.c", "d/e.f"]);
        assert_eq!(
            several(&["cmp '{}' x{}"]),
            ["cmp", "a b.c", "d/e.f", "xa b.c d/e.f"]
        );
        assert_eq!(several(&["cmp {2} {1}"]), ["cmp", "d/e.f", "a b.c"]);
        assert_eq!(several(&["cmp {.}"]), ["cmp", "a b", "d/e"]);
        assert_eq!(several(&["cmp {2/.}-{#}"]), ["cmp", "e-7"]);
    }

    #[test]
    fn an_argument_that_is_not_there_is_missing() {
        for line in ["echo {3/}", "echo {3/} | cat"] {
            let template = parse(&[line]).expect("a template");
            let missing = fill(&template, &["a", "b"]).expect_err("two");
            assert_eq!((missing.nth, missing.given), (3, 2));
            assert_eq!(missing.replacement.to_string(), "{3/}");
            assert_eq!(template.highest_place(), Some(missing.replacement));
        }
    }

    #[test]
    fn several_words_are_not_read_by_a_shell() {
        assert_eq!(
            direct(&["grep", "a|b $c", "{}"], "x"),
            ["grep", "a|b $c", "x"]
        );
    }

    #[test]
    fn a_command_with_shell_syntax_gets_the_argument_in_a_variable() {
        let template = parse(&["sort {} | uniq"]).expect("a template");
        let Ok(Command::ShellWith(script, values)) = fill(&template, &["a b"]) else {
            panic!("no shell");
        };
        assert!(!script.to_string_lossy().contains("a b"));
        assert_eq!(values, ["a b"]);
    }

    #[test]
    fn what_is_typed_is_what_is_executed() {
        let typed = |words: &[&str], argument: &str| {
            let template = parse(words).expect("a template");
            let command = fill(&template, &[argument]).expect("one argument");
            String::from_utf8(command.typed()).expect("UTF-8")
        };
        assert_eq!(typed(&["cp {} x"], "a b"), "cp 'a b' x");
        let shell = typed(&["echo {} | cat"], "it's");
        assert!(
            shell.starts_with("/bin/sh -c ") && shell.ends_with(" /bin/sh \"it's\""),
            "{shell}"
        );
        assert_eq!(Command::Shell("a | b".into()).typed(), b"a | b");
    }

    #[test]
    fn a_command_without_argument_is_as_it_was_typed_but_for_the_number() {
        let fill = |words: &[&str]| {
            let words = words.iter().map(OsString::from).collect();
            fill(&Template::without_argument(words)?, &[]).map_err(|_| TemplateError::Empty)
        };
        let direct = |words: &[&str]| Command::Direct(words.iter().map(OsString::from).collect());
        assert_eq!(fill(&["sort -r"]), Ok(direct(&["sort", "-r"])));
        assert_eq!(fill(&["split", "x{#}"]), Ok(direct(&["split", "x7"])));
        let code = "sort | uniq; # all of it";
        assert_eq!(fill(&[code]), Ok(Command::Shell(code.into())));
        let numbered = fill(&["sort > {#}"]).expect("a place for a number");
        assert!(matches!(numbered, Command::ShellWith(..)));
        for words in [
            &["wc", "{}"][..],
            &["wc < {1}"],
            &["echo \"$brigade_argument\" | cat"],
        ] {
            assert!(
                matches!(fill(words), Err(TemplateError::NoArgument(_))),
                "{words:?}"
            );
        }
    }

    #[test]
    fn an_empty_command_is_an_error() {
        for words in [&[""][..], &["  "], &["''"], &["", "{}"]] {
            assert_eq!(parse(words), Err(TemplateError::Empty), "{words:?}");
        }
    }
}
