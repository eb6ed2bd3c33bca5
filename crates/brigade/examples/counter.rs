//! Four threads count the letters of this crate's sources in the same 26 counters.
//!
//! What it shows: no addition is lost, and no thread waits for another: each adds to a cache line of its own.

use std::error::Error;
use std::path::PathBuf;
use std::{fs, thread};

use brigade::{Counter, Gauge};

static LETTERS: [Counter; 26] = [const { Counter::new() }; 26];
static OPEN_FILES: Gauge = Gauge::new();

fn letters(file: &PathBuf) -> Vec<usize> {
    let text = fs::read_to_string(file).unwrap().to_ascii_lowercase();
    let letters = text.bytes().filter(u8::is_ascii_lowercase);
    letters.map(|byte| usize::from(byte - b'a')).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/pipeline"))?;
    let files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();

    thread::scope(|scope| {
        let count = |files| {
            for file in files {
                OPEN_FILES.add(1);
                for letter in letters(file) {
                    LETTERS[letter].increment();
                }
                OPEN_FILES.subtract(1);
            }
        };
        let shares = files.chunks(files.len().div_ceil(4));
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || count(share)))
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });

    let mut one_by_one = [0_u64; 26];
    files
        .iter()
        .flat_map(letters)
        .for_each(|letter| one_by_one[letter] += 1);
    let sums = LETTERS.each_ref().map(Counter::sum);
    assert_eq!(sums, one_by_one);
    assert_eq!(OPEN_FILES.sum(), 0);

    let most = sums.iter().max().unwrap_or(&1);
    for (letter, sum) in ('a'..='z').zip(sums) {
        println!(
            "{letter} {sum:>6} {}",
            "#".repeat((sum * 50 / most) as usize)
        );
    }
    Ok(())
}
