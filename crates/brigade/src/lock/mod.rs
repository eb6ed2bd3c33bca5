//! Locks. So far only the record of what a thread holds, which the pool asks.

pub(crate) mod held;
