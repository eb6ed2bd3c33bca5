//! The same closure on every item, in parallel, results in order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::primitive::Mutex;
use crate::primitive::atomic::AtomicUsize;
use crate::waiting;

use super::admission::{Patience, Refused};
use super::error::{MapError, RejectReason};
use super::job::Closure;
use super::panic::{Panic, catch};
use super::priority::Priority;
use super::shared::{Phase, Shared};

/// What the pieces of one `map` share.
///
/// The failure with the lowest index wins: items after the first known failure are skipped, items
/// before it are still done, for one of them may fail too.
struct Mapping<U, E> {
    /// Items from here on need not be done.
    end: AtomicUsize,
    collected: Mutex<Collected<U, E>>,
}

struct Collected<U, E> {
    /// Results of consecutive items, with the index of the first.
    pieces: Vec<(usize, Vec<U>)>,
    failure: Option<(usize, Failure<E>)>,
    /// Pieces not yet ended, for the timed form.
    open: usize,
    waker: Option<std::task::Waker>,
}

enum Failure<E> {
    Error(E),
    Panic(Panic),
}

impl<U, E> Mapping<U, E> {
    fn new(open: usize) -> Self {
        let collected = Collected {
            pieces: Vec::new(),
            failure: None,
            open,
            waker: None,
        };
        Self {
            end: AtomicUsize::new(usize::MAX),
            collected: Mutex::new(collected),
        }
    }

    /// Does the items of `range`.
    fn run(&self, shared: &Shared, range: Range<usize>, body: impl Fn(usize) -> Result<U, E>) {
        let mut results = Vec::with_capacity(range.len());
        let start = range.start;
        for index in range {
            if index >= self.end.load(Relaxed) || shared.halted.load(Relaxed) {
                break;
            }
            match catch(|| body(index)) {
                Ok(Ok(result)) => results.push(result),
                Ok(Err(error)) => {
                    self.fail(index, Failure::Error(error));
                    break;
                }
                Err(caught) => {
                    let panic = Panic::new(Arc::clone(&shared.name), None, caught);
                    self.fail(index, Failure::Panic(panic));
                    break;
                }
            }
        }
        self.collected.lock().pieces.push((start, results));
    }

    fn fail(&self, index: usize, failure: Failure<E>) {
        self.end.fetch_min(index, Relaxed);
        let mut collected = self.collected.lock();
        if collected
            .failure
            .as_ref()
            .is_none_or(|(known, _)| index < *known)
        {
            collected.failure = Some((index, failure));
        }
    }
}

impl<U, E> Collected<U, E> {
    /// All results in order, if there are `count`; otherwise what went wrong.
    fn finish(&mut self, shared: &Shared, count: usize) -> Result<Vec<U>, MapError<E>> {
        if let Some((index, failure)) = self.failure.take() {
            return Err(match failure {
                Failure::Error(error) => MapError::Failed { index, error },
                Failure::Panic(panic) => MapError::Panicked { index, panic },
            });
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.sort_unstable_by_key(|(start, _)| *start);
        let results: Vec<U> = pieces
            .into_iter()
            .flat_map(|(_, results)| results)
            .collect();
        if results.len() < count {
            // Pieces were given up: by a shutdown, or for newer tasks.
            let state = shared.lock();
            let reason = match state.phase {
                Phase::Open => shared.full(&state, Duration::ZERO),
                _ => RejectReason::ShutDown {
                    pool: Arc::clone(&shared.name),
                },
            };
            return Err(MapError::Rejected { reason });
        }
        Ok(results)
    }

    /// The items without a result, as ascending ranges.
    fn unfinished(&mut self, count: usize) -> Vec<Range<usize>> {
        self.pieces.sort_unstable_by_key(|(start, _)| *start);
        let mut unfinished = Vec::new();
        let mut next = 0;
        for (start, results) in &self.pieces {
            if next < *start {
                unfinished.push(next..*start);
            }
            next = start + results.len();
        }
        if next < count {
            unfinished.push(next..count);
        }
        unfinished
    }
}

/// Cuts `count` items into pieces that shrink towards the end: large ones cost little, small ones end
/// together. This is guided self-scheduling (Polychronopoulos and Kuck, 1987).
fn pieces(count: usize, workers: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let left = count - next;
        let length = (left / workers.saturating_mul(4)).max(1).min(left);
        next += length;
        (length > 0).then(|| next - length..next)
    })
}

/// Cuts `count` items into pieces of `length`, at least one each.
fn equal_pieces(count: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    let length = length.max(1);
    (0..count)
        .step_by(length)
        .map(move |start| start..count.min(start.saturating_add(length)))
}

impl Shared {
    pub(crate) fn map<'a, A: Sync, U: Send, E: Send>(
        self: &Arc<Self>,
        items: &'a [A],
        chunk: Option<usize>,
        body: impl Fn(&'a A) -> Result<U, E> + Sync,
    ) -> Result<Vec<U>, MapError<E>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let workers = {
            let state = self.lock();
            if state.phase != Phase::Open {
                let reason = RejectReason::ShutDown {
                    pool: Arc::clone(&self.name),
                };
                return Err(MapError::Rejected { reason });
            }
            state.crew.size.max
        };
        let mapping = Mapping::new(0);
        let run = |range| mapping.run(self, range, |index| body(&items[index]));
        let run = &run;
        let feed = |pieces: &mut dyn Iterator<Item = Range<usize>>| {
            self.scope(|scope| {
                for piece in pieces {
                    if mapping.end.load(Relaxed) <= piece.start {
                        break;
                    }
                    scope.execute(move || run(piece));
                }
            });
        };
        match chunk {
            Some(length) => feed(&mut equal_pieces(items.len(), length)),
            None => feed(&mut pieces(items.len(), workers)),
        }
        mapping.collected.lock().finish(self, items.len())
    }

    pub(crate) fn map_timeout<A, U>(
        self: &Arc<Self>,
        items: Vec<A>,
        limit: Duration,
        body: impl Fn(&A) -> U + Send + Sync + 'static,
    ) -> Result<Vec<U>, MapError>
    where
        A: Send + Sync + 'static,
        U: Send + 'static,
    {
        let Some(deadline) = Instant::now().checked_add(limit) else {
            return self.map(&items, None, |item| Ok(body(item)));
        };
        let count = items.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let workers = self.lock().crew.size.max;
        let ranges: Vec<_> = pieces(count, workers).collect();
        let mapping = Arc::new(Mapping::new(ranges.len()));
        let work = Arc::new((items, body));
        for range in ranges {
            let piece = Piece {
                shared: Arc::clone(self),
                mapping: Arc::clone(&mapping),
            };
            let work = Arc::clone(&work);
            let task = Closure(move || {
                let (items, body) = &*work;
                piece
                    .mapping
                    .run(&piece.shared, range, |index| Ok(body(&items[index])));
            });
            let patience = Patience::Until(Some(deadline));
            match self.admit(task, Priority::NORMAL, patience) {
                Ok(()) => {}
                Err(Refused {
                    reason: RejectReason::Full { waited, .. },
                    ..
                }) if !waited.is_zero() => break, // the time is over
                Err(refused) => {
                    mapping.end.store(0, Relaxed);
                    return Err(MapError::Rejected {
                        reason: refused.reason,
                    });
                }
            }
        }
        let ended = waiting::wait(None, Some(deadline), |waker| {
            let mut collected = mapping.collected.lock();
            if collected.open == 0 {
                return Some(());
            }
            collected.waker = Some(waker.clone());
            None
        });
        let ended = ended.unwrap_or(None); // without a subject it cannot err
        let mut collected = mapping.collected.lock();
        if ended.is_some() {
            return collected.finish(self, count);
        }
        mapping.end.store(0, Relaxed); // nobody wants the rest
        let unfinished = collected.unfinished(count);
        Err(MapError::TimedOut {
            pool: Arc::clone(&self.name),
            limit,
            unfinished,
        })
    }
}

/// Says that a piece has ended, when it ran and when it was dropped unrun.
struct Piece<U, E> {
    shared: Arc<Shared>,
    mapping: Arc<Mapping<U, E>>,
}

impl<U, E> Drop for Piece<U, E> {
    fn drop(&mut self) {
        let mut collected = self.mapping.collected.lock();
        collected.open -= 1;
        let waker = if collected.open == 0 {
            collected.waker.take()
        } else {
            None
        };
        drop(collected);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
