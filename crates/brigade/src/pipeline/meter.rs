//! What one worker of a stage did, counted by itself.

use std::time::Duration;

use crate::primitive::now;

/// The counts of one worker. The clock is read only around waits: what is not waited is worked.
#[derive(Default)]
pub(crate) struct Meter {
    started: u64,
    ended: u64,
    /// Items this worker is done with (the source: has brought).
    pub(crate) items: u64,
    input_wait: u64,
    room_wait: u64,
    /// The buffer behind the stage was full when this worker had something for it.
    pub(crate) found_full: bool,
    looks: u64,
    depth_sum: u64,
    deepest: usize,
}

/// Items before each of which the depth of the buffer is looked at, so that short runs are seen well too.
const LOOKED_AT: u64 = 64;
/// Later one item in so many: a look costs about as much as taking an item.
const LOOK_EVERY: u64 = 16;

impl Meter {
    pub(crate) fn start() -> Self {
        let now = now();
        Self {
            started: now,
            ended: now,
            ..Self::default()
        }
    }

    pub(crate) fn stop(&mut self) {
        self.ended = now();
    }

    /// Looks at the depth of the buffer in front of the stage, now and then.
    #[inline]
    pub(crate) fn look(&mut self, depth: impl FnOnce() -> usize) {
        if self.items < LOOKED_AT || self.items.is_multiple_of(LOOK_EVERY) {
            let depth = depth();
            self.looks += 1;
            self.depth_sum += depth as u64;
            self.deepest = self.deepest.max(depth);
        }
    }

    pub(crate) fn wait_for_input<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = now();
        let result = wait();
        self.input_wait += now().saturating_sub(began);
        result
    }

    pub(crate) fn wait_for_room<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let began = now();
        let result = wait();
        self.room_wait += now().saturating_sub(began);
        result
    }
}

/// The counts of all workers of a stage.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) items: u64,
    pub(crate) alive: Duration,
    pub(crate) input_wait: Duration,
    pub(crate) room_wait: Duration,
    pub(crate) mean_depth: f64,
    pub(crate) deepest: usize,
    pub(crate) found_full: bool,
}

impl Totals {
    pub(crate) fn of(meters: &[Meter]) -> Self {
        let sum = |part: fn(&Meter) -> u64| meters.iter().map(part).sum::<u64>();
        let time = |part| Duration::from_nanos(sum(part));
        let looks = sum(|meter| meter.looks).max(1);
        Self {
            items: sum(|meter| meter.items),
            alive: time(|meter| meter.ended.saturating_sub(meter.started)),
            input_wait: time(|meter| meter.input_wait),
            room_wait: time(|meter| meter.room_wait),
            mean_depth: sum(|meter| meter.depth_sum) as f64 / looks as f64,
            deepest: meters.iter().map(|meter| meter.deepest).max().unwrap_or(0),
            found_full: meters.iter().any(|meter| meter.found_full),
        }
    }
}
