//! Brigade and its peers side by side, measured in interleaved rounds of one process.
//!
//! One binary measures one family; what families share is here. A family is a list of
//! [`round::Case`]s, each with the systems that take part in it; [`main`] measures them as the
//! command line asks and prints the outcome. How to read that is in the crate's `README.md`.

pub mod arguments;
pub mod batch;
pub mod check;
pub mod command;
pub mod contention;
pub mod ledger;
pub mod lock;
pub mod memory;
pub mod pattern;
pub mod pool;
pub mod quiet;
pub mod report;
pub mod round;
pub mod spin;
pub mod statistics;
pub mod steps;
pub mod together;
pub mod waiting;

use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;
use round::Case;

/// The system that the others are compared with; its name begins so, if it is but a part of Brigade.
pub const REFERENCE: &str = "brigade";

/// What one binary measures.
pub struct Family {
    /// Its stable name.
    pub name: &'static str,
    /// Its cases, as the command line wants them; or a message that says why there are none.
    pub cases: fn(&Arguments) -> Result<Vec<Case>, String>,
    /// What is said below the table.
    pub notes: fn() -> String,
}

/// The `main` of a family's binary: measures as the command line says, and prints the outcome.
pub fn main(family: &Family) -> ExitCode {
    match run(family, &Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{}: {message}", family.name);
            ExitCode::from(2)
        }
    }
}

/// The error is a message for whoever typed the command: there is nothing to measure, or the filters leave nothing.
fn run(family: &Family, arguments: &Arguments) -> Result<(), String> {
    let mut cases = (family.cases)(arguments)?;
    arguments.filter(&mut cases)?;
    let rounds = round::run(&mut cases, &arguments.schedule());
    if arguments.json {
        print!("{}", report::json(family.name, &cases));
    } else {
        print!("{}", report::table(family.name, rounds, &cases));
        print!("{}", (family.notes)());
    }
    Ok(())
}
