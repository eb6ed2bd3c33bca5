//! Measures locks.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "lock",
        cases: |arguments| Ok(bench::lock::cases::all(arguments)),
        notes: bench::lock::size::table,
    })
}
