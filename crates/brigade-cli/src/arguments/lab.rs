//! The command line of `brigade lab`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::lab::{self, EXPERIMENTS};

/// Which experiments to run, and how to show them.
#[derive(Debug, Args)]
#[command(after_help = LAB_EXPLANATION)]
pub(crate) struct LabArguments {
    /// Which to run, or `all`; without a name they are listed
    #[arg(value_name = "EXPERIMENT", value_parser = PossibleValuesParser::new(experiment_names()))]
    pub(crate) experiments: Vec<String>,

    /// Print one JSON object a line instead, one for each experiment
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the pictures into FILE as well, one below the other
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Use so many threads where an experiment takes any number
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=64))]
    pub(crate) threads: u16,
}

const LAB_EXPLANATION: &str = "\
Each experiment has a broken twin, which is broken for real: it does lose updates, money or time here and now.
What threads do differs from run to run, and so do the figures.

Exit codes: 0 all was seen as expected; 1 something was not; 2 misuse.";

fn experiment_names() -> Vec<&'static str> {
    let names = EXPERIMENTS.iter().map(|experiment| experiment.name);
    names.chain([lab::ALL]).collect()
}
