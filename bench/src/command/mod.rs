//! The command: jobs that are processes.

mod binary;
pub mod cases;
mod peak;
mod systems;
