//! How a run goes, for Prometheus: in a file, or by HTTP.
//!
//! The door is [`Source`], which has all that is known of a run at any time; [`MetricsFile`] and [`serve`] tell it.

mod file;
mod server;
mod target;
mod text;

use std::sync::Arc;
use std::time::Instant;

use brigade::Pool;

use crate::run::work::Work;

use self::text::Text;

pub(crate) use self::file::{INTERVAL, MetricsFile};
pub(crate) use self::server::serve;
pub(crate) use self::target::Target;

/// What is known of a run at any time.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) pool: Arc<Pool>,
    pub(crate) work: Arc<Work>,
    pub(crate) started: Instant,
}

impl Source {
    /// How the run goes now, or how it went once it has ended.
    fn text(&self, finished: bool) -> String {
        let metrics = self.pool.metrics();
        let text = Text {
            held_back: self.work.held_back.by(&metrics),
            metrics,
            counts: self.work.counts(),
            elapsed: self.started.elapsed(),
            finished,
        };
        text.to_string()
    }
}
