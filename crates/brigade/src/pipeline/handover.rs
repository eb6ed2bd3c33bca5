//! The two ends of the buffer between two stages.
//!
//! Who waits here, for room or for an item, is not in the wait graph, and no deadlock goes unseen for that. A thread
//! stands here only between two calls of the user's code. So it holds no lock: guards stay on their thread, and neither
//! closures nor iterators, which are `Send`, can keep one. And it owes nothing to anyone but its own pipeline. There,
//! stages wait for room in one direction and for items in the other, and never for both at one buffer, which is no
//! cycle. So each cycle leads through calls of the user's code that wait, and, since nobody else waits for stages,
//! through the thread that runs the pipeline; both are in the graph, and the latter waits for all stages there.
//!
//! Nor would it be better to have these waits there too. The last one to wait is the one that is told, and a wait
//! here can do nothing about it: the call that could fail, for a lock, would wait on. And a channel does not say
//! whom it has let go on already: who is about to wake up would count as stuck.

use std::mem::needs_drop;
use std::time::Instant;

use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendError, Sender, TryRecvError, TrySendError, bounded,
};

use crate::pool::panic::catch;

use super::meter::Meter;

/// An item on its way. If it is discarded instead of delivered, a panic of its destructor ends here: it would
/// leave the buffer half emptied, and the pipeline has stopped for another reason already.
pub(crate) struct Carried<T>(Option<T>);

impl<T> Carried<T> {
    pub(crate) fn new(item: T) -> Self {
        Self(Some(item))
    }

    pub(crate) fn into_inner(mut self) -> T {
        let item = self.0.take();
        item.expect("only this takes it, and it consumes its owner")
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if needs_drop::<T>()
            && let Some(item) = self.0.take()
        {
            drop(catch(|| drop(item)));
        }
    }
}

/// The end where items go in. The last one that is dropped ends the stage behind it.
pub(crate) struct Outlet<T>(Sender<Carried<T>>);

/// The end where items come out. When the last one is dropped, nobody can put anything in any more.
pub(crate) struct Inlet<T>(pub(crate) Receiver<Carried<T>>);

/// A buffer for so many items.
pub(crate) fn buffer<T>(capacity: usize) -> (Outlet<T>, Inlet<T>) {
    let (sender, receiver) = bounded(capacity);
    (Outlet(sender), Inlet(receiver))
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for Inlet<T> {
    /// Discards what is left, if the run has stopped before its end. The channel would keep it until the stage
    /// before has left too, which may be waiting for just that.
    fn drop(&mut self) {
        // No more than that: if the run is only about to stop, new items may come as fast as these go.
        let left = self.0.len();
        self.0.try_iter().take(left).for_each(drop);
    }
}

impl<T> Outlet<T> {
    /// Puts an item in, waits for room if there is none. False if nobody will take it out.
    #[inline]
    pub(crate) fn put(&self, item: T, meter: &mut Meter) -> bool {
        match self.0.try_send(Carried::new(item)) {
            Ok(()) => true,
            Err(TrySendError::Full(item)) => self.put_when_there_is_room(item, meter),
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    #[cold]
    fn put_when_there_is_room(&self, item: Carried<T>, meter: &mut Meter) -> bool {
        meter.found_full = true;
        let sent = meter.wait_for_room(|| self.0.send(item));
        !matches!(sent, Err(SendError(_)))
    }
}

/// What came of waiting for an item until some time.
pub(crate) enum Arrival<T> {
    Item(T),
    TimedOut,
    /// There will be none.
    End,
}

impl<T> Inlet<T> {
    /// The next item, waited for if there is none; `None` if there will be none.
    #[inline]
    pub(crate) fn next(&self, meter: &mut Meter) -> Option<T> {
        match self.try_next(meter) {
            Ok(item) => Some(item),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let item = meter.wait_for_input(|| self.0.recv());
                item.ok().map(Carried::into_inner)
            }
        }
    }

    #[inline]
    pub(crate) fn try_next(&self, meter: &mut Meter) -> Result<T, TryRecvError> {
        meter.look(|| self.0.len());
        self.0.try_recv().map(Carried::into_inner)
    }

    /// As `next`, but gives up at `deadline`.
    pub(crate) fn next_until(&self, deadline: Instant, meter: &mut Meter) -> Arrival<T> {
        match self.try_next(meter) {
            Ok(item) => Arrival::Item(item),
            Err(TryRecvError::Disconnected) => Arrival::End,
            Err(TryRecvError::Empty) => {
                match meter.wait_for_input(|| self.0.recv_deadline(deadline)) {
                    Ok(item) => Arrival::Item(item.into_inner()),
                    Err(RecvTimeoutError::Timeout) => Arrival::TimedOut,
                    Err(RecvTimeoutError::Disconnected) => Arrival::End,
                }
            }
        }
    }
}
