//! Measures thread pools.

use std::process::ExitCode;

use bench::arguments::Arguments;
use bench::memory::Watched;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cases = bench::pool::cases::all(&arguments);
    match bench::run("pool", &arguments, cases) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("pool: {message}");
            ExitCode::from(2)
        }
    }
}
