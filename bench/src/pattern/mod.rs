//! Patterns: producer-consumer, pipelines, values computed once, caches, counters.

pub mod cases;
mod consumers;
mod counters;
mod keyed;
mod pipelines;
mod stampede;
