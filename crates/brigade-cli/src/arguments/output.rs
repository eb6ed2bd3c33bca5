//! The part of `brigade run`'s command line that is about what jobs print.

use clap::Args;

/// How the output of jobs is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print the outputs in the order of the input, each when those before it are printed
    #[arg(short, long)]
    pub(crate) keep_order: bool,

    /// Put the argument, or the command, and a tab before each line of output
    #[arg(long)]
    pub(crate) tag: bool,
}
