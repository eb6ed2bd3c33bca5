//! Smaller scenarios that still fail.

use std::ops::Range;

/// Drops whatever can be dropped so that it still fails: whole threads first, then single operations, then two at a
/// time (a push and its pop, say), until nothing more goes.
///
/// Delta debugging after Zeller & Hildebrandt, 2002, cut down to what is small already.
pub(crate) struct Minimiser {
    /// Which operations the smallest failing scenario so far has.
    kept: Vec<bool>,
    /// Where each thread's are.
    threads: Vec<Range<usize>>,
    candidates: std::vec::IntoIter<Vec<bool>>,
}

impl Minimiser {
    pub(crate) fn new(kept: Vec<bool>, threads: Vec<Range<usize>>) -> Self {
        Self {
            candidates: candidates(&kept, &threads).into_iter(),
            kept,
            threads,
        }
    }

    /// A smaller scenario to be tried; none if all were.
    pub(crate) fn next(&mut self) -> Option<Vec<bool>> {
        self.candidates.next()
    }

    /// Whether `smaller` lacks more than one operation of the smallest so far.
    pub(crate) fn drops_several(&self, smaller: &[bool]) -> bool {
        let dropped = self.kept.iter().zip(smaller).filter(|(was, is)| was != is);
        dropped.count() > 1
    }

    /// `smaller` still fails.
    pub(crate) fn fails(&mut self, smaller: Vec<bool>) {
        self.candidates = candidates(&smaller, &self.threads).into_iter();
        self.kept = smaller;
    }

    pub(crate) fn smallest(self) -> Vec<bool> {
        self.kept
    }
}

/// What could be tried next, the boldest first. None without any operation on a thread.
fn candidates(kept: &[bool], threads: &[Range<usize>]) -> Vec<Vec<bool>> {
    let mut places: Vec<usize> = (0..kept.len()).filter(|&place| kept[place]).rev().collect();
    // What is done before or after the threads is the last to go: it is easier to understand than what they do at once.
    places.sort_by_key(|place| !threads.iter().any(|thread| thread.contains(place)));
    let without = |dropped: &[usize]| {
        let mut smaller = kept.to_vec();
        for &place in dropped {
            smaller[place] = false;
        }
        smaller
    };
    let mut candidates = Vec::new();
    for thread in threads.iter().rev() {
        let dropped: Vec<usize> = thread.clone().filter(|&place| kept[place]).collect();
        if dropped.len() > 1 {
            candidates.push(without(&dropped));
        }
    }
    for &place in &places {
        candidates.push(without(&[place]));
    }
    if places.len() <= MOST_FOR_PAIRS {
        for (index, &second) in places.iter().enumerate() {
            for &first in &places[..index] {
                candidates.push(without(&[first, second]));
            }
        }
    }
    let runs_something = |kept: &Vec<bool>| {
        threads
            .iter()
            .any(|thread| kept[thread.clone()].contains(&true))
    };
    candidates.retain(runs_something);
    candidates
}

/// With more operations than that there are too many pairs of them.
const MOST_FOR_PAIRS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn minimise(
        operations: usize,
        threads: &[Range<usize>],
        fails: impl Fn(&[bool]) -> bool,
    ) -> Vec<usize> {
        let mut minimiser = Minimiser::new(vec![true; operations], threads.to_vec());
        while let Some(smaller) = minimiser.next() {
            if fails(&smaller) {
                minimiser.fails(smaller);
            }
        }
        let kept = minimiser.smallest();
        (0..operations).filter(|&place| kept[place]).collect()
    }

    #[test]
    fn what_is_needed_remains_and_nothing_else() {
        let needs = |kept: &[bool]| kept[1] && kept[6];
        assert_eq!(minimise(10, &[0..4, 4..7, 7..10], needs), [1, 6]);
    }

    #[test]
    fn two_that_only_go_together_go() {
        let paired = |kept: &[bool]| kept[0] && kept[1] == kept[2];
        assert_eq!(minimise(3, &[0..2, 2..3], paired), [0]);
    }
}
