//! Factors of numbers, kept for those that are asked for most. Run it with `--features cache`.
//!
//! What it shows: the cache never has more entries than it was built for; of several callers that miss one key one
//! loads it; `get_many` loads all that are missing by one call.

use std::error::Error;
use std::thread;
use std::time::Duration;

use brigade::Cache;

fn factors(mut number: u64) -> Vec<u64> {
    let mut factors = Vec::new();
    for candidate in 2.. {
        if candidate * candidate > number {
            break;
        }
        while number.is_multiple_of(candidate) {
            factors.push(candidate);
            number /= candidate;
        }
    }
    factors.extend((number > 1).then_some(number));
    factors
}

fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::builder("factors")
        .capacity(100)
        .time_to_live(Duration::from_secs(60))
        .build()?;
    let look_up = |number| cache.get_or_compute(number, |number| factors(*number));

    // Everybody wants the same number at once. It is computed once.
    thread::scope(|scope| {
        let callers = [(); 8].map(|()| scope.spawn(|| look_up(999_983 * 1_000_003)));
        for caller in callers {
            assert_eq!(caller.join().unwrap().unwrap(), [999_983, 1_000_003]);
        }
    });
    assert_eq!(cache.metrics().loads, 1);

    for number in 1..=1_000 {
        look_up(number)?;
        assert!(cache.len() <= 100);
    }

    let answers = cache.get_many([30_030, 1 << 20], |missing| {
        println!("to be factored at once: {missing:?}");
        let pair = |number: &u64| (*number, factors(*number));
        Ok(missing.iter().map(pair).collect())
    })?;
    assert_eq!(answers[0], Some(vec![2, 3, 5, 7, 11, 13]));
    println!("{}", cache.metrics());
    Ok(())
}
