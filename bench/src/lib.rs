//! Brigade and its peers side by side, measured in interleaved rounds of one process.
//!
//! One binary measures one family; what families share is here. A family is a list of
//! [`round::Case`]s, each with the systems that take part in it; [`run`] measures them as the
//! command line asks and prints the outcome. How to read that is in the crate's `README.md`.

pub mod arguments;
pub mod memory;
pub mod pool;
pub mod quiet;
pub mod report;
pub mod round;
pub mod spin;
pub mod statistics;

use arguments::Arguments;
use round::Case;

/// The system that the others are compared with.
pub const REFERENCE: &str = "brigade";

/// Measures a family and prints the outcome; the error is a message for whoever typed the command.
///
/// # Errors
/// If the filters leave nothing to measure.
pub fn run(
    family: &'static str,
    arguments: &Arguments,
    mut cases: Vec<Case>,
) -> Result<(), String> {
    arguments.filter(&mut cases)?;
    let rounds = round::run(&mut cases, &arguments.schedule());
    if arguments.json {
        print!("{}", report::json(family, &cases));
    } else {
        print!("{}", report::table(family, rounds, &cases));
    }
    Ok(())
}
