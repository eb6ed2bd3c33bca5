//! Measures checks of concurrent code.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "check",
        cases: |arguments| Ok(bench::check::cases::all(arguments)),
        notes: String::new,
    })
}
