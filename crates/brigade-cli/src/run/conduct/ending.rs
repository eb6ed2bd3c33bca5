//! How a run ended, and the exit code that tells it.

use crate::exit_code;
use crate::run::policy::Halt;
use crate::run::work::Fed;

/// More failures than the exit code can tell are told as this many.
const MOST_FAILURES: u64 = 101;

/// The exit code if the job log could not be written.
const UNLOGGED: u64 = 102;

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) fed: Fed,
    /// Why it ended before all was done, if it did.
    pub(crate) cause: Option<Cause>,
}

/// What ends a run before all is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cause {
    /// Nobody reads our standard output any more.
    Unread,
    /// Enough jobs have failed or succeeded.
    Halted(Halt),
    /// A job that has ended could not be logged.
    Unlogged,
    /// A signal asked us to stop; this is the first one.
    Signal(i32),
}

impl Cause {
    /// A cause of a higher rank is the true one: Ctrl-C ends the readers of our output too, and is
    /// what someone wants though the run would end soon.
    fn rank(self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Halted(_) => 1,
            Self::Unlogged => 2,
            Self::Signal(_) => 3,
        }
    }
}

impl Ending {
    /// Notes a cause: the first of the highest rank is the one.
    pub(crate) fn note(&mut self, cause: Cause) {
        if self.cause.is_none_or(|known| known.rank() < cause.rank()) {
            self.cause = Some(cause);
        }
    }

    /// The exit code after so many jobs have failed.
    pub(crate) fn exit_code(&self, failed: u64) -> u8 {
        let code = match self.cause {
            Some(Cause::Signal(signal)) => u64::from(exit_code::of_signal(signal)),
            Some(Cause::Unread) => u64::from(exit_code::UNREAD),
            Some(Cause::Unlogged) => UNLOGGED,
            Some(Cause::Halted(halt)) if halt.success => 0,
            Some(Cause::Halted(_)) | None => {
                (failed + u64::from(self.fed.unreadable)).min(MOST_FAILURES)
            }
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_cannot_be_read_is_one_failure_more() {
        let code = |unreadable, failed| {
            let fed = Fed {
                unreadable,
                ..Fed::default()
            };
            Ending { fed, cause: None }.exit_code(failed)
        };
        assert_eq!(code(false, 0), 0);
        assert_eq!(code(true, 0), 1);
        assert_eq!(code(true, 2), 3);
        assert_eq!(code(true, u64::from(u32::MAX)), 101);
    }

    #[test]
    fn the_first_signal_is_the_cause_whatever_else_comes_before_or_after() {
        let mut ending = Ending::default();
        ending.note(Cause::Unread);
        assert_eq!(ending.exit_code(5), 141);
        ending.note(Cause::Signal(2));
        ending.note(Cause::Signal(15));
        ending.note(Cause::Unread);
        assert_eq!(ending.exit_code(5), 130);
    }
}
