//! Measures patterns: producer-consumer, pipelines, compute-once maps, caches, counters.

use std::process::ExitCode;

use bench::Family;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "pattern",
        cases: |arguments| Ok(bench::pattern::cases::all(arguments)),
        notes: String::new,
    })
}
