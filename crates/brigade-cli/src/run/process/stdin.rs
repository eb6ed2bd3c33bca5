//! What a job reads: a block, which is written to its standard input while its outputs are read.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio, write};

/// A job's standard input, and what is left to be written to it.
#[derive(Debug)]
pub(crate) struct Stdin<'a> {
    /// `None` once all is written, or nobody reads it any more, or if the job has no input.
    pipe: Option<OwnedFd>,
    rest: &'a [u8],
    failed: Option<io::Error>,
}

impl<'a> Stdin<'a> {
    /// Of a job that has a pipe to read this from, if it has one.
    pub(crate) fn new(pipe: Option<OwnedFd>, rest: &'a [u8]) -> Self {
        let mut stdin = Self {
            pipe,
            rest,
            failed: None,
        };
        // Were this to wait for the job to read, the job could wait for us to read its output.
        if let Some(Err(error)) = stdin.pipe.as_ref().map(|pipe| ioctl_fionbio(pipe, true)) {
            stdin.fail(error);
        }
        stdin
    }

    /// What to wait for before [`write`](Self::write); `None` if nothing is left to do.
    pub(crate) fn wait(&self) -> Option<PollFd<'_>> {
        let pipe = self.pipe.as_ref()?;
        Some(PollFd::new(pipe, PollFlags::OUT))
    }

    /// True as long as there is something left to be written, and someone who could read it.
    pub(crate) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Writes as much as the pipe takes, and closes it after the last byte: this is how the job learns of the end.
    pub(crate) fn write(&mut self) {
        let Some(pipe) = &self.pipe else {
            return;
        };
        match write(pipe, self.rest) {
            Ok(length) => self.rest = &self.rest[length..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            // The job has read all that it wants, as `head` does.
            Err(Errno::PIPE) => self.close(),
            Err(error) => self.fail(error),
        }
        if self.rest.is_empty() {
            self.close();
        }
    }

    /// Writes no more.
    pub(crate) fn close(&mut self) {
        self.pipe = None;
    }

    fn fail(&mut self, error: Errno) {
        self.close();
        self.failed = Some(error.into());
    }

    /// # Errors
    /// Why it could not be written, other than that the job did not read it.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}
