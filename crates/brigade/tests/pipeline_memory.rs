//! A long source needs no more memory than a short one. Alone in its process, for that is what is measured.
#![cfg(all(target_os = "linux", not(any(loom, shuttle))))]

mod watchdog;

use std::fs::read_to_string;

use brigade::pipeline;
use watchdog::without_hanging;

/// Many small items, or, without optimisation, fewer large ones: hundreds of megabytes either way.
const ITEMS: usize = if cfg!(debug_assertions) {
    200_000
} else {
    10_000_000
};
const BYTES: usize = if cfg!(debug_assertions) { 1_024 } else { 24 };

/// The most memory this process has used, in kibibytes.
fn peak_memory() -> usize {
    let status = read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

#[test]
fn a_long_source_passes_in_less_than_32_mebibytes() {
    without_hanging(|| {
        let (mut count, mut next) = (0, 0);
        pipeline::source(0..ITEMS)
            .buffer(256)
            .map(2, |number| vec![number as u8; BYTES])
            .buffer(256)
            .map_ordered(2, |item| item)
            .buffer(256)
            .for_each(|item| {
                count += 1;
                next += item.len();
            })
            .unwrap();
        assert_eq!((count, next), (ITEMS, ITEMS * BYTES));
        let peak = peak_memory();
        assert!(peak < 32 * 1_024, "{peak} KiB");
    });
}
