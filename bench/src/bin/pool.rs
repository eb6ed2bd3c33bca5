//! Measures thread pools.

use std::process::ExitCode;

use bench::Family;
use bench::memory::Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn main() -> ExitCode {
    bench::main(&Family {
        name: "pool",
        cases: bench::pool::cases::all,
        notes: String::new,
    })
}
