//! The family `pool`: thread pools that run closures.

pub mod brigade;
pub mod cases;
pub mod ledger;
pub mod load;
pub mod systems;
