//! A signal that stays: something has been set, and who polls for it wakes.

use std::io::{self, PipeReader, PipeWriter, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::run::clock::{self, Moment};

/// Is set once, and stays so. A thread that waits in `poll` waits for it too.
#[derive(Debug)]
pub(crate) struct Latch {
    set: AtomicBool,
    /// Has nothing to read until the other end is dropped, which makes it readable for good.
    reader: PipeReader,
    writer: Mutex<Option<PipeWriter>>,
}

impl Latch {
    /// A latch that is not set.
    ///
    /// # Errors
    /// As `pipe(2)`: mostly that too many files are open.
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        Ok(Self {
            set: AtomicBool::new(false),
            reader,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Sets it, and wakes all who poll for it.
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.writer.lock().take();
    }

    /// Waits until it is set, or until it is then.
    pub(crate) fn wait_until(&self, then: Moment) {
        while !self.is_set() {
            let remaining = then.saturating_duration_since(clock::now());
            if remaining.is_zero() {
                return;
            }
            let timeout = Timespec::try_from(remaining).ok();
            let waited = poll(&mut [PollFd::new(self, PollFlags::IN)], timeout.as_ref());
            if !matches!(waited, Ok(_) | Err(Errno::INTR)) {
                return; // only if memory is short, and then it is better to go on
            }
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }
}

impl AsFd for Latch {
    /// A descriptor that is readable once the latch is set. Nothing must be read from it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn wakes(latch: &Latch, timeout: Option<&Timespec>) -> bool {
        let mut waits = [PollFd::new(latch, PollFlags::IN)];
        poll(&mut waits, timeout).expect("polls") > 0
    }

    #[test]
    fn a_wait_ends_when_it_is_set_or_when_its_time_has_come() {
        let latch = Latch::new().expect("a pipe");
        let soon = clock::now() + Duration::from_millis(10);
        latch.wait_until(soon);
        assert!(clock::now() >= soon);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| latch.wait_until(soon + Duration::from_secs(3600)));
            latch.set();
            waiting.join().expect("no panic");
        });
    }

    #[test]
    fn it_stays_set_and_wakes_everyone_who_polls() {
        let latch = Latch::new().expect("a pipe");
        assert!(!latch.is_set() && !wakes(&latch, Some(&Timespec::default())));
        thread::scope(|scope| {
            let sleepers = [(); 2].map(|()| scope.spawn(|| wakes(&latch, None)));
            latch.set();
            assert!(
                sleepers
                    .into_iter()
                    .all(|sleeper| sleeper.join().expect("no panic"))
            );
        });
        assert!(latch.is_set() && wakes(&latch, None));
    }
}
