//! Measures locks.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "lock",
        cases: bench::lock::cases::all,
        notes: bench::lock::size::table,
    })
}
