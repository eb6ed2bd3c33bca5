//! The part of `brigade run`'s command line that is about the life of a job.

use std::time::Duration;

use clap::Args;

use crate::duration;
use crate::run::policy::{Halt, parse_rate};

/// How long a job may live, and what happens when it fails.
#[derive(Debug, Args)]
#[command(next_help_heading = "Life of a job")]
pub(crate) struct LifeArguments {
    /// A job that runs longer than T has failed, and gets SIGTERM with all that it started: 500ms, 30s, 1.5m, 2h
    #[arg(long, value_name = "T", value_parser = duration::parse_some)]
    pub(crate) timeout: Option<Duration>,

    /// A job that was told to end may take T for it before it gets SIGKILL
    #[arg(long, value_name = "T", default_value = "2s", value_parser = duration::parse)]
    pub(crate) grace: Duration,

    /// Run a job that fails again, up to N times; the output of the last attempt is shown
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,

    /// Wait up to T before the first retry, up to twice as long before each further one, at most 5 minutes
    #[arg(long, value_name = "T", default_value = "1s", value_parser = duration::parse)]
    pub(crate) retry_delay: Duration,

    /// Start nothing more when so many jobs, or so many percent of those that have ended, have failed or
    /// succeeded: soon lets running jobs end, now stops them; now,fail=1 or soon,success=50%
    #[arg(long, value_name = "now|soon,fail|success=N|P%")]
    pub(crate) halt: Option<Halt>,

    /// Let at least T pass from the start of one job to the next
    #[arg(long, value_name = "T", default_value = "0", hide_default_value = true, value_parser = duration::parse)]
    pub(crate) delay: Duration,

    /// Start at most so many jobs a second, minute or hour, evenly spread: 10/s, 100/m, 5/h
    #[arg(long, value_name = "N/s|m|h", value_parser = parse_rate)]
    pub(crate) rate: Option<Duration>,
}
