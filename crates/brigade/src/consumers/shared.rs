//! What all handles and threads of some consumers refer to, and how producers get items in.

use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use crate::lock::Report;
use crate::lock::duty::{self, Awaited, Needs, Owed};
use crate::pool::tally::Tally;
use crate::primitive::atomic::Ordering::Relaxed;
use crate::primitive::atomic::{AtomicU64, AtomicUsize};
use crate::primitive::{Mutex, MutexGuard, thread};
use crate::waiting::{self, Subject};

use super::closing::Phase;
use super::error::{RejectReason, Rejected};
use super::line::{Left, Progress};
use super::serving;
use super::state::{Batch, State};

pub(crate) struct Shared<T> {
    pub(crate) name: Arc<str>,
    pub(crate) capacity: usize,
    pub(crate) state: Mutex<State<T>>,
    pub(crate) seats: Vec<Seat>,
    /// What each consumer has timed.
    pub(crate) tallies: Vec<Tally>,
    pub(crate) histograms: bool,
    pub(crate) threads: Mutex<Vec<thread::JoinHandle<()>>>,
    /// Handles through which items may still come.
    pub(crate) handles: AtomicUsize,
}

/// What stands for one consumer in the wait graph, and says what it has in hand.
///
/// Written by that consumer alone, and exact for whoever finds it in the graph: then it has entered since, under the
/// graph's lock.
pub(crate) struct Seat(CachePadded<AtomicU64>);

impl Seat {
    /// No epoch is as late.
    const EMPTY: u64 = u64::MAX;

    fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(Self::EMPTY)))
    }

    /// It has items in hand, the oldest of this epoch.
    #[inline]
    pub(crate) fn take(&self, epoch: u64) {
        self.0.store(epoch, Relaxed);
    }

    /// It has none.
    pub(crate) fn put_down(&self) {
        self.take(Self::EMPTY);
    }

    /// True if it has an item that was entered before the mark, as far as it is in the graph.
    pub(crate) fn holds(&self, mark: u64) -> bool {
        self.0.load(Relaxed) <= mark
    }

    /// What it is called in the graph.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// How long a producer waits for room.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    None,
    Until(Option<Instant>),
}

/// What a first look at the buffer leads to.
enum First<T> {
    Accepted,
    InLine(u64),
    Refused(Rejected<T>),
}

/// A producer's place in line, for the wait graph: any consumer can make room.
struct PlaceInLine<T> {
    shared: Arc<Shared<T>>,
    /// Set before anyone asks.
    ticket: OnceLock<u64>,
}

impl<T: Send> Awaited for PlaceInLine<T> {
    fn needs(&self) -> Needs {
        let state = self.shared.state.lock();
        match self.ticket.get() {
            Some(ticket) if state.line.is_in(*ticket) => self.shared.any_consumer(&state),
            _ => Needs::Nobody,
        }
    }
}

/// Wakes them all; never under a lock, for wakers are foreign code.
pub(crate) fn wake(wakes: impl IntoIterator<Item = Waker>) {
    wakes.into_iter().for_each(Waker::wake);
}

impl<T> Shared<T> {
    pub(crate) fn new(
        name: Arc<str>,
        capacity: usize,
        workers: usize,
        batch: Batch,
        histograms: bool,
    ) -> Self {
        Self {
            name,
            capacity,
            state: Mutex::new(State::new(capacity, batch)),
            seats: (0..workers).map(|_| Seat::new()).collect(),
            tallies: (0..workers).map(|_| Tally::new(histograms)).collect(),
            histograms,
            threads: Mutex::new(Vec::new()),
            handles: AtomicUsize::new(1),
        }
    }

    /// What stands for the consumers in the wait graph.
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What needs any consumer to do something.
    pub(crate) fn any_consumer(&self, state: &State<T>) -> Needs {
        Needs::Any {
            duties: vec![self.address()],
            threads: state.live,
        }
    }

    /// What others wait for there.
    pub(crate) fn name_of_work(&self) -> String {
        format!("the work of consumers `{}`", self.name)
    }

    fn name_of_room(&self) -> String {
        format!("room in the buffer of consumers `{}`", self.name)
    }

    /// Notes that this thread is a consumer.
    pub(crate) fn begin_to_serve(&self) {
        serving::begin(self.address());
    }

    /// True on a thread of these very consumers.
    pub(crate) fn is_served_here(&self) -> bool {
        serving::is_here(self.address())
    }

    /// Puts an item into the buffer, or says why not.
    #[inline]
    pub(crate) fn admit(self: &Arc<Self>, item: T, patience: Patience) -> Result<(), Rejected<T>>
    where
        T: Send + 'static,
    {
        let mut state = self.state.lock();
        if state.phase == Phase::Open && state.has_room() {
            state.accept(item);
            let call = state.call_for_new();
            drop(state);
            wake(call);
            return Ok(());
        }
        match patience {
            Patience::None => Err(self.refuse_at_once(state, item)),
            Patience::Until(deadline) => {
                drop(state);
                self.wait_for_room(item, deadline)
            }
        }
    }

    #[cold]
    fn refuse_at_once(&self, mut state: MutexGuard<'_, State<T>>, item: T) -> Rejected<T> {
        let reason = if state.phase == Phase::Open {
            state.counts.refused_full += 1;
            self.full(&state, Duration::ZERO)
        } else {
            state.counts.refused_shut_down += 1;
            self.shut_down_reason()
        };
        Rejected { item, reason }
    }

    pub(crate) fn shut_down_reason(&self) -> RejectReason {
        RejectReason::ShutDown {
            consumers: Arc::clone(&self.name),
        }
    }

    fn full(&self, state: &State<T>, waited: Duration) -> RejectReason {
        RejectReason::Full {
            consumers: Arc::clone(&self.name),
            capacity: self.capacity,
            waited,
            retry_after: state.pace.retry_after(state.line.len()),
        }
    }

    /// Waits in line until someone makes room and lets the item in.
    #[cold]
    fn wait_for_room(
        self: &Arc<Self>,
        item: T,
        deadline: Option<Instant>,
    ) -> Result<(), Rejected<T>>
    where
        T: Send + 'static,
    {
        let began = Instant::now();
        let place = self.place_in_line(OnceLock::new());
        let (mut item, ticket) = (Some(item), &place.ticket);
        let name = || self.name_of_room();
        let subject = Subject {
            awaited: &|| Owed::Room(Arc::clone(&place) as Arc<dyn Awaited>),
            name: &name,
        };
        let outcome = waiting::wait(Some(&subject), deadline, |waker| match ticket.get() {
            Some(ticket) => self.look_in_line(*ticket),
            None => match self.look_first(item.take()?, waker) {
                First::Accepted => Some(Ok(())),
                First::Refused(refused) => Some(Err(refused)),
                First::InLine(got) => {
                    ticket.get_or_init(|| got);
                    None
                }
            },
        });
        let report = match outcome {
            Ok(Some(result)) => return result,
            Ok(None) => None,
            Err(report) => Some(report),
        };
        let Some(ticket) = ticket.get() else {
            unreachable!("the first look led to an end or into the line");
        };
        self.leave_line(*ticket, began, report)
    }

    fn place_in_line(self: &Arc<Self>, ticket: OnceLock<u64>) -> Arc<PlaceInLine<T>> {
        Arc::new(PlaceInLine {
            shared: Arc::clone(self),
            ticket,
        })
    }

    /// Errs if whoever waits for this place on this thread, a consumer's, would wait for ever.
    pub(crate) fn check_place(self: &Arc<Self>, ticket: u64) -> Result<(), Box<Report>>
    where
        T: Send + 'static,
    {
        let room = || Owed::Room(self.place_in_line(ticket.into()));
        duty::enter(room, || self.name_of_room(), None, Waker::noop()).map(drop)
    }

    /// The wait is over: because of its deadline, or because it would never end.
    pub(crate) fn leave_line(
        &self,
        ticket: u64,
        began: Instant,
        report: Option<Box<Report>>,
    ) -> Result<(), Rejected<T>> {
        let mut state = self.state.lock();
        match state.line.leave(ticket) {
            Left::Admitted => Ok(()),
            Left::TurnedAway(item) => {
                state.counts.refused_shut_down += 1;
                let reason = self.shut_down_reason();
                Err(Rejected { item, reason })
            }
            Left::Waiting(item, _own) => {
                let reason = if let Some(report) = report {
                    state.counts.refused_deadlock += 1;
                    let consumers = Arc::clone(&self.name);
                    RejectReason::Deadlock { consumers, report }
                } else {
                    state.counts.refused_after_wait += 1;
                    self.full(&state, began.elapsed().max(Duration::from_nanos(1)))
                };
                drop(state);
                Err(Rejected { item, reason })
            }
        }
    }

    fn look_first(&self, item: T, waker: &Waker) -> First<T> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return First::Refused(self.refuse_at_once(state, item));
        }
        if state.has_room() {
            state.accept(item);
            let call = state.call_for_new();
            drop(state);
            wake(call);
            return First::Accepted;
        }
        let (ticket, call) = state.join_line(item, waker);
        drop(state);
        wake(call);
        First::InLine(ticket)
    }

    fn look_in_line(&self, ticket: u64) -> Option<Result<(), Rejected<T>>> {
        let mut state = self.state.lock();
        match state.line.progress(ticket) {
            Progress::Waiting => None,
            Progress::Admitted => Some(Ok(())),
            Progress::TurnedAway(item) => {
                state.counts.refused_shut_down += 1;
                let reason = self.shut_down_reason();
                Some(Err(Rejected { item, reason }))
            }
        }
    }
}
