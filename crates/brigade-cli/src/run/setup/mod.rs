//! What is settled before anything runs.

mod limits;
mod plan;

pub(crate) use self::limits::make_room;
pub(crate) use self::plan::{Plan, read};
