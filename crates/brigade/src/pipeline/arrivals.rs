//! The items as they arrive at a sink on the calling thread.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};

use crate::lock::action;
use crate::lock::duty::{self, Owed};
use crate::primitive::YIELDS;
use crate::primitive::thread::yield_now;
use crate::waiting::Blocked;

use super::control::Post;
use super::failure::ErrorSlot;
use super::handover::{Carried, Inlet};
use super::meter::Meter;

/// The items that arrive at the end of a pipeline; see [`Pipeline::consume`](super::Pipeline::consume).
///
/// Waits for the next item. Ends after the last one, and when a stage has failed.
pub struct Items<'a, T> {
    post: &'a Post<'a>,
    inlet: Inlet<T>,
    meter: &'a mut Meter,
    /// There will be no more items.
    ended: bool,
    bell: Option<Bell>,
}

impl<T> fmt::Debug for Items<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Items").finish_non_exhaustive()
    }
}

/// Ends this thread's wait for an item when its pool needs it for something else.
struct Bell {
    waker: Waker,
    rings: Receiver<()>,
}

struct Rope(Sender<()>);

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        let _ = self.0.try_send(()); // if it is full, it rings already
    }
}

impl Bell {
    fn new() -> Self {
        let (sender, rings) = bounded(1);
        Self {
            waker: Waker::from(Arc::new(Rope(sender))),
            rings,
        }
    }
}

impl<'a, T> Items<'a, T> {
    /// Calls `body` with the items. If it returns before they end, so does the run.
    pub(crate) fn with<R>(
        post: &'a Post<'a>,
        inlet: Inlet<T>,
        meter: &'a mut Meter,
        body: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let mut items = Self {
            post,
            inlet,
            meter,
            ended: false,
            bell: None,
        };
        let result = body(&mut items);
        if !items.ended {
            post.control.stop();
        }
        result
    }

    /// Ends the run with an error of the sink.
    pub(crate) fn fail<E>(&self, errors: &ErrorSlot<E>, error: E) {
        self.post.fail(errors, error);
    }

    /// Waits for an item. The caller may be a worker of a pool, which must know of that, and may be waited for by
    /// others, who must not wait for ever.
    #[cold]
    fn wait(&mut self) -> Option<T> {
        let Self {
            post, inlet, meter, ..
        } = self;
        let bell = self.bell.get_or_insert_with(Bell::new);
        let item = meter.wait_for_input(|| wait_for_item(post, &inlet.0, bell));
        item.map(Carried::into_inner)
    }
}

fn wait_for_item<T>(post: &Post<'_>, receiver: &Receiver<T>, bell: &Bell) -> Option<T> {
    for _ in 0..YIELDS {
        yield_now();
        if let Some(result) = look(receiver) {
            return result;
        }
    }
    let blocked = Blocked::enter(None);
    let mut told = false;
    loop {
        if let Some(result) = look(receiver) {
            return result;
        }
        if blocked.help(&bell.waker) {
            continue;
        }
        let awaited = || Owed::Duty(post.control.address());
        let name = || "the stages of a pipeline".to_owned();
        let entered = duty::enter(awaited, name, None, &bell.waker);
        if let Err(report) = &entered
            && !std::mem::replace(&mut told, true)
        {
            // The stages borrow from the caller, so there is no way out but their end.
            action::tell(report);
        }
        select! {
            recv(receiver) -> item => return item.ok(),
            recv(bell.rings) -> _ => {}
        }
    }
}

/// `Some(None)` if there will be no more items.
fn look<T>(receiver: &Receiver<T>) -> Option<Option<T>> {
    match receiver.try_recv() {
        Ok(item) => Some(Some(item)),
        Err(TryRecvError::Disconnected) => Some(None),
        Err(TryRecvError::Empty) => None,
    }
}

impl<T> Iterator for Items<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.ended {
            return None;
        }
        let item = match self.inlet.try_next(self.meter) {
            Ok(item) => Some(item),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => self.wait(),
        };
        self.ended = item.is_none();
        let item = item.filter(|_| !self.post.is_stopped())?;
        self.meter.items += 1;
        Some(item)
    }
}
