//! Measures checks of concurrent code.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "check",
        cases: bench::check::cases::all,
        notes: String::new,
    })
}
