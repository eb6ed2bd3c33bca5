//! A worker that is held inside a task until the test lets it go.

use std::sync::mpsc::{Sender, channel};

use brigade::Pool;

/// Holds one worker of a pool for as long as it lives.
pub(crate) struct Gate(
    #[expect(dead_code, reason = "dropping it is what opens the gate")] Sender<()>,
);

impl Gate {
    /// Returns when a worker is inside the gate, so that it is not in the queue any more.
    pub(crate) fn shut<S: 'static>(pool: &Pool<S>) -> Self {
        let (opened, gate) = channel::<()>();
        let (inside, entered) = channel();
        pool.execute(move || {
            inside.send(()).unwrap();
            // Ends by an error when the other end is dropped.
            let _ = gate.recv();
        })
        .unwrap();
        entered.recv().unwrap();
        Self(opened)
    }
}
