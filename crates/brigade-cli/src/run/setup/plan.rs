//! What is to be run: from the command line to an input and a recipe.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::arguments::RunArguments;
use crate::run::command::{Subject, Template};
use crate::run::error::RunError;
use crate::run::input::{Blocks, Combinations, Cut, FileName, Input, Kind, Source, Stream};
use crate::run::job::Recipe;
use crate::run::joblog::{self, Again, Failed, History, JobLog, Opened};
use crate::run::work::Supply;

/// What stands between a command and its arguments.
const LIST: &str = ":::";

/// The name of standard input on a command line.
const STANDARD_INPUT: &str = "-";

/// What is to be run.
pub(crate) struct Plan {
    pub(crate) supply: Supply,
    /// Where what has been run is to be logged.
    pub(crate) log: Option<JobLog>,
}

/// Finds out where jobs come from, what to do with each, and which are known from a job log.
///
/// # Errors
/// [`RunError`] if the command line does not say so clearly, or a file cannot be opened.
pub(crate) fn plan(arguments: &mut RunArguments) -> Result<Plan, RunError> {
    let Some(path) = arguments.log.joblog.clone() else {
        let (input, recipe, _) = read(arguments, None)?;
        let supply = Supply {
            input,
            recipe,
            history: History::default(),
        };
        return Ok(Plan { supply, log: None });
    };
    let Opened {
        mut log,
        history,
        failed,
    } = joblog::open(&path, Again::from(&arguments.log))?;
    let (input, recipe, words) = read(arguments, failed)?;
    history.check_cut(&path, input.cut())?;
    log.set_command(&words);
    Ok(Plan {
        supply: Supply {
            input,
            recipe,
            history,
        },
        log: Some(log).filter(|_| !arguments.output.dry_run),
    })
}

/// Where jobs come from, what to do with each, and the words of the command that they are arguments for: none if each
/// is a command itself. `failed` are those of a job log, if they are to be run.
fn read(
    arguments: &mut RunArguments,
    failed: Option<Failed>,
) -> Result<(Input, Recipe, Vec<OsString>), RunError> {
    let (words, lists) = split(std::mem::take(&mut arguments.words));
    let (words, items) = match failed {
        Some(Failed { items, command }) => (command, Some(items)),
        None => (words, None),
    };
    let template = match words.is_empty() {
        true => None,
        false if arguments.pipe.pipe => Some(Template::without_argument(words.clone())?),
        false => Some(Template::parse(words.clone())?),
    };
    if arguments.pipe.pipe {
        check_pipe(arguments, template.is_some(), &lists)?;
    }
    if arguments.jsonl && (template.is_some() || !lists.is_empty()) {
        return Err(RunError::ObjectsWithCommand);
    }
    let separator = arguments.colsep.take();
    let input = match items {
        Some(items) => Input::Logged(items.into_iter()),
        None if separator.is_some() && template.is_none() => {
            return Err(RunError::ColumnsWithoutCommand);
        }
        None => {
            let several = if separator.is_some() { usize::MAX } else { 1 };
            check(template.as_ref(), lists.len().max(several))?;
            if arguments.pipe.pipe {
                blocks(arguments)?
            } else if lists.is_empty() {
                streams(arguments)?
            } else {
                refuse_input(arguments, separator.is_some())?;
                Input::Arguments(Combinations::new(lists))
            }
        }
    };
    let recipe = Recipe {
        template,
        priority: arguments.priority,
        separator: separator.map(OsString::into_vec),
        objects: arguments.jsonl,
    };
    Ok((input, recipe, words))
}

/// Refuses a command that is not for so many arguments, of which there may be several.
fn check(template: Option<&Template>, given: usize) -> Result<(), RunError> {
    let Some(template) = template else {
        return if given > 1 {
            Err(RunError::ListsWithoutCommand)
        } else {
            Ok(())
        };
    };
    match template.highest_place() {
        Some(place) if matches!(place.subject, Subject::Nth(nth) if usize::from(nth) > given) => {
            Err(RunError::NoSuchArgument { place, given })
        }
        _ => Ok(()),
    }
}

/// Refuses blocks for a command that is not there, and what would make something else of the input.
fn check_pipe(
    arguments: &RunArguments,
    command: bool,
    lists: &[Vec<OsString>],
) -> Result<(), RunError> {
    if !lists.is_empty() {
        return Err(RunError::PipeWith("arguments after :::"));
    }
    if arguments.jsonl {
        return Err(RunError::PipeWith("--jsonl"));
    }
    if arguments.colsep.is_some() {
        return Err(RunError::PipeWith("--colsep"));
    }
    if !command {
        return Err(RunError::PipeWithoutCommand);
    }
    Ok(())
}

/// Refuses what is about input, as there is none.
fn refuse_input(arguments: &RunArguments, columns: bool) -> Result<(), RunError> {
    if !arguments.arg_file.is_empty() {
        return Err(RunError::TwoInputs);
    }
    if arguments.null {
        return Err(RunError::NullWithoutInput);
    }
    if columns {
        return Err(RunError::ColumnsWithoutInput);
    }
    Ok(())
}

/// The command's words, and the arguments after each `:::`.
fn split(words: Vec<OsString>) -> (Vec<OsString>, Vec<Vec<OsString>>) {
    let mut lists = vec![Vec::new()];
    for word in words {
        if word == LIST {
            lists.push(Vec::new());
        } else if let Some(list) = lists.last_mut() {
            list.push(word);
        }
    }
    (lists.remove(0), lists)
}

/// The input as a job for each of its lines or items.
fn streams(arguments: &mut RunArguments) -> Result<Input, RunError> {
    let kind = if arguments.null {
        Kind::Item
    } else {
        Kind::Line
    };
    let streams = sources(arguments)?.into_iter();
    let streams = streams.map(|source| Stream::new(source, kind));
    Ok(Input::Streams(streams.collect(), kind))
}

/// The input as blocks for jobs to read.
fn blocks(arguments: &mut RunArguments) -> Result<Input, RunError> {
    let cut = Cut {
        size: arguments.pipe.block,
        records: arguments.pipe.records,
        end_mark: if arguments.null { 0 } else { b'\n' },
    };
    let identify = arguments.log.joblog.is_some();
    let blocks = sources(arguments)?.into_iter();
    let blocks = blocks.map(|source| Blocks::new(source, cut, identify));
    Ok(Input::Blocks(blocks.collect()))
}

/// The files of the command line, or standard input. All are opened now, so that nothing is run if
/// one of them cannot be.
fn sources(arguments: &mut RunArguments) -> Result<Vec<Source>, RunError> {
    let mut paths = std::mem::take(&mut arguments.arg_file);
    if paths.is_empty() {
        paths.push(PathBuf::from(STANDARD_INPUT));
    }
    let alone = paths.len() == 1;
    let what = if arguments.pipe.pipe {
        "lines for jobs to read from the terminal"
    } else {
        "jobs from the terminal, one a line"
    };
    let mut sources = Vec::with_capacity(paths.len());
    for (index, path) in paths.into_iter().enumerate() {
        let file = open(&path, what, arguments.quiet)?;
        let name = match path.as_os_str() == STANDARD_INPUT {
            true if alone => None,
            true => Some(Path::new("standard input")),
            // The few names are kept until the end: any message may need them.
            false => Some(&*Box::leak(path.into_boxed_path())),
        };
        let name = name.map(|path| FileName { index, path });
        sources.push(Source::new(file, name));
    }
    Ok(sources)
}

fn open(path: &Path, what: &str, quiet: bool) -> Result<File, RunError> {
    let path = Some(path).filter(|path| path.as_os_str() != STANDARD_INPUT);
    let opened = match path {
        Some(path) => File::open(path),
        None => {
            if !quiet && io::stdin().is_terminal() {
                // If standard error is closed there is nobody to tell.
                let _ = writeln!(io::stderr(), "brigade: reading {what}; Ctrl-D ends them");
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
        let split = |list: &[&str]| split(words(list));
        assert_eq!(split(&["a", "b"]), (words(&["a", "b"]), vec![]));
        assert_eq!(
            split(&["a", ":::", "b", "-c"]),
            (words(&["a"]), vec![words(&["b", "-c"])])
        );
        assert_eq!(split(&[":::", "b"]), (words(&[]), vec![words(&["b"])]));
        assert_eq!(split(&["a", ":::"]), (words(&["a"]), vec![words(&[])]));
        assert_eq!(
            split(&["a", ":::", "b", ":::", "c", "d"]),
            (words(&["a"]), vec![words(&["b"]), words(&["c", "d"])])
        );
    }
}
