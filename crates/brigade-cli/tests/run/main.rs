//! Runs the real command on real processes. One file a subject; `stage` sets the scenes.

// They look at `/proc` and write to `/dev/full`.
#![cfg(target_os = "linux")]

mod after;
mod crash;
mod direct;
mod dry_run;
mod events;
mod exit_code;
mod halt;
mod input;
mod interrupt;
mod job_locks;
mod joblog;
mod jsonl;
mod line_buffer;
mod lock;
mod metrics;
mod order;
mod output;
mod pace;
mod priority;
mod report;
mod results;
mod resume;
mod retry;
#[path = "../stage/mod.rs"]
mod stage;
mod tag;
mod template;
mod terminal;
mod timeout;
