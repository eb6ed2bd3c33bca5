//! A worker's thread.

use std::sync::Arc;
use std::task::Waker;

use crate::consumers::serving;
use crate::consumers::shared::wake;
use crate::lock::duty::Duty;
use crate::pool::Panic;
use crate::pool::panic::catch;
use crate::pool::stopwatch::Stopwatch;
use crate::pool::tally::Tally;
use crate::primitive::now;
use crate::waiting;

use super::shared::Shared;
use super::state::{Letter, Look};

type Handler<K, M, S> = Box<dyn Fn(&mut S, &K, M) + Send + Sync>;
pub(crate) type PanicHandler<K> = Box<dyn Fn(&K, &Panic) + Send + Sync>;

/// What the workers do with messages.
pub(crate) struct Work<K, M, S> {
    pub(crate) handler: Handler<K, M, S>,
    pub(crate) initialise: Box<dyn Fn() -> S + Send + Sync>,
    pub(crate) on_panic: Option<PanicHandler<K>>,
    pub(crate) keeps_state: bool,
}

pub(crate) struct Worker<K, M, S> {
    number: usize,
    shared: Arc<Shared<K, M>>,
    work: Arc<Work<K, M, S>>,
    state: Option<S>,
    /// How the message that is in hand ended.
    panicked: bool,
    watch: Stopwatch,
    tally: Arc<Tally>,
}

impl<K, M, S> Worker<K, M, S> {
    pub(crate) fn new(number: usize, shared: Arc<Shared<K, M>>, work: Arc<Work<K, M, S>>) -> Self {
        let tally = Arc::clone(&shared.state.lock().seats[number].tally);
        Self {
            number,
            watch: Stopwatch::new(shared.histograms),
            shared,
            work,
            state: None,
            panicked: false,
            tally,
        }
    }

    /// Handles messages until the worker is one too many, or no more can come.
    pub(crate) fn run(mut self) {
        serving::begin(self.shared.address());
        let seat = self.shared.state.lock().seats[self.number].address();
        // Some wait for this worker, others for all of them.
        let duties = (Duty::begin(self.shared.address()), Duty::begin(seat));
        while let Some(letter) = self.take() {
            self.watch.begin(letter.since);
            self.handle(letter);
            self.watch.end(&self.tally);
        }
        self.watch.lap(&self.tally);
        drop(duties);
        let state = self.state.take();
        let _ = catch(|| drop(state)); // the panic hook has told of it
    }

    /// Settles what is in hand and takes what is next; waits for it.
    fn take(&mut self) -> Option<Letter<K, M>> {
        let mut look = self.look(None);
        if let Look::Nothing = look {
            self.watch.lap(&self.tally); // what is timed must not have the wait in it
        }
        while let Look::Nothing = look {
            let found = waiting::wait(None, None, |waker| match self.look(Some(waker)) {
                Look::Nothing => None,
                found => Some(found),
            });
            if let Ok(Some(found)) = found {
                look = found;
            }
            self.watch.start(now());
        }
        match look {
            Look::Taken(letter) => Some(letter),
            Look::Nothing | Look::Ended => None,
        }
    }

    fn look(&mut self, waker: Option<&Waker>) -> Look<K, M> {
        let mut wakes = Vec::new();
        let (count, elapsed) = self.watch.take_sum();
        let mut state = self.shared.state.lock();
        state.settle(self.number, self.panicked, &mut wakes);
        self.panicked = false;
        if count > 0 {
            state.pace.ran(count, elapsed);
        }
        let look = state.look(self.number, waker, &mut wakes);
        drop(state);
        wake(wakes);
        look
    }

    fn handle(&mut self, letter: Letter<K, M>) {
        let Letter { key, message, .. } = letter;
        let Self { state, work, .. } = self;
        let handled = catch(|| {
            let state = state.get_or_insert_with(&work.initialise);
            (work.handler)(state, &key, message);
        });
        if let Err(caught) = handled {
            self.panicked = true;
            if !self.work.keeps_state {
                let state = self.state.take();
                let _ = catch(|| drop(state));
            }
            let panic = Panic::new(Arc::clone(&self.shared.name), None, caught);
            if let Some(handler) = &self.work.on_panic {
                let _ = catch(|| handler(&key, &panic));
            }
        }
        let _ = catch(|| drop(key));
    }
}
