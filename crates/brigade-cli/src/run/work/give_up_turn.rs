//! What is done for the others should we panic at a job.

use std::thread;

use crate::run::job::Hash;
use crate::run::waiting::Fate;

use super::Work;

/// Gives a job's turn up should we panic at it: those that follow, and those that are after it, would wait for it for ever.
pub(super) struct GiveUpTurn<'a> {
    pub(super) work: &'a Work,
    pub(super) turn: u64,
    pub(super) id: Option<Hash>,
}

impl Drop for GiveUpTurn<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        if let Some(order) = &self.work.order {
            order.recover();
            order.keep(self.turn, None);
            order.deliver(|ended| drop(self.work.finish(ended)));
        }
        let fate = Fate::failed("brigade itself failed at it");
        self.work.end(self.turn, self.id, fate);
    }
}
