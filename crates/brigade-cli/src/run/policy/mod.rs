//! What the command line says about the life of jobs: how long, how often, how fast, and when it is enough.
//!
//! The door is [`Policy`], which is settled before the first job begins and stays as it is.

mod backoff;
mod halt;
mod pace;

use std::time::Duration;

use crate::arguments::RunArguments;
use crate::run::process::{Limits, Niceness};

pub(crate) use self::backoff::Backoff;
pub(crate) use self::halt::Halt;
pub(crate) use self::pace::{Pace, parse_rate};

/// What the command line says about the life of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) limits: Limits,
    pub(crate) backoff: Backoff,
    pub(crate) halt: Option<Halt>,
    /// From the beginning of one job to the next, at least.
    pub(crate) distance: Duration,
    /// `None` if it is as ours.
    pub(crate) niceness: Option<Niceness>,
    /// Nothing is run, only told.
    pub(crate) dry_run: bool,
    /// Outputs are printed in the order of the input.
    pub(crate) keep_order: bool,
    /// Lines are printed as they come.
    pub(crate) line_buffer: bool,
    /// Jobs may be JSON objects.
    pub(crate) objects: bool,
    /// How many jobs are read ahead, how many may wait for a retry, and how many for others or for resources.
    pub(crate) queue: usize,
    /// Failures are told only when they are final.
    pub(crate) quiet: bool,
}

impl Policy {
    /// What it says, where so many jobs may run at once.
    pub(crate) fn new(arguments: &RunArguments, jobs: usize) -> Self {
        let life = &arguments.life;
        let dry_run = arguments.output.dry_run;
        Self {
            limits: Limits {
                timeout: life.timeout,
                grace: life.grace,
            },
            backoff: Backoff {
                retries: life.retries,
                delay: life.retry_delay,
            },
            halt: life.halt,
            distance: if dry_run {
                Duration::ZERO
            } else {
                life.delay.max(life.rate.unwrap_or_default())
            },
            niceness: Niceness::new(arguments.machine.nice),
            dry_run,
            keep_order: arguments.output.keep_order || dry_run,
            line_buffer: arguments.output.line_buffer,
            objects: arguments.jsonl || arguments.log.retry_failed,
            queue: arguments.read_ahead(jobs),
            quiet: arguments.quiet,
        }
    }
}
