//! From the command line to an input and a recipe.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::arguments::RunArguments;

use super::error::RunError;
use super::input::{Input, Kind, Stream};
use super::job::Recipe;
use super::joblog::Failed;
use super::template::Template;

/// What stands between a command and its arguments.
const LIST: &str = ":::";

/// Where jobs come from and what to do with each.
pub(crate) struct Plan {
    pub(crate) input: Input,
    pub(crate) recipe: Recipe,
    /// The words of the command that jobs are arguments for; none if each is a command itself.
    pub(crate) words: Vec<OsString>,
}

/// Finds out where jobs come from and what to do with each; `failed` are those of a job log, if they are
/// to be run.
///
/// # Errors
/// [`RunError`] if the command line does not say so clearly, or the file cannot be opened.
pub(crate) fn read(arguments: &mut RunArguments, failed: Option<Failed>) -> Result<Plan, RunError> {
    let (words, list) = split(std::mem::take(&mut arguments.words))?;
    let (words, items) = match failed {
        Some(Failed { items, command }) => (command, Some(items)),
        None => (words, None),
    };
    let template = if words.is_empty() {
        None
    } else {
        Some(Template::parse(words.clone())?)
    };
    let recipe = Recipe {
        template,
        priority: arguments.priority,
    };
    let input = match (items, list) {
        (Some(items), _) => Input::Logged(items.into_iter()),
        (None, Some(_)) if arguments.arg_file.is_some() => return Err(RunError::TwoInputs),
        (None, Some(_)) if arguments.null => return Err(RunError::NullWithoutInput),
        (None, Some(list)) => Input::arguments(list),
        (None, None) => {
            let kind = if arguments.null {
                Kind::Item
            } else {
                Kind::Line
            };
            let file = open(arguments.arg_file.as_deref(), arguments.quiet)?;
            Input::Stream(Stream::new(file, kind))
        }
    };
    Ok(Plan {
        input,
        recipe,
        words,
    })
}

/// The command's words, and the arguments after `:::` if there is one.
fn split(mut words: Vec<OsString>) -> Result<(Vec<OsString>, Option<Vec<OsString>>), RunError> {
    let Some(place) = words.iter().position(|word| word == LIST) else {
        return Ok((words, None));
    };
    let list = words.split_off(place + 1);
    words.pop();
    if list.iter().any(|word| word == LIST) {
        return Err(RunError::TwoLists);
    }
    Ok((words, Some(list)))
}

fn open(path: Option<&Path>, quiet: bool) -> Result<File, RunError> {
    let path = path.filter(|path| path.as_os_str() != "-");
    let opened = match path {
        Some(path) => File::open(path),
        None => {
            if !quiet && io::stdin().is_terminal() {
                // If standard error is closed there is nobody to tell.
                let _ = writeln!(
                    io::stderr(),
                    "brigade: reading jobs from the terminal, one a line; Ctrl-D ends them"
                );
            }
            // A copy: `io::stdin` has a buffer of its own, which cannot be polled.
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        }
    };
    opened
        .and_then(refuse_directory)
        .map_err(|error| RunError::Input {
            path: path.map_or_else(|| PathBuf::from("standard input"), Path::to_owned),
            error,
        })
}

/// A directory can be opened; this finds out now rather than at the first read.
fn refuse_directory(file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn arguments_follow_the_colons() {
        let split = |list: &[&str]| split(words(list)).expect("one list");
        assert_eq!(split(&["a", "b"]), (words(&["a", "b"]), None));
        assert_eq!(
            split(&["a", ":::", "b", "-c"]),
            (words(&["a"]), Some(words(&["b", "-c"])))
        );
        assert_eq!(split(&[":::", "b"]), (words(&[]), Some(words(&["b"]))));
        assert_eq!(split(&["a", ":::"]), (words(&["a"]), Some(words(&[]))));
    }

    #[test]
    fn two_lists_are_an_error() {
        assert!(matches!(
            split(words(&["a", ":::", "b", ":::", "c"])),
            Err(RunError::TwoLists)
        ));
    }
}
