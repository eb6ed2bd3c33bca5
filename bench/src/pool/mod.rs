//! The family `pool`: thread pools that run closures.

pub mod brigade;
pub mod cases;
pub mod load;
pub mod systems;
