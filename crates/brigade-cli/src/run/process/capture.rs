//! Keeping what a job prints until it ends: a little in memory, more in a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};

use crate::run::job::Failure;
use crate::run::latch::Latch;

use super::deadline::Deadline;
use super::stdin::Stdin;

/// How much of one output is kept in memory.
const IN_MEMORY: usize = 1024 * 1024;

/// How much of one is kept in memory that waits to be printed. There may be hundreds of
/// those, with --keep-order.
const IN_MEMORY_FOR_LATER: usize = 16 * 1024;

/// How much room there is at least for a read.
const ROOM: usize = 8 * 1024;

/// What a job has printed to one of its outputs.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// The end of it; all of it if there is no file.
    memory: Vec<u8>,
    /// The beginning of it, in a file without a name.
    file: Option<File>,
    /// It does not end with the end of a line.
    open_line: bool,
    /// There was no room for what came after this.
    cut: bool,
}

impl Captured {
    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.file.is_none()
    }

    /// True if what is printed after it would stand on the same line.
    pub(crate) fn has_open_line(&self) -> bool {
        self.open_line
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// As reading the file or writing to `output`.
    pub(crate) fn write_to(&mut self, output: &mut impl Write) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut block = vec![0; 64 * 1024];
            loop {
                match file.read(&mut block)? {
                    0 => break,
                    length => output.write_all(&block[..length])?,
                }
            }
        }
        output.write_all(&self.memory)
    }

    /// Has all whole lines printed, and keeps what is left.
    fn print_lines(&mut self, stream: Stream, print: &mut PrintLines) {
        let end = self.memory.iter().rposition(|&byte| byte == b'\n');
        let Some(end) = end else {
            return;
        };
        let rest = self.memory.split_off(end + 1);
        let open_line = std::mem::replace(&mut self.open_line, false);
        print(stream, self);
        *self = Self {
            memory: rest,
            open_line,
            ..Self::default()
        };
    }

    /// Keeps less of it in memory than while it grew.
    ///
    /// # Errors
    /// If there is no file to keep it in.
    fn shrink(&mut self) -> io::Result<()> {
        if self.memory.len() > IN_MEMORY_FOR_LATER {
            self.spill()?;
        }
        self.memory.shrink_to_fit();
        Ok(())
    }

    /// Moves what is in memory to the file. What has no room there stays in memory.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        // `write_all` would not tell how much it has written before it failed.
        let (mut written, mut result) = (0, Ok(()));
        while result.is_ok() && written < self.memory.len() {
            result = match file.write(&self.memory[written..]) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    written += length;
                    Ok(())
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(error),
            };
        }
        self.memory.drain(..written);
        result
    }

    /// Keeps no more than so much in memory. Where the rest has no room, that is what it ends with.
    ///
    /// # Errors
    /// Why there is no room, once.
    fn bound(&mut self) -> io::Result<()> {
        if self.cut || self.memory.len() < IN_MEMORY {
            return Ok(());
        }
        self.spill().map_err(|error| {
            self.cut = true;
            let directory = std::env::temp_dir();
            let message = format!(
                "{}: {error}; long outputs need room there, or in the directory that TMPDIR names",
                directory.display()
            );
            io::Error::new(error.kind(), message)
        })
    }
}

/// One of the outputs of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Prints whole lines of an output.
pub(crate) type PrintLines<'a> = &'a mut dyn FnMut(Stream, &mut Captured);

/// Hears of a job's outputs while it runs.
pub(crate) struct Listener<'a> {
    /// Takes whole lines as they come; otherwise they are kept until the end.
    pub(crate) lines: Option<PrintLines<'a>>,
    /// Is told once that some of an output is missing, which is long before the job ends if that is long.
    pub(crate) lost: &'a mut dyn FnMut(&Failure),
}

/// Both outputs of a job.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    /// Why some of it is missing: it could not be read, or not be kept.
    pub(crate) lost: Option<Failure>,
}

impl Outputs {
    /// Whole lines on standard output.
    pub(crate) fn from_stdout(lines: Vec<u8>) -> Self {
        let mut outputs = Self::default();
        outputs.stdout.memory = lines;
        outputs
    }

    /// Makes them small, as they are kept for later.
    ///
    /// # Errors
    /// If there is no file to keep them in. Nothing is lost then.
    pub(crate) fn shrink(&mut self) -> io::Result<()> {
        self.stdout.shrink()?;
        self.stderr.shrink()
    }
}

/// Reads both outputs until nobody can write to them any more, and writes the input meanwhile; or until they are
/// abandoned or the job's time is over, when what is there already is still read.
pub(crate) fn capture(
    stdout: OwnedFd,
    stderr: OwnedFd,
    stdin: &mut Stdin,
    deadline: &mut Deadline,
    abandoned: &Latch,
    mut listener: Listener,
) -> Outputs {
    let mut outputs = Outputs::default();
    let mut streams = vec![
        (stdout, Stream::Stdout, &mut outputs.stdout),
        (stderr, Stream::Stderr, &mut outputs.stderr),
    ];
    while !streams.is_empty() || stdin.is_open() {
        let last = abandoned.is_set() || deadline.is_over();
        if last {
            stdin.close();
        }
        let mut waits = streams
            .iter()
            .map(|(pipe, _, _)| PollFd::new(pipe, PollFlags::IN))
            .collect::<Vec<_>>();
        waits.extend(stdin.wait());
        waits.push(PollFd::new(abandoned, PollFlags::IN));
        let timeout = if last {
            Some(Timespec::default())
        } else {
            deadline.remaining()
        };
        match poll(&mut waits, timeout.as_ref()) {
            Ok(_) => deadline.pass(),
            Err(Errno::INTR) => continue,
            Err(error) => {
                outputs.lost = Some(Failure::Capture(error.into()));
                break;
            }
        }
        waits.pop();
        let ready = waits
            .iter()
            .map(|wait| !wait.revents().is_empty())
            .collect::<Vec<_>>();
        if last && !ready.contains(&true) {
            break;
        }
        let mut ready = ready.into_iter();
        let lost = &mut outputs.lost;
        streams.retain_mut(|(pipe, stream, captured)| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            let (goes_on, taken) = take(pipe, captured);
            if let Some(print) = &mut listener.lines {
                captured.print_lines(*stream, print);
            }
            if let Err(error) = taken.and_then(|()| captured.bound())
                && lost.is_none()
            {
                (listener.lost)(lost.insert(Failure::Capture(error)));
            }
            goes_on
        });
        if ready.next().unwrap_or(false) {
            stdin.write();
        }
    }
    outputs
}

/// Reads what a pipe has; false if that was the last, with an error if there would have been more.
fn take(pipe: &OwnedFd, captured: &mut Captured) -> (bool, io::Result<()>) {
    let kept = captured.memory.len();
    captured.memory.reserve(ROOM);
    match read(pipe, spare_capacity(&mut captured.memory)) {
        Ok(0) => return (false, Ok(())),
        // Read on all the same: a job that nobody listens to would be killed or never end.
        Ok(_) if captured.cut => captured.memory.truncate(kept),
        Ok(_) => captured.open_line = captured.memory.last() != Some(&b'\n'),
        Err(Errno::INTR | Errno::AGAIN) => {}
        Err(error) => return (false, Err(error.into())),
    }
    (true, Ok(()))
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, pipe};
    use std::thread;
    use std::time::Duration;

    use rustix::process::getpid;

    use super::super::deadline::Limits;
    use super::*;

    /// Captures all that the pipes have, of a job without a limit, and loses nothing of it.
    fn captured(stdout: PipeReader, stderr: PipeReader, abandoned: &Latch) -> Outputs {
        let limits = Limits {
            timeout: None,
            grace: Duration::ZERO,
        };
        capture(
            stdout.into(),
            stderr.into(),
            &mut Stdin::new(None, &[]),
            &mut Deadline::new(getpid(), limits),
            abandoned,
            Listener {
                lines: None,
                lost: &mut |_| panic!("lost"),
            },
        )
    }

    fn text(captured: &mut Captured) -> Vec<u8> {
        let mut text = Vec::new();
        captured.write_to(&mut text).expect("a vector takes all");
        text
    }

    #[test]
    fn both_outputs_are_read_to_their_end_whatever_their_order() {
        let abandoned = Latch::new().expect("a pipe");
        let (stdout, mut to_stdout) = pipe().expect("a pipe");
        let (stderr, mut to_stderr) = pipe().expect("a pipe");
        let long = vec![b'x'; 3 * IN_MEMORY + 17];
        let mut outputs = thread::scope(|scope| {
            let writes = scope.spawn(|| {
                // More than a pipe holds, first on the one and then on the other.
                to_stderr.write_all(&long).expect("is read");
                to_stdout.write_all(b"begin ").expect("is read");
                to_stdout.write_all(&long).expect("is read");
                drop((to_stdout, to_stderr));
            });
            let outputs = captured(stdout, stderr, &abandoned);
            writes.join().expect("is read");
            outputs
        });
        assert!(outputs.stdout.memory.len() < IN_MEMORY && outputs.stdout.file.is_some());
        assert!(text(&mut outputs.stdout) == [b"begin ", &long[..]].concat());
        assert!(text(&mut outputs.stderr) == long);
        assert!(outputs.lost.is_none());
    }

    #[test]
    fn little_output_stays_in_memory_and_none_takes_none() {
        let abandoned = Latch::new().expect("a pipe");
        let (stdout, mut to_stdout) = pipe().expect("a pipe");
        let (stderr, to_stderr) = pipe().expect("a pipe");
        to_stdout.write_all(b"a\n").expect("fits");
        drop((to_stdout, to_stderr));
        let mut outputs = captured(stdout, stderr, &abandoned);
        assert!(outputs.stdout.file.is_none() && outputs.stderr.is_empty());
        assert_eq!(text(&mut outputs.stdout), b"a\n");
    }

    #[test]
    fn abandoned_output_is_read_as_far_as_it_goes() {
        let abandoned = Latch::new().expect("a pipe");
        let (stdout, mut to_stdout) = pipe().expect("a pipe");
        let (stderr, _to_stderr) = pipe().expect("a pipe");
        to_stdout.write_all(b"a\n").expect("fits");
        let mut outputs = thread::scope(|scope| {
            let captures = scope.spawn(|| captured(stdout, stderr, &abandoned));
            abandoned.set();
            captures.join().expect("no panic")
        });
        assert_eq!(text(&mut outputs.stdout), b"a\n");
    }
}
