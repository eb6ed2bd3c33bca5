//! Every schedule once, those with few preemptions first.

use std::collections::VecDeque;
use std::sync::Arc;

use super::strategy::{Chooser, Leaving};

/// Iterative context bounding: a schedule that has been run is followed by those that differ from it in one later
/// choice, and all with one preemption are run before any with two.
///
/// Musuvathi & Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", 2007.
pub(crate) struct Exhaustive {
    /// Of schedules that have not been run, by how many preemptions they begin with. Each schedule has exactly one
    /// beginning after which it makes the first choice everywhere.
    open: Vec<VecDeque<Beginning>>,
    /// How many there are in all of `open`.
    waiting: usize,
    most_waiting: usize,
    /// That of the run under way.
    beginning: Beginning,
    /// The choices of the run under way.
    forks: Vec<Fork>,
    /// Schedules with more preemptions are left for later.
    limit: usize,
    counted: Counted,
    begun: bool,
    exhausted: bool,
}

/// The first `length` choices of a run, and then another one than it made.
#[derive(Clone)]
struct Beginning {
    run: Arc<[u8]>,
    length: usize,
    then: u8,
}

struct Fork {
    choice: u8,
    of: u8,
    /// Whether any choice but the first is a preemption.
    preempts: bool,
}

/// With more beginnings than that, those with the most preemptions are dealt with first: fewer follow them.
const MOST_WAITING: usize = 1 << 18;

/// What counts as a preemption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// A switch amid an operation. All orders of whole operations come first, which of many are very many.
    Amid,
    /// A switch between two operations, too.
    All,
}

impl Exhaustive {
    pub(crate) fn new(counted: Counted) -> Self {
        Self::up_to(usize::MAX, counted)
    }

    /// Only schedules with at most so many preemptions.
    pub(crate) fn up_to(limit: usize, counted: Counted) -> Self {
        Self {
            counted,
            open: Vec::new(),
            waiting: 0,
            most_waiting: MOST_WAITING,
            beginning: Beginning {
                run: Arc::new([]),
                length: usize::MAX,
                then: 0,
            },
            forks: Vec::new(),
            limit,
            begun: false,
            exhausted: false,
        }
    }

    /// Goes on where it ended, with more preemptions.
    pub(crate) fn raise(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds the beginnings that follow from the run that has ended.
    fn branch(&mut self) {
        let run: Arc<[u8]> = self.forks.iter().map(|fork| fork.choice).collect();
        // Where the run began by itself: at the start, or after the choice that made it another one.
        let own = self.beginning.length.wrapping_add(1);
        let mut preemptions = 0;
        for (length, fork) in self.forks.drain(..).enumerate() {
            if length >= own {
                let cost = preemptions + usize::from(fork.preempts);
                if self.open.len() <= cost {
                    self.open.resize_with(cost + 1, VecDeque::new);
                }
                self.open[cost].extend((1..fork.of).map(|then| Beginning {
                    run: Arc::clone(&run),
                    length,
                    then,
                }));
                self.waiting += usize::from(fork.of - 1);
            }
            preemptions += usize::from(fork.preempts && fork.choice > 0);
        }
    }

    fn next(&mut self) -> Option<Beginning> {
        let within = self.open.len().min(self.limit.saturating_add(1));
        let mut levels = self.open[..within].iter_mut();
        let next = if self.waiting > self.most_waiting {
            levels.rev().find_map(VecDeque::pop_back)
        } else {
            levels.find_map(VecDeque::pop_front)
        };
        self.waiting -= usize::from(next.is_some());
        next
    }
}

impl Chooser for Exhaustive {
    fn begin(&mut self) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        self.branch();
        match self.next() {
            Some(beginning) => {
                self.beginning = beginning;
                true
            }
            None => {
                self.exhausted = self.waiting == 0;
                false
            }
        }
    }

    fn choose(&mut self, candidates: &[usize], leaving: Leaving) -> usize {
        let Beginning { run, length, then } = &self.beginning;
        let at = self.forks.len();
        let wanted = match at.cmp(length) {
            std::cmp::Ordering::Less => run.get(at).copied().unwrap_or(0),
            std::cmp::Ordering::Equal => *then,
            std::cmp::Ordering::Greater => 0,
        };
        // Fewer candidates than when this beginning was seen: the code under test is not deterministic.
        let of = candidates.len() as u8;
        let choice = wanted.min(of - 1);
        self.forks.push(Fork {
            choice,
            of,
            preempts: match leaving {
                Leaving::Waiting => false,
                Leaving::Between => self.counted == Counted::All,
                // Else those that only spin could be run in turn for ever, at no cost.
                Leaving::Spinning | Leaving::Amid => true,
            },
        });
        usize::from(choice)
    }

    fn is_exhausted(&self) -> bool {
        self.exhausted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Two threads of so many steps each, and a pause of the first after `pause` of them: which thread took each step,
    /// and how often one was preempted.
    fn run(chooser: &mut Exhaustive, steps: usize, pause: usize) -> (Vec<usize>, usize) {
        let mut left = [steps; 2];
        let (mut order, mut preemptions) = (Vec::new(), 0);
        let mut current = None;
        while left != [0, 0] {
            let mut candidates: Vec<usize> = (0..2).filter(|&thread| left[thread] > 0).collect();
            candidates.sort_by_key(|&thread| Some(thread) != current);
            let leaving = match current {
                Some(0) if left[0] > 0 && left[0] == steps - pause => Leaving::Between,
                Some(thread) if left[thread] > 0 => Leaving::Amid,
                _ => Leaving::Waiting,
            };
            let choice = match candidates.len() {
                1 => 0,
                _ => chooser.choose(&candidates, leaving),
            };
            preemptions += usize::from(leaving == Leaving::Amid && choice > 0);
            let thread = candidates[choice];
            current = Some(thread);
            left[thread] -= 1;
            order.push(thread);
        }
        (order, preemptions)
    }

    #[test]
    fn every_schedule_is_run_once_and_those_with_few_preemptions_first() {
        let mut chooser = Exhaustive::new(Counted::Amid);
        let (mut seen, mut most) = (BTreeSet::new(), 0);
        while chooser.begin() {
            let (order, preemptions) = run(&mut chooser, 4, 2);
            assert!(preemptions >= most, "{order:?}");
            most = preemptions;
            assert!(seen.insert(order));
        }
        // Of 8 steps, any 4 are the first thread's.
        assert_eq!(seen.len(), 70);
        assert!(chooser.is_exhausted());
    }

    #[test]
    fn a_limit_leaves_the_rest_for_later() {
        let mut chooser = Exhaustive::up_to(0, Counted::All);
        let mut seen = BTreeSet::new();
        let mut runs = Vec::new();
        for limit in 0..8 {
            chooser.raise(limit);
            while chooser.begin() {
                assert!(seen.insert(run(&mut chooser, 3, 1).0));
            }
            runs.push(seen.len());
            assert_eq!(chooser.is_exhausted(), seen.len() == 20, "{runs:?}");
        }
        // Without any, one of the two comes first; with one, it is left at one of two places.
        assert_eq!(runs[..2], [2, 6]);
        assert_eq!(runs.last(), Some(&20));
    }

    #[test]
    fn with_too_many_waiting_it_is_still_every_schedule_once() {
        let mut chooser = Exhaustive::new(Counted::All);
        let mut seen = BTreeSet::new();
        while chooser.begin() {
            // As if there were no more room from here on.
            chooser.most_waiting = 8;
            assert!(seen.insert(run(&mut chooser, 4, 1).0));
            assert!(chooser.waiting < 40, "{}", chooser.waiting);
        }
        assert_eq!(seen.len(), 70);
    }
}
