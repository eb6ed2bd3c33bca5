//! The command line.

mod lab;
mod life;
mod lock;
mod log;
mod machine;
mod output;
mod pipe;
mod run;
mod with;

use clap::{Args, Parser};
use clap_complete::Shell;

pub(crate) use self::lab::LabArguments;
pub(crate) use self::life::LifeArguments;
pub(crate) use self::lock::LockArguments;
pub(crate) use self::log::LogArguments;
pub(crate) use self::machine::MachineArguments;
pub(crate) use self::output::OutputArguments;
pub(crate) use self::pipe::PipeArguments;
pub(crate) use self::run::RunArguments;
pub(crate) use self::with::WithArguments;

/// The name of the command.
pub(crate) const COMMAND_NAME: &str = "brigade";

/// Runs jobs in parallel, with priorities and back-pressure, and loses none
#[derive(Debug, Parser)]
#[command(name = COMMAND_NAME, version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) subcommand: Subcommand,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Run one job for each line of input, or for each argument after `:::`
    Run(Box<RunArguments>),
    /// Hold named resources, which other processes of this machine see, while a command runs
    With(WithArguments),
    /// Run each pattern beside its broken twin on this machine, and show what happens
    Lab(LabArguments),
    /// Print what makes a shell complete options and names
    #[command(after_help = COMPLETIONS_EXPLANATION)]
    Completions {
        /// The shell to print it for
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print a manual page
    Man(ManArguments),
}

/// Which manual page to print.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXPLANATION)]
pub(crate) struct ManArguments {
    /// The page of this subcommand; without it, that of brigade itself
    #[arg(value_name = "SUBCOMMAND", value_parser = ["run", "with", "lab", "completions", "man"])]
    pub(crate) subcommand: Option<String>,
}

const COMPLETIONS_EXPLANATION: &str = "\
bash:  brigade completions bash > ~/.local/share/bash-completion/completions/brigade
zsh:   brigade completions zsh > DIR/_brigade, where DIR is in $fpath
fish:  brigade completions fish > ~/.config/fish/completions/brigade.fish";

const MAN_EXPLANATION: &str = "\
To read one: brigade man run | man -l -
To install one: brigade man run > ~/.local/share/man/man1/brigade-run.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_a_manual_page() {
        for subcommand in <Arguments as clap::CommandFactory>::command().get_subcommands() {
            let page = ["brigade", "man", subcommand.get_name()];
            assert!(Arguments::try_parse_from(page).is_ok(), "{page:?}");
        }
    }
}
