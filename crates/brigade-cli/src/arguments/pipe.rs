//! The part of `brigade run`'s command line that is about blocks of input.

use std::num::NonZeroU64;

use clap::Args;

use crate::run::input::DEFAULT_SIZE;
use crate::size;

/// What jobs read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Blocks of input")]
pub(crate) struct PipeArguments {
    /// Cut the input into blocks of whole lines, each of which is the standard input of one run of COMMAND
    #[arg(long)]
    pub(crate) pipe: bool,

    /// With --pipe, a block has as many lines as fit into SIZE: 4096, 64K, 1M, 2G [default: 1M]
    #[arg(long, value_name = "SIZE", default_value_t = DEFAULT_SIZE, hide_default_value = true, requires = "pipe", value_parser = size::parse_some)]
    pub(crate) block: u64,

    /// With --pipe, a block has N lines, whatever their size up to sixteen times --block
    #[arg(short = 'N', long, value_name = "N", requires = "pipe")]
    pub(crate) records: Option<NonZeroU64>,
}
