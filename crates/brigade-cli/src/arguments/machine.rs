//! The part of `brigade run`'s command line that is about the rest of the machine.

use clap::Args;

use crate::run::process::parse_niceness;
use crate::run::staffing::{Bound, parse_load, parse_memory};

/// How much of the machine jobs leave to others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Consideration for the machine")]
pub(crate) struct MachineArguments {
    /// Add N, -20 to 19, to the niceness of jobs, as `nice -n N` does; less than 0 needs the right to
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true,
        value_parser = parse_niceness
    )]
    pub(crate) nice: i32,

    /// Begin jobs only while fewer than N tasks of the machine run or wait for a core or a disk; N% is of its
    /// cores
    #[arg(long, value_name = "N|N%", value_parser = parse_load)]
    pub(crate) load: Option<Bound>,

    /// Begin jobs only while SIZE (512M, 2G), or P% of the memory, is available
    #[arg(long, value_name = "SIZE|P%", value_parser = parse_memory)]
    pub(crate) memfree: Option<Bound>,
}
