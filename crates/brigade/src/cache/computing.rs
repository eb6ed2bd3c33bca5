//! What this thread computes: so that a computation that waits for itself is found out.

use std::cell::RefCell;

use crate::lock::duty::Duty;
use crate::lock::{Access, Acquisition, FindingKind, Report, Step};
use crate::primitive::thread_local;
use crate::waiting::Undisturbed;

#[derive(Default)]
struct Stack {
    /// The flights that this thread computes, the innermost last: one computation may ask for another value.
    flights: Vec<usize>,
    /// The duty that stands for them has begun.
    has_duty: bool,
}

thread_local! {
    static STACK: RefCell<Stack> = RefCell::new(Stack::default());
}

fn with_stack<T>(look: impl FnOnce(&mut Stack) -> T) -> Option<T> {
    // At the very end of a thread its thread-locals are gone: what is computed then is not recorded.
    STACK.try_with(|stack| look(&mut stack.borrow_mut())).ok()
}

/// While this lives, this thread computes. To be dropped on the same thread, the last one first, or several at once.
pub(super) struct Computing {
    ends_duty: bool,
    _duty: Option<Duty>,
    _undisturbed: Undisturbed,
}

impl Computing {
    /// This thread computes the flight with this address, from the beginning to the end.
    ///
    /// All such computations of a thread are one duty, that of the outermost: until it ends none of the inner ones can be
    /// waited for in vain, and duties, for which there is little room, do not become many by deep recursion.
    pub(super) fn begin(flight: usize) -> Self {
        let is_outermost = with_stack(|stack| {
            stack.flights.push(flight);
            !std::mem::replace(&mut stack.has_duty, true)
        });
        let is_outermost = is_outermost.unwrap_or(false);
        let duty = is_outermost.then(this_thread).flatten();
        Self {
            ends_duty: is_outermost,
            _duty: duty.map(Duty::begin),
            _undisturbed: Undisturbed::begin(),
        }
    }

    /// This thread polls the future that computes the flight with this address.
    pub(super) fn poll(flight: usize) -> Self {
        with_stack(|stack| stack.flights.push(flight));
        Self {
            ends_duty: false,
            _duty: Some(Duty::begin(flight)),
            _undisturbed: Undisturbed::begin(),
        }
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        with_stack(|stack| {
            stack.flights.pop();
            stack.has_duty &= !self.ends_duty;
        });
    }
}

/// The duty that stands for all that this thread computes; `None` at the very end of a thread.
pub(super) fn this_thread() -> Option<usize> {
    STACK
        .try_with(|stack| std::ptr::from_ref(stack).addr())
        .ok()
}

/// The innermost flight that this thread computes.
pub(super) fn innermost() -> Option<usize> {
    with_stack(|stack| stack.flights.last().copied()).flatten()
}

/// Errs if this thread is computing the flight with this address. The wait graph finds that too, but knows no
/// more than so many duties of a thread.
pub(super) fn check_recursion(flight: usize, name: &str) -> Result<(), Box<Report>> {
    if with_stack(|stack| stack.flights.contains(&flight)).unwrap_or(false) {
        return Err(cycle_of([name]));
    }
    Ok(())
}

/// The report of a cycle of computations of which each waits for the next.
pub(super) fn cycle_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Box<Report> {
    let thread = std::thread::current();
    let thread = thread
        .name()
        .map_or_else(|| format!("{:?}", thread.id()), str::to_owned);
    let names: Vec<_> = names.into_iter().map(key_of).collect();
    let before = names.iter().cycle().skip(names.len().saturating_sub(1));
    let steps = names.iter().zip(before).map(|(wants, holds)| Step {
        thread: thread.clone(),
        holds: Acquisition::of_other(holds, Access::Completion),
        wants: Acquisition::of_other(wants, Access::Completion),
        backtrace: None,
    });
    Box::new(Report::new(FindingKind::Deadlock, steps.collect()))
}

/// How reports call a key of the map with this name.
pub(super) fn key_of(name: &str) -> String {
    format!("a key of `{name}`")
}
