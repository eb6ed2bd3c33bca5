//! A command with a place for an argument.

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::script::{self, Misplaced};
use super::syntax;

/// Where the argument goes.
pub(crate) const PLACE: &[u8] = b"{}";

/// The shell for commands that need one.
pub(crate) const SHELL: &str = "/bin/sh";

/// What to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A program and its arguments.
    Direct(Vec<OsString>),
    /// Shell code.
    Shell(OsString),
    /// Shell code, and the argument that it will find in a variable.
    ShellWith(OsString, OsString),
}

impl Command {
    /// What is executed, as one would type it into a shell.
    pub(crate) fn typed(&self) -> Vec<u8> {
        let shell = OsStr::new(SHELL);
        let words = match self {
            Self::Direct(words) => words.iter().map(OsString::as_os_str).collect(),
            Self::Shell(code) => return code.as_bytes().to_vec(),
            Self::ShellWith(code, argument) => {
                vec![shell, OsStr::new("-c"), code, shell, argument]
            }
        };
        let words = words.into_iter().map(OsStr::as_bytes);
        // No word has a NUL byte: an item that has one is no command.
        shlex::bytes::try_join(words).unwrap_or_default()
    }
}

/// A command with a place for an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Executed directly: the argument is put into words, and no word is split after that.
    Words(Vec<Vec<u8>>),
    /// Shell code that takes the argument from a variable, so that no shell reads it as code.
    Script(OsString),
}

impl Template {
    /// One word is a command line as one would type it; several are taken as they are.
    ///
    /// # Errors
    /// [`TemplateError`] if there is no command, or no safe way to put an argument into it.
    pub(crate) fn parse(words: Vec<OsString>) -> Result<Self, TemplateError> {
        let mut words = words
            .into_iter()
            .map(OsString::into_vec)
            .collect::<Vec<_>>();
        if let [line] = words.as_slice() {
            if line.trim_ascii().is_empty() {
                return Err(TemplateError::Empty);
            }
            let Some(plain) = syntax::plain_words(line) else {
                let script = script::take_argument(line).map_err(TemplateError::Misplaced)?;
                return Ok(Self::Script(OsString::from_vec(script)));
            };
            words = plain.into_iter().map(OsString::into_vec).collect();
        }
        if words.first().is_none_or(Vec::is_empty) {
            return Err(TemplateError::Empty);
        }
        if !words.iter().any(|word| find_place(word).is_some()) {
            words.push(PLACE.to_vec());
        }
        Ok(Self::Words(words))
    }

    /// The command for one argument.
    pub(crate) fn fill(&self, argument: &[u8]) -> Command {
        match self {
            Self::Words(words) => {
                let fill = |word: &Vec<u8>| OsString::from_vec(fill_word(word, argument));
                Command::Direct(words.iter().map(fill).collect())
            }
            Self::Script(script) => {
                Command::ShellWith(script.clone(), OsStr::from_bytes(argument).to_owned())
            }
        }
    }
}

fn find_place(word: &[u8]) -> Option<usize> {
    word.windows(PLACE.len()).position(|window| window == PLACE)
}

fn fill_word(word: &[u8], argument: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(word.len() + argument.len());
    let mut rest = word;
    while let Some(place) = find_place(rest) {
        filled.extend_from_slice(&rest[..place]);
        filled.extend_from_slice(argument);
        rest = &rest[place + PLACE.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

/// Why a command cannot be run for arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// There is nothing to run.
    Empty,
    /// The argument cannot be put where `{}` stands, or at the end.
    Misplaced(Misplaced),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str(
                "the command is empty; give one such as 'sha256sum {}', \
                 or none at all if the input has whole commands",
            ),
            Self::Misplaced(misplaced) => misplaced.fmt(formatter),
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
        let Ok(Command::Direct(filled)) = parse(words).map(|t| t.fill(argument.as_bytes())) else {
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
    fn several_words_are_not_read_by_a_shell() {
        assert_eq!(
            direct(&["grep", "a|b $c", "{}"], "x"),
            ["grep", "a|b $c", "x"]
        );
    }

    #[test]
    fn a_command_with_shell_syntax_gets_the_argument_in_a_variable() {
        let template = parse(&["sort {} | uniq"]).expect("a template");
        let Command::ShellWith(script, argument) = template.fill(b"a b") else {
            panic!("no shell");
        };
        assert!(!script.to_string_lossy().contains("a b"));
        assert_eq!(argument, "a b");
    }

    #[test]
    fn what_is_typed_is_what_is_executed() {
        let typed = |words: &[&str], argument: &[u8]| {
            String::from_utf8(parse(words).expect("a template").fill(argument).typed())
        };
        assert_eq!(typed(&["cp {} x"], b"a b").expect("UTF-8"), "cp 'a b' x");
        let shell = typed(&["echo {} | cat"], b"it's").expect("UTF-8");
        assert!(
            shell.starts_with("/bin/sh -c ") && shell.ends_with(" /bin/sh \"it's\""),
            "{shell}"
        );
        assert_eq!(Command::Shell("a | b".into()).typed(), b"a | b");
    }

    #[test]
    fn an_empty_command_is_an_error() {
        for words in [&[""][..], &["  "], &["''"], &["", "{}"]] {
            assert_eq!(parse(words), Err(TemplateError::Empty), "{words:?}");
        }
    }
}
