//! Locks that cannot deadlock in silence. So far: the order that the compiler checks.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the locks that use it are to come")
)]
mod graph;
pub(crate) mod held;
mod mode;
pub mod order;
