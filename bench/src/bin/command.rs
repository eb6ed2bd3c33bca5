//! Measures the command: `brigade run` beside other programs that run processes.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "command",
        cases: bench::command::cases::all,
        notes: bench::command::cases::notes,
    })
}
