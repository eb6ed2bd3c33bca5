//! Runs the real command on real processes. One file a subject; `stage` sets the scenes.

// They look at `/proc` and write to `/dev/full`.
#![cfg(target_os = "linux")]

mod after;
mod crash;
mod direct;
mod dry_run;
mod elastic;
mod events;
mod exit_code;
mod failed_test;
mod gathering;
mod halt;
mod hold;
mod input;
mod interrupt;
mod job_control;
mod job_locks;
mod joblog;
mod jsonl;
mod line_buffer;
mod lock;
mod memory;
mod metrics;
mod nice;
mod order;
mod output;
mod pace;
mod pipe;
mod priority;
mod report;
mod results;
mod resume;
mod retry;
mod spill;
#[path = "../stage/mod.rs"]
mod stage;
mod tag;
mod template;
mod terminal;
mod timeout;
