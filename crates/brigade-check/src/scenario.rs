//! Which operations run on which thread, on what, and what came of it.

use std::fmt::Debug;
#[cfg(feature = "explore")]
use std::hash::{DefaultHasher, Hasher};

use crate::history::Call;
use crate::report::Passed;

/// The operations of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scenario<O> {
    /// Done one by one before the threads start.
    pub(crate) before: Vec<O>,
    /// Done at once, by a thread each.
    pub(crate) threads: Vec<Vec<O>>,
    /// Done one by one after the threads have ended.
    pub(crate) after: Vec<O>,
}

impl<O: Clone + Debug> Scenario<O> {
    pub(crate) fn operations(&self) -> usize {
        self.lanes().map(Vec::len).sum()
    }

    fn lanes(&self) -> impl Iterator<Item = &Vec<O>> {
        std::iter::once(&self.before)
            .chain(&self.threads)
            .chain(std::iter::once(&self.after))
    }

    fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Vec<O>> {
        std::iter::once(&mut self.before)
            .chain(&mut self.threads)
            .chain(std::iter::once(&mut self.after))
    }

    /// Only the operations that `kept` says, counted lane by lane; threads left with nothing are dropped.
    pub(crate) fn part(&self, kept: &[bool]) -> Self {
        let mut part = self.clone();
        let mut kept = kept.iter();
        for lane in part.lanes_mut() {
            lane.retain(|_| kept.next().copied().unwrap_or(false));
        }
        part.threads.retain(|thread| !thread.is_empty());
        part
    }

    /// A part for [`part`](Self::part): the first operations of the threads, so many of each, and all before and after.
    #[cfg(feature = "explore")]
    pub(crate) fn beginnings(&self, lengths: &[usize]) -> Vec<bool> {
        let mut kept = vec![true; self.before.len()];
        for (thread, operations) in self.threads.iter().enumerate() {
            let length = lengths.get(thread).copied().unwrap_or(0);
            kept.extend((0..operations.len()).map(|place| place < length));
        }
        kept.resize(self.operations(), true);
        kept
    }

    /// The same with other operations on its threads, counted thread by thread.
    #[cfg(feature = "proptest")]
    pub(crate) fn with_values(&self, values: Vec<O>) -> Self {
        let mut other = self.clone();
        for (operation, value) in other.threads.iter_mut().flatten().zip(values) {
            *operation = value;
        }
        other
    }

    /// In how many orders the threads' operations can come, each as a whole.
    #[cfg(feature = "explore")]
    pub(crate) fn orders(&self) -> usize {
        let (mut orders, mut placed) = (1_usize, 0);
        for thread in &self.threads {
            for place in 1..=thread.len() {
                placed += 1;
                // Exact at each step: these are binomial coefficients.
                orders = orders.saturating_mul(placed) / place;
            }
        }
        orders
    }

    /// The places of each thread's operations in the `kept` of [`part`](Self::part).
    pub(crate) fn thread_places(&self) -> Vec<std::ops::Range<usize>> {
        let mut start = self.before.len();
        let range = |thread: &Vec<O>| {
            let range = start..start + thread.len();
            start = range.end;
            range
        };
        self.threads.iter().map(range).collect()
    }

    /// A number by which a token knows that it is about this scenario.
    #[cfg(feature = "explore")]
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(format!("{self:?}").as_bytes());
        hasher.finish()
    }
}

type Make<T> = Box<dyn Fn() -> T + Send + Sync>;
type Apply<T, O, R> = Box<dyn Fn(&T, &O) -> R + Send + Sync>;
type Finish<T> = Box<dyn Fn(T) -> Result<(), String> + Send + Sync>;

/// The thing under test: how it is made, used, and looked at in the end.
pub(crate) struct Subject<T, O, R> {
    pub(crate) make: Make<T>,
    pub(crate) apply: Apply<T, O, R>,
    pub(crate) finish: Finish<T>,
}

/// Of a run that does not end though no operation is under way.
const NO_OPERATION: &str = "No thread is in an operation: what hangs is the making of the thing, the look at \
    it in the end, or its Drop";

/// What did not end, with what each thread is at, or that none is at anything.
pub(crate) fn list(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("{what}. {NO_OPERATION}");
    }
    let mut text = format!("{what}:");
    for line in lines {
        text += "\n  ";
        text += line;
    }
    text
}

/// One run of a scenario.
#[derive(Debug, Clone)]
pub(crate) struct Run<O, R> {
    /// In order of invocation. Thread 0 is who prepared the thing and looked at it afterwards.
    pub(crate) calls: Vec<Call<O, R>>,
    /// The points that threads passed, where that is known.
    pub(crate) points: Vec<Passed>,
    pub(crate) ending: Ending,
    /// Whether an operation started a thread, as far as one can tell.
    pub(crate) spawned: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    /// The message of the panic, and in which operation.
    Panicked(String),
    /// No thread can go on; what each is at.
    #[cfg(feature = "explore")]
    Deadlocked(Vec<String>),
    /// Given up after so many steps; what each thread is at.
    #[cfg(feature = "explore")]
    Livelocked(usize, Vec<String>),
    /// A thread did not end within the limit; what each was at.
    Hung(std::time::Duration, Vec<String>),
    /// What the look at the thing found in the end.
    Broken(String),
}

#[cfg(all(test, feature = "explore"))]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted() {
        let orders = |lengths: &[usize]| {
            let threads = lengths.iter().map(|&length| vec![(); length]);
            let scenario = Scenario {
                before: vec![()],
                threads: threads.collect(),
                after: Vec::new(),
            };
            scenario.orders()
        };
        let counted = [&[][..], &[3], &[1, 1], &[3, 1], &[3, 3], &[2, 2, 2]].map(orders);
        assert_eq!(counted, [1, 1, 2, 4, 20, 90]);
        assert!(orders(&[40, 40, 40]) > 1_000_000);
    }
}
