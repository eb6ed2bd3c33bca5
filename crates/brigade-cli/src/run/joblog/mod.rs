//! The job log: a line for each job that has ended, from which a later run goes on.
//!
//! A line is added by one write to the end of the file when the job has ended and its output is
//! printed. So whatever ends this program, the log lacks at most the jobs that ran at that time, and
//! they are run again. It is not flushed to the disk with each job, which could take longer than the
//! job: what the system has taken survives this program's death, but of the last seconds before a
//! power failure some lines may be missing, and their jobs are run again as well.
//!
//! The door is [`open`].

mod entry;
mod error;
mod history;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::arguments::LogArguments;

pub(crate) use self::entry::{Entry, Lossless, Timing};
pub(crate) use self::error::LogError;
pub(crate) use self::history::{Failed, History};

/// What is run of the jobs that have been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// There must not be any.
    Refused,
    Nothing,
    Failed,
    /// And nothing else is run.
    OnlyFailed,
}

impl From<&LogArguments> for Again {
    fn from(arguments: &LogArguments) -> Self {
        match arguments {
            LogArguments { resume: true, .. } => Self::Nothing,
            LogArguments {
                resume_failed: true,
                ..
            } => Self::Failed,
            LogArguments {
                retry_failed: true, ..
            } => Self::OnlyFailed,
            _ => Self::Refused,
        }
    }
}

/// A job log that is written to.
#[derive(Debug)]
pub(crate) struct JobLog {
    path: PathBuf,
    /// The words of the command that jobs are arguments for.
    command: Vec<Lossless>,
    /// Its last line was not whole, and is gone.
    repaired: bool,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    /// Where the last whole line ends; `None` if the file is no regular one.
    end: Option<u64>,
    /// Lines that could not be written. Once there is one, all that follow are kept here too.
    unwritten: Vec<u8>,
}

/// A log that has been opened, and what is known from it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log: JobLog,
    pub(crate) history: History,
    /// Only with [`Again::OnlyFailed`].
    pub(crate) failed: Option<Failed>,
}

/// Opens a log for this process alone, reads it, and takes off a last line that is not whole.
///
/// # Errors
/// [`LogError`] if it cannot be opened, is in use, has what it must not have, or cannot be read.
pub(crate) fn open(path: &Path, again: Again) -> Result<Opened, LogError> {
    let refused = |error| LogError::Open {
        path: path.to_owned(),
        error,
    };
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(again != Again::OnlyFailed)
        .open(path)
        .map_err(refused)?;
    let regular = file.metadata().map_err(refused)?.is_file();
    if regular {
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => LogError::InUse(path.to_owned()),
            std::fs::TryLockError::Error(error) => refused(error),
        })?;
    } else if again != Again::Refused {
        return Err(LogError::NoFile(path.to_owned()));
    }
    let mut end = regular.then_some(0);
    let mut opened = (History::default(), None, false);
    if let Some(end) = &mut end {
        if again == Again::Refused && file.metadata().map_err(refused)?.len() > 0 {
            return Err(LogError::NotEmpty(path.to_owned()));
        }
        let read = history::read(&mut file, path, again)?;
        *end = read.end;
        if read.torn {
            file.set_len(read.end).map_err(refused)?;
        }
        opened = (read.history, read.failed, read.torn);
    }
    let (history, failed, repaired) = opened;
    let log = JobLog {
        path: path.to_owned(),
        command: Vec::new(),
        repaired,
        writer: Mutex::new(Writer {
            file,
            end,
            unwritten: Vec::new(),
        }),
    };
    Ok(Opened {
        log,
        history,
        failed,
    })
}

impl JobLog {
    /// Notes the words of the command that jobs are arguments for.
    pub(crate) fn set_command(&mut self, words: &[std::ffi::OsString]) {
        use std::os::unix::ffi::OsStrExt;
        let lossless = |word: &std::ffi::OsString| Lossless(word.as_bytes().to_vec());
        self.command = words.iter().map(lossless).collect();
    }

    /// True if its last line was not whole, and is gone.
    pub(crate) fn was_repaired(&self) -> bool {
        self.repaired
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The words of the command that jobs are arguments for.
    pub(crate) fn command(&self) -> &[Lossless] {
        &self.command
    }

    /// Adds a line.
    ///
    /// # Errors
    /// As `write(2)`, for the first line that cannot be written. It and those that follow are kept for
    /// [`finish`](Self::finish).
    pub(crate) fn write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut writer = self.writer.lock();
        if !writer.unwritten.is_empty() {
            writer.unwritten.extend_from_slice(&line);
            return Ok(());
        }
        writer
            .append(&line)
            .inspect_err(|_| writer.unwritten = line)
    }

    /// Writes what could not be written before, and all of it to the disk.
    ///
    /// # Errors
    /// The error, and the lines that are still not written.
    pub(crate) fn finish(&self) -> Result<(), (io::Error, Vec<u8>)> {
        let mut writer = self.writer.lock();
        let lines = std::mem::take(&mut writer.unwritten);
        if !lines.is_empty()
            && let Err(error) = writer.append(&lines)
        {
            return Err((error, lines));
        }
        if writer.end.is_some() {
            writer
                .file
                .sync_data()
                .map_err(|error| (error, Vec::new()))?;
        }
        Ok(())
    }
}

impl Writer {
    /// Adds lines, or nothing at all.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(lines);
        if let Some(end) = &mut self.end {
            match written {
                Ok(()) => *end += lines.len() as u64,
                // If this fails too, the next run takes the rest of a line off.
                Err(_) => drop(self.file.set_len(*end)),
            }
        }
        written
    }
}
