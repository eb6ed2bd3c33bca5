//! Workers that are held inside their handlers until the test lets them go.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use brigade::partitioned::Partitioned;

use crate::door::Door;

/// Workers whose handlers stand before a door and then tell what they had.
#[expect(clippy::type_complexity, reason = "each part is used by some test")]
pub(crate) fn held(
    workers: usize,
    buffer: usize,
) -> (
    Arc<Partitioned<u32, u32>>,
    Arc<Door>,
    Receiver<()>,
    Receiver<(u32, u32)>,
) {
    let (door, tells, stands) = Door::shut();
    let (handled, hears) = channel();
    let waits = Arc::clone(&door);
    let partitioned = Partitioned::builder("held")
        .workers(workers)
        .buffer(buffer)
        .start(
            || (),
            move |(), key: &u32, message: u32| {
                let _ = tells.send(());
                waits.pass();
                let _ = handled.send((*key, message));
            },
        )
        .unwrap();
    (Arc::new(partitioned), door, stands, hears)
}
