//! The part of `brigade run`'s command line that is about what jobs print.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::run::metrics::Target;

/// How the output of jobs is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print the outputs in the order of the input, each when those before it are printed
    #[arg(short, long)]
    pub(crate) keep_order: bool,

    /// Print what would be executed, in the order of the input, and run nothing
    #[arg(long, conflicts_with_all = ["line_buffer", "results"])]
    pub(crate) dry_run: bool,

    /// Put the argument, or the command, and a tab before each line of output
    #[arg(long)]
    pub(crate) tag: bool,

    /// Print each line as soon as the job has, between those of other jobs; of each attempt
    #[arg(long, conflicts_with_all = ["keep_order", "results"])]
    pub(crate) line_buffer: bool,

    /// Save what each job prints as well, in DIR/1/stdout, DIR/1/stderr and so on, and the job in DIR/1/job
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,

    /// Write what happens to FILE while it happens, a JSON object a line; FILE may be a named pipe or /dev/fd/3
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) events: Option<PathBuf>,

    /// Tell Prometheus counts and times: in FILE, every 5 seconds and at the end, or by HTTP on PORT of this machine
    #[arg(long, value_name = "FILE|PORT", conflicts_with = "dry_run", value_parser = OsStringValueParser::new().try_map(Target::read))]
    pub(crate) metrics: Option<Target>,
}
