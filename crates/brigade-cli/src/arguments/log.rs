//! The part of `brigade run`'s command line that is about the job log.

use std::path::PathBuf;

use clap::Args;

use super::lock::NAMING;

/// Where to log jobs, and what to make of those that have been logged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Job log")]
pub(crate) struct LogArguments {
    /// Write a JSON line to FILE for each job when it has ended
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Do not run again what the job log has, whether it succeeded or failed
    #[arg(long, requires = "joblog")]
    pub(crate) resume: bool,

    /// Do not run again what has succeeded as the job log has it; run what failed, and the rest
    #[arg(long, requires = "joblog", conflicts_with = "resume")]
    pub(crate) resume_failed: bool,

    /// Run only what has failed as the job log has it, with the command of then; no input is read
    #[arg(long, requires = "joblog", group = NAMING, conflicts_with_all = ["resume", "resume_failed", "arg_file", "colsep", "jsonl", "pipe", "words"])]
    pub(crate) retry_failed: bool,
}
