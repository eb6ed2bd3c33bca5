//! Smaller scenarios that still fail.

use std::ops::Range;
use std::time::Instant;

/// Drops whatever can be dropped so that `fails` still finds something: whole threads first, then single operations,
/// then two at a time (a push and its pop, say), until nothing more goes or the time is over.
///
/// `kept` says which operations the failing scenario has, `threads` where each thread's are. Returns the smallest
/// and what was found there. Delta debugging after Zeller & Hildebrandt, 2002, cut down to what is small already.
pub(crate) fn minimise<F>(
    mut kept: Vec<bool>,
    mut found: F,
    threads: &[Range<usize>],
    deadline: Instant,
    mut fails: impl FnMut(&[bool]) -> Option<F>,
) -> (Vec<bool>, F) {
    loop {
        let smaller = candidates(&kept, threads).into_iter().find_map(|smaller| {
            let over = Instant::now() >= deadline;
            let found = if over { None } else { fails(&smaller) };
            found.map(|found| (smaller, found))
        });
        match smaller {
            Some(smaller) => (kept, found) = smaller,
            None => return (kept, found),
        }
    }
}

/// What could be tried next, the boldest first. None without any operation on a thread.
fn candidates(kept: &[bool], threads: &[Range<usize>]) -> Vec<Vec<bool>> {
    let places: Vec<usize> = (0..kept.len()).filter(|&place| kept[place]).collect();
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
    for &place in places.iter().rev() {
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_needed_remains_and_nothing_else() {
        let later = Instant::now() + Duration::from_secs(60);
        let needs = |kept: &[bool]| (kept[1] && kept[6]).then_some(());
        let (kept, ()) = minimise(vec![true; 10], (), &[0..4, 4..7, 7..10], later, needs);
        let places: Vec<usize> = (0..10).filter(|&place| kept[place]).collect();
        assert_eq!(places, [1, 6]);
    }

    #[test]
    fn two_that_only_go_together_go() {
        let later = Instant::now() + Duration::from_secs(60);
        let paired = |kept: &[bool]| (kept[0] && kept[1] == kept[2]).then_some(());
        let (kept, ()) = minimise(vec![true; 3], (), &[0..2, 2..3], later, paired);
        assert_eq!(kept, [true, false, false]);
    }
}
