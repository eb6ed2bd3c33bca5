//! Locks: how long it takes to have one, alone and against others.

mod all_or_nothing;
pub mod cases;
mod contended;
mod first_sight;
pub mod size;
mod systems;
mod table;
mod uncontended;
mod work;
