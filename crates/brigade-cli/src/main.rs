//! The `brigade` command: a thin shell over the library of the same name.

mod arguments;
mod duration;
mod exit_code;
mod generated;
mod lab;
mod number;
mod quantity;
mod resource;
mod run;
mod signal;
mod size;
mod stdout;
mod with;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Subcommand};

fn main() -> ExitCode {
    let Arguments { subcommand } = Arguments::parse();
    let result: Result<u8, Box<dyn Error>> = match subcommand {
        Subcommand::Run(arguments) => run::run(*arguments).map_err(Into::into),
        Subcommand::With(arguments) => with::with(arguments).map_err(Into::into),
        Subcommand::Lab(arguments) => lab::lab(&arguments).map_err(Into::into),
        Subcommand::Completions { shell } => generated::completions(shell).map_err(Into::into),
        Subcommand::Man(arguments) => generated::man(&arguments).map_err(Into::into),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // `eprintln!` would panic if standard error takes nothing, and hide the exit code.
            let _ = writeln!(io::stderr(), "brigade: {error}");
            ExitCode::from(exit_code::MISUSE)
        }
    }
}
