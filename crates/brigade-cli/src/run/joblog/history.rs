//! What a job log tells of earlier runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::run::input::{Cut, Item, Kind, Place, Text};
use crate::run::job::{Hash, hash};

use super::{Again, Entry, LogError, Lossless};

/// Which jobs have been logged, and how they ended.
///
/// A job is known by its text, not by its place: so lines may be added to the input, removed, moved
/// and mended between two runs, and what has not been logged is run. Of equal jobs as many are taken
/// for logged as there are in the log. Needs 32 bytes for each.
#[derive(Debug)]
pub(crate) struct History {
    /// By text, and of equal ones those that succeeded first.
    logged: Vec<Logged>,
    last: u64,
    again: Again,
    /// How the input was cut whose blocks have been logged.
    cut: Option<String>,
}

#[derive(Clone, Debug)]
struct Logged {
    /// Of the text.
    hash: Hash,
    seq: u64,
    ok: bool,
    /// In the first of several equal ones: how many of them have been recognised in the input.
    recognised: u32,
}

impl Default for History {
    /// Nothing has been logged.
    fn default() -> Self {
        Self {
            logged: Vec::new(),
            last: 0,
            again: Again::Refused,
            cut: None,
        }
    }
}

impl History {
    /// The number of the next job of the input in the log; `None` if it is not to run again.
    pub(crate) fn number(&mut self, text: &[u8]) -> Option<u64> {
        let known = self
            .recognise(hash(text))
            .map(|logged| (logged.ok, logged.seq));
        match known {
            None => {
                self.last += 1;
                Some(self.last)
            }
            Some((false, seq)) if self.again != Again::Nothing => Some(seq),
            Some(_) => None,
        }
    }

    /// Makes sure that blocks which have been logged can be recognised in an input that is cut like this, if it is.
    ///
    /// # Errors
    /// [`LogError::OtherBlocks`] if they cannot.
    pub(crate) fn check_cut(&self, path: &Path, cut: Option<&Cut>) -> Result<(), LogError> {
        let Some(logged) = &self.cut else {
            return Ok(());
        };
        let now = cut.map(Cut::to_string);
        // What is in the log need not be recognised in an input if that is not read.
        if self.again == Again::OnlyFailed || now.as_ref() == Some(logged) {
            return Ok(());
        }
        let now = now.map_or("without --pipe".to_owned(), |cut| {
            format!("with --pipe {cut}")
        });
        Err(LogError::OtherBlocks {
            path: path.to_owned(),
            logged: logged.clone(),
            now,
        })
    }

    /// How a job that is known by a text has ended, if it is not to run again.
    pub(crate) fn ended(&self, text: &[u8]) -> Option<bool> {
        let hash = hash(text);
        let first = self.logged.partition_point(|logged| logged.hash < hash);
        let best = self.logged.get(first).filter(|it| it.hash == hash)?;
        (best.ok || self.again == Again::Nothing).then_some(best.ok)
    }

    fn recognise(&mut self, hash: Hash) -> Option<&Logged> {
        // Equal ones that succeeded must not stand for those that failed if only these are run.
        let passed = (hash, self.again == Again::OnlyFailed);
        let first = self
            .logged
            .partition_point(|logged| (logged.hash, !logged.ok) < passed);
        let counter = self.logged.get_mut(first).filter(|it| it.hash == hash)?;
        let next = first + counter.recognised as usize;
        self.logged.get(next).filter(|it| it.hash == hash)?;
        self.logged[first].recognised += 1;
        self.logged.get(next)
    }
}

/// The jobs that have failed, as they were logged.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    pub(crate) items: Vec<Item>,
    /// The words of their command; none if each is a command itself.
    pub(crate) command: Vec<OsString>,
}

/// What was read from a log.
pub(super) struct Read {
    pub(super) history: History,
    pub(super) failed: Option<Failed>,
    /// Where its last whole line ends.
    pub(super) end: u64,
    /// There was something after it.
    pub(super) torn: bool,
}

/// Reads a log.
///
/// # Errors
/// [`LogError`] if it cannot be read, or a line of it is not of a job log.
pub(super) fn read(file: &mut File, path: &Path, again: Again) -> Result<Read, LogError> {
    let mut logged = Vec::new();
    let (mut last, mut cut) = (0, None);
    let (end, torn) = for_each(file, path, |entry| {
        last = last.max(entry.seq);
        logged.push(Logged {
            hash: hash(entry.known_by()),
            seq: entry.seq,
            ok: entry.ok,
            recognised: 0,
        });
        cut = entry.block.map(|block| block.cut).or(cut.take());
        Ok(())
    })?;
    let mut history = History {
        logged: latest(logged),
        last,
        again,
        cut,
    };
    let mut failed = None;
    if again == Again::OnlyFailed {
        failed = Some(read_failed(file, path, &history)?);
    }
    history.logged.sort_by_key(|it| (it.hash, !it.ok, it.seq));
    Ok(Read {
        history,
        failed,
        end,
        torn,
    })
}

/// The last entry for each job, by text and number.
fn latest(mut logged: Vec<Logged>) -> Vec<Logged> {
    logged.sort_by_key(|it| (it.hash, it.seq)); // stable: the last stays the last
    logged.reverse();
    logged.dedup_by_key(|it| (it.hash, it.seq));
    logged.reverse();
    logged
}

/// Reads the log again for the jobs that failed, in the order in which they were first logged.
fn read_failed(file: &mut File, path: &Path, history: &History) -> Result<Failed, LogError> {
    let mut failed = Failed::default();
    let mut found = vec![false; history.logged.len()];
    let words = |command: Vec<Lossless>| command.into_iter().map(|word| OsString::from_vec(word.0));
    for_each(file, path, |entry| {
        let key = (hash(entry.known_by()), entry.seq);
        let place = history
            .logged
            .binary_search_by_key(&key, |it| (it.hash, it.seq));
        let Some(place) = place.ok().filter(|&place| !history.logged[place].ok) else {
            return Ok(());
        };
        if std::mem::replace(&mut found[place], true) {
            return Ok(());
        }
        if entry.block.is_some() {
            return Err(LogError::Blocks(path.to_owned()));
        }
        let command = words(entry.command).collect::<Vec<_>>();
        if failed.items.is_empty() {
            failed.command = command;
        } else if failed.command != command {
            return Err(LogError::SeveralCommands(path.to_owned()));
        }
        failed.items.push(Item {
            place: Place {
                file: None,
                number: entry.seq,
                kind: Kind::Logged,
            },
            text: if entry.cut {
                Text::TooLong(entry.job.0)
            } else {
                Text::Whole(entry.job.0)
            },
            object: entry.id.is_some() || entry.key.is_some(),
            arguments: entry.arguments.into_iter().map(|it| it.0).collect(),
            block: None,
        });
        Ok(())
    })?;
    Ok(failed)
}

/// Reads each line from the beginning, and returns where the last whole one ends and whether anything
/// follows.
fn for_each(
    file: &mut File,
    path: &Path,
    mut heed: impl FnMut(Entry) -> Result<(), LogError>,
) -> Result<(u64, bool), LogError> {
    let unreadable = |error: io::Error| LogError::Open {
        path: path.to_owned(),
        error,
    };
    file.rewind().map_err(unreadable)?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    let (mut number, mut end) = (0, 0);
    loop {
        line.clear();
        lines.read_until(b'\n', &mut line).map_err(unreadable)?;
        // A line is written with its end at once: one without it was cut off by a crash.
        if line.last() != Some(&b'\n') {
            return Ok((end, !line.is_empty()));
        }
        number += 1;
        end += line.len() as u64;
        let entry = serde_json::from_slice(&line).map_err(|error| LogError::Line {
            path: path.to_owned(),
            number,
            error,
        })?;
        heed(entry)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history of jobs by their text, number and success.
    fn history(again: Again, jobs: &[(&str, u64, bool)]) -> History {
        let logged = jobs.iter().map(|&(text, seq, ok)| Logged {
            hash: hash(text.as_bytes()),
            seq,
            ok,
            recognised: 0,
        });
        let mut logged = latest(logged.collect());
        logged.sort_by_key(|it| (it.hash, !it.ok, it.seq));
        History {
            logged,
            last: jobs.iter().map(|job| job.1).max().unwrap_or(0),
            again,
            cut: None,
        }
    }

    fn numbers(mut history: History, input: &[&str]) -> Vec<Option<u64>> {
        let number = |text: &&str| history.number(text.as_bytes());
        input.iter().map(number).collect()
    }

    #[test]
    fn new_jobs_are_numbered_on() {
        assert_eq!(numbers(History::default(), &["a", "b"]), [Some(1), Some(2)]);
        let known = history(Again::Nothing, &[("a", 7, true)]);
        assert_eq!(numbers(known, &["b", "a", "c"]), [Some(8), None, Some(9)]);
    }

    #[test]
    fn failed_jobs_are_run_again_under_their_number_only_when_asked() {
        let jobs = [("a", 1, false), ("b", 2, true)];
        let input = ["a", "b"];
        assert_eq!(
            numbers(history(Again::Nothing, &jobs), &input),
            [None, None]
        );
        assert_eq!(
            numbers(history(Again::Failed, &jobs), &input),
            [Some(1), None]
        );
    }

    #[test]
    fn the_last_entry_of_a_job_counts() {
        let jobs = [("a", 1, false), ("b", 2, true), ("a", 1, true)];
        assert_eq!(
            numbers(history(Again::Failed, &jobs), &["a", "b"]),
            [None, None]
        );
    }

    #[test]
    fn of_equal_jobs_as_many_are_done_as_were_logged() {
        let jobs = [("a", 1, true), ("a", 2, false), ("a", 5, true)];
        let input = ["a"; 5];
        let numbers = numbers(history(Again::Failed, &jobs), &input);
        assert_eq!(numbers, [None, None, Some(2), Some(6), Some(7)]);
    }
}
