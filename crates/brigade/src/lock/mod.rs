//! Locks. So far only the record of what a thread holds, which the pool asks.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the locks that use it are to come")
)]
mod graph;
pub(crate) mod held;
mod mode;
