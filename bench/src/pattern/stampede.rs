//! Many threads that want one value nobody has computed yet.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::quiet;
use crate::spin::Spin;
use crate::statistics::median;
use crate::together;

use super::keyed::ComputesOnce;

/// One operation: from the moment at which the first of the threads asks until the last one has the value.
///
/// All threads exist before; a barrier holds them back before each of the `stampedes`, which are for one key each.
/// The sample is the stampede in the middle.
pub(super) fn measure<M: ComputesOnce>(threads: usize, stampedes: u64, work: Spin) -> Vec<f64> {
    let map = M::new();
    let (ready, computed) = (Barrier::new(threads), AtomicU64::new(0));
    let times = together::run(threads, |_| {
        let ask = |key| {
            ready.wait();
            let began = Instant::now();
            let value = map.get(key, || {
                computed.fetch_add(1, Relaxed);
                work.run();
                key * key
            });
            let ended = Instant::now();
            assert_eq!(value, key * key);
            (began, ended)
        };
        (0..stampedes).map(ask).collect::<Vec<_>>()
    });
    quiet::wait();
    assert_eq!(
        computed.into_inner(),
        stampedes,
        "each value is computed once"
    );
    let span = |stampede: usize| {
        let of_threads: Vec<_> = times.iter().map(|times| times[stampede]).collect();
        together::span(&of_threads).as_nanos() as f64
    };
    let spans: Vec<_> = (0..stampedes as usize).map(span).collect();
    vec![median(&spans)]
}
