//! Measures thread pools.

use std::process::ExitCode;

use bench::Family;
use bench::memory::Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "pool",
        cases: |arguments| Ok(bench::pool::cases::all(arguments)),
        notes: String::new,
    })
}
