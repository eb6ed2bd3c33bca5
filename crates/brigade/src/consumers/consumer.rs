//! A consumer's thread.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::lock::duty::Duty;
use crate::pool::Panic;
use crate::pool::panic::catch;
use crate::pool::stopwatch::Stopwatch;
use crate::primitive::now;
use crate::waiting;

use super::failure::{Cause, Failure, Retry};
use super::shared::{Seat, Shared, wake};
use super::state::{Entry, Hands, Look};

type Handler<T, E, S> = Box<dyn Fn(&mut S, &[T]) -> Result<(), E> + Send + Sync>;
pub(crate) type FailureHandler<T, E> = Box<dyn Fn(Failure<T, E>) + Send + Sync>;

/// What the consumers do with items.
pub(crate) struct Work<T, E, S> {
    pub(crate) handler: Handler<T, E, S>,
    pub(crate) initialise: Box<dyn Fn() -> S + Send + Sync>,
    pub(crate) on_failure: Option<FailureHandler<T, E>>,
    pub(crate) retry: Option<Retry>,
}

pub(crate) struct Consumer<T, E, S> {
    number: usize,
    shared: Arc<Shared<T>>,
    work: Arc<Work<T, E, S>>,
    /// Made at the first item, and anew after a panic.
    local: Option<S>,
    hands: Hands<T>,
    /// Whether what the marks in hand stand for has failed; they are settled at the next look.
    failed: bool,
    watch: Stopwatch,
}

impl<T, E, S> Consumer<T, E, S> {
    pub(crate) fn new(number: usize, shared: Arc<Shared<T>>, work: Arc<Work<T, E, S>>) -> Self {
        let watch = Stopwatch::new(shared.histograms);
        Self {
            number,
            shared,
            work,
            local: None,
            hands: Hands::new(),
            failed: false,
            watch,
        }
    }

    /// Handles items until no more can come.
    pub(crate) fn run(mut self) {
        self.shared.begin_to_serve();
        // Some wait for any consumer or for all of them, others for this one.
        let seat = self.seat().address();
        let duties = (Duty::begin(self.shared.address()), Duty::begin(seat));
        while self.take() {
            self.seat().take(self.hands.marks[0].epoch); // the oldest
            self.watch.begin(self.hands.marks[0].since);
            self.handle();
            self.watch.end(&self.shared.tallies[self.number]);
        }
        self.seat().put_down();
        let local = self.local.take();
        let _ = catch(|| drop(local)); // the panic hook has told of it
        drop(duties);
        let mut wakes = Vec::new();
        self.shared.state.lock().leave(self.number, &mut wakes);
        wake(wakes);
    }

    fn seat(&self) -> &Seat {
        &self.shared.seats[self.number]
    }

    /// Settles what is in hand and takes what is next; waits for it. False if no more can come.
    fn take(&mut self) -> bool {
        let mut look = self.look(None);
        if look == Look::Taken {
            return true;
        }
        // A group of tiny items ends here: none follows at once, or ever.
        self.watch.lap(&self.shared.tallies[self.number]);
        while let Look::Nothing { until } = look {
            look = self.wait(until);
        }
        self.watch.start(now());
        look == Look::Taken
    }

    /// Waits until there is something, until that moment, or until that moment is another.
    fn wait(&mut self, until: Option<u64>) -> Look {
        let left = until.map(|until| Duration::from_nanos(until.saturating_sub(now())));
        let deadline = left.and_then(|left| Instant::now().checked_add(left));
        let before = Look::Nothing { until };
        let found = waiting::wait(None, deadline, |waker| {
            Some(self.look(Some(waker))).filter(|look| *look != before)
        });
        match found {
            Ok(Some(look)) => look,
            Ok(None) | Err(_) => self.look(None),
        }
    }

    fn look(&mut self, waker: Option<&Waker>) -> Look {
        let mut wakes = Vec::new();
        let (count, elapsed) = self.watch.take_sum();
        let ended = if count > 0 { now() } else { 0 };
        let mut state = self.shared.state.lock();
        if count > 0 {
            state.pace.ran(count, elapsed);
            let others_wait = state.buffered() > 0;
            state.pace.took(count as usize, others_wait, ended);
        }
        if !self.hands.marks.is_empty() {
            state.settle(&self.hands.marks, self.failed, &mut wakes);
            self.hands.marks.clear();
        }
        self.failed = false;
        let look = state.look(self.number, waker, &mut self.hands, &mut wakes);
        self.watch.exact = !state.pace.is_tiny();
        drop(state);
        wake(wakes);
        look
    }

    /// Gives what is in hand to the handler; afterwards only marks that are to be settled are left in hand.
    fn handle(&mut self) {
        let Self {
            local, work, hands, ..
        } = self;
        let handled = catch(|| {
            let local = local.get_or_insert_with(&work.initialise);
            (work.handler)(local, &hands.items)
        });
        let cause = match handled {
            Ok(Ok(())) => {
                // What its destructor does is no matter of the handler's.
                let _ = catch(|| hands.items.clear());
                return;
            }
            Ok(Err(error)) => Cause::Error(error),
            Err(caught) => {
                let local = local.take();
                let _ = catch(|| drop(local));
                Cause::Panicked(Panic::new(Arc::clone(&self.shared.name), None, caught))
            }
        };
        self.fail(&Arc::new(cause));
    }

    /// Puts back what is to be tried again, and gives up the rest.
    #[cold]
    fn fail(&mut self, cause: &Arc<Cause<E>>) {
        self.failed = true;
        let items = std::mem::take(&mut self.hands.items);
        let marks = std::mem::take(&mut self.hands.marks);
        for (item, mark) in items.into_iter().zip(marks) {
            if let Err(Entry { item, mark }) = self.retry(Entry { item, mark }) {
                self.hands.marks.push(mark);
                self.give_up(item, mark.attempts, Arc::clone(cause));
            }
        }
    }

    fn retry(&self, entry: Entry<T>) -> Result<(), Entry<T>> {
        let attempts = entry.mark.attempts;
        let Some(retry) = self
            .work
            .retry
            .filter(|retry| retry.allows_another(attempts))
        else {
            return Err(entry);
        };
        let pause = u64::try_from(retry.pause(attempts).as_nanos()).unwrap_or(u64::MAX);
        let due = now().saturating_add(pause);
        let mut wakes = Vec::new();
        let delayed = self.shared.state.lock().delay(entry, due, &mut wakes);
        // All of a batch are tried again, or none, but for what comes back at the end.
        self.seat().put_down();
        wake(wakes);
        delayed
    }

    fn give_up(&self, item: T, attempts: u32, cause: Arc<Cause<E>>) {
        let consumers = Arc::clone(&self.shared.name);
        let failure = Failure {
            item,
            cause,
            attempts,
            consumers,
        };
        // Its panic, too, costs this item only; the panic hook has told of it.
        let _ = catch(|| match &self.work.on_failure {
            Some(handler) => handler(failure),
            None => drop(failure),
        });
    }
}
