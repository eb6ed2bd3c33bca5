//! Five philosophers each take the fork on their left, and then want the one on their right.
//!
//! What it shows: the wait that would close the cycle fails, with the whole cycle written out; the others go on. Nobody
//! hangs, and nobody has to wait for a timeout.

use std::error::Error;
use std::sync::Barrier;
use std::thread;

use brigade::lock::{self, Action, LockError, Mutex, lock_all};

const NAMES: [&str; 5] = ["Plato", "Hypatia", "Kant", "Arendt", "Russell"];

type Fork = Mutex<u32>; // how many meals it has seen

/// Eats with both forks, or says why not and puts the first one down.
fn dine(left: &Fork, right: &Fork, all_have_one: &Barrier) -> Result<(), LockError> {
    let mut left = left.lock();
    all_have_one.wait(); // the worst moment, made certain
    let mut right = right.lock_checked()?; // `lock` would panic with the report
    *left += 1;
    *right += 1;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    // That their order is wrong is known even before anybody waits. Here we let it come to that.
    lock::on_finding(Action::Call(Box::new(|report| {
        assert!(report.kind().is_predicted());
    })))?;
    let forks = [1, 2, 3, 4, 5].map(|number| Mutex::named(&format!("fork {number}"), 0));
    let (forks, all_have_one) = (&forks, &Barrier::new(5));

    let ends = thread::scope(|scope| {
        let sit_down = |seat: usize| {
            let thread = thread::Builder::new().name(NAMES[seat].to_owned());
            let meal = move || dine(&forks[seat], &forks[(seat + 1) % 5], all_have_one);
            thread.spawn_scoped(scope, meal).unwrap()
        };
        let philosophers = [0, 1, 2, 3, 4].map(sit_down);
        philosophers.map(|philosopher| philosopher.join().unwrap())
    });

    let hungry: Vec<usize> = (0..5).filter(|seat| ends[*seat].is_err()).collect();
    let [seat] = hungry[..] else {
        unreachable!("one gives way, and that is enough: {ends:?}");
    };
    let Err(LockError::Deadlock(report)) = &ends[seat] else {
        unreachable!("nobody gave it a time: {ends:?}");
    };
    println!("{report}");
    assert_eq!(report.steps().len(), 5);

    let (mut left, mut right) = lock_all((&forks[seat], &forks[(seat + 1) % 5]))?; // in no order
    *left += 1;
    *right += 1;
    drop((left, right));
    assert!(forks.iter().all(|fork| *fork.lock() == 2), "all have eaten");
    Ok(())
}
