//! Carrying out a job: one attempt, or several.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::quantity::Span;
use crate::run::clock::{self, Moment};
use crate::run::command::Command;
use crate::run::job::{Failure, Job};
use crate::run::joblog::Timing;
use crate::run::output::{Happening, Outcome, seconds};
use crate::run::policy::Backoff;
use crate::run::process::{self, Captured, Limits, Listener, Outputs};
use crate::run::waiting::{Fate, JobLocks, Waiting};

use super::finish::Ended;
use super::give_up_turn::GiveUpTurn;
use super::{Event, Work};

/// What comes after an attempt.
enum Next {
    Again(Box<Waiting>),
    Over(Fate),
}

impl Work {
    /// The body of a job's task. Once the run is stopping it only notes that the job did not run:
    /// thus a task that was refused or handed back is called too, and no job is lost.
    pub(crate) fn carry_out(self: &Arc<Self>, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            self.carry_out_one(job);
            next = self.parked.take_granted();
        }
    }

    fn carry_out_one(self: &Arc<Self>, mut job: Job) {
        let _turn = GiveUpTurn {
            work: self,
            turn: job.turn,
            id: job.id(),
        };
        while let Some(waiting) = self.attempt(job) {
            let Err(refused) = self.parked.put(waiting) else {
                return;
            };
            // Too many wait already. This one does so here, and holds up the reading of more.
            self.stopping.wait_until(refused.due);
            job = refused.job;
        }
    }

    /// Runs a job, unless it has to wait or the run is stopping; returns it if it is to be run again.
    fn attempt(self: &Arc<Self>, job: Job) -> Option<Waiting> {
        // Whoever waits for resources is not running, and its timeout has not begun.
        let (mut job, held) = self.take_locks(job)?;
        let begins = job.can_begin();
        if begins {
            self.pace.wait(&self.stopping);
        }
        if self.stopping.is_set() {
            self.leave_out(job);
            return None;
        }
        job.attempts += u32::from(begins);
        self.tally.begin(job.attempts);
        if begins {
            self.tell(None, || Happening::Started {
                job: (&job).into(),
                attempt: job.attempts,
            });
        }
        let (turn, id) = (job.turn, job.id());
        let next = self.run(job, held);
        self.tally.end();
        self.halt_if_reached();
        if self.output.is_unread() && !self.stopping.is_set() {
            self.send(Event::Unread);
        }
        match next {
            Next::Again(waiting) => Some(*waiting),
            Next::Over(fate) => {
                self.end(turn, id, fate);
                None
            }
        }
    }

    /// Runs a job to its end, with what is held for it.
    fn run(&self, mut job: Job, held: Result<JobLocks, Failure>) -> Next {
        let (start, clock) = (SystemTime::now(), Instant::now());
        let (outputs, result) = match (&job.command, held) {
            // What is held is given back before its output is printed, which may take long.
            (Ok(command), Ok(held)) => self.run_process(&job, command, held.within()),
            (Ok(_), Err(failure)) => (Outputs::default(), Err(failure)),
            (Err(bad), _) => (Outputs::default(), Err(Failure::from(bad))),
        };
        let duration = clock.elapsed();
        if let Err(failure) = &result
            && let Some(due) = self.next_attempt(&job, failure)
        {
            self.tell(None, || Happening::Retry {
                job: (&job).into(),
                attempt: job.attempts,
                outcome: Outcome::new(Some(failure), duration),
                delay: seconds(due.saturating_duration_since(clock::now())),
            });
            return Next::Again(Box::new(Waiting { due, job }));
        }
        self.tally.count(&result);
        job.drop_input();
        Next::Over(self.hand_on(Ended {
            job,
            timing: Timing { start, duration },
            outputs,
            result,
        }))
    }

    /// Runs a job's process to its end, and prints its lines meanwhile if so asked; or only tells what
    /// it would run.
    fn run_process(
        &self,
        job: &Job,
        command: &Command,
        within: Option<&str>,
    ) -> (Outputs, Result<(), Failure>) {
        if self.policy.dry_run {
            let line = [&job.settings.typed(command)[..], b"\n"].concat();
            return (Outputs::from_stdout(line), Ok(()));
        }
        let limits = Limits {
            timeout: job.settings.timeout.or(self.policy.limits.timeout),
            ..self.policy.limits
        };
        let what = process::Start {
            command,
            settings: &job.settings,
            input: job.input(),
            within,
            niceness: self.policy.niceness,
        };
        let mut printed = Ok(());
        let mut print = |stream, lines: &mut Captured| {
            let now = self.output.print_lines(job, stream, lines);
            if printed.is_ok() {
                if let Err(failure) = &now {
                    self.tell_lost(job, failure);
                }
                printed = now;
            }
        };
        let listener = Listener {
            lines: if self.policy.line_buffer {
                Some(&mut print)
            } else {
                None
            },
            lost: &mut |failure| self.tell_lost(job, failure),
        };
        let (outputs, result) = process::run(what, limits, &self.children, listener);
        (outputs, result.and(printed))
    }

    /// Says that some of the output of a job is lost, which otherwise is known only at its end.
    fn tell_lost(&self, job: &Job, failure: &Failure) {
        if !self.policy.quiet {
            let (place, title) = (job.place, job.title());
            let message = format_args!("{place}: {title}: {failure}; the job goes on");
            self.output.say(message);
        }
    }

    /// When to run a job again that has failed; `None` if it has failed for good.
    fn next_attempt(&self, job: &Job, failure: &Failure) -> Option<Moment> {
        if self.stopping.is_set() || !failure.may_pass() {
            return None;
        }
        let backoff = Backoff {
            retries: job.settings.retries.unwrap_or(self.policy.backoff.retries),
            ..self.policy.backoff
        };
        let delay = backoff.delay(job.attempts)?;
        if !self.policy.quiet {
            self.output.say(format_args!(
                "{}: {}: {failure}; attempt {} of {}, the next one in {}",
                job.place,
                job.title(),
                job.attempts,
                u64::from(backoff.retries) + 1,
                Span(delay),
            ));
        }
        Some(clock::now() + delay)
    }
}
