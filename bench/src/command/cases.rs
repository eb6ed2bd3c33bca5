//! The cases: their stable names, their numbers, and who takes part.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;

use crate::REFERENCE;
use crate::arguments::Arguments;
use crate::round::{Case, Contestant, Unit};
use crate::statistics::median;

use super::binary;
use super::peak;
use super::systems::{self, BRIGADE, LINE, PARALLEL, XARGS};

/// How often `true` is run.
const RUNS: usize = 2000;

/// All cases of the family.
///
/// # Errors
/// A message, if there is no `brigade` to measure.
pub fn all(arguments: &Arguments) -> Result<Vec<Case>, String> {
    let brigade = binary::find()?;
    let input = |lines| {
        Input::new(lines).map_err(|error| format!("no file for the input can be made: {error}"))
    };
    let (many, one) = (Rc::new(input(RUNS)?), Rc::new(input(1)?));
    let starts = if arguments.quick { 10 } else { 40 };
    let bare = |measure: fn() -> Duration, runs, times| {
        Contestant::new(
            "spawn-limit",
            Box::new(move || middle(times, runs, measure)),
        )
    };
    let mut throughput = on_files(&brigade, &many, RUNS, 1);
    throughput.push(bare(|| systems::bare(RUNS, 2), RUNS, 1));
    let mut startup = on_files(&brigade, &one, 1, starts);
    startup.push(bare(|| systems::bare(1, 1), 1, starts));
    let memory = Contestant::new(REFERENCE, Box::new(move || peak::measure(&brigade, RUNS)));
    Ok(vec![
        Case::new("true-2000-j2", throughput),
        Case::new("startup", startup),
        Case {
            unit: Unit::Bytes,
            rounds: Some(3),
            ..Case::new("memory-true-2000", vec![memory])
        },
    ])
}

/// What is said below the table.
pub fn notes() -> String {
    match systems::gnu_parallel() {
        Some(_) => String::new(),
        None => "\nGNU parallel is not installed and left out.\n".to_owned(),
    }
}

/// The programs that are installed, on the lines of a file.
fn on_files(brigade: &Path, input: &Rc<Input>, runs: usize, times: usize) -> Vec<Contestant> {
    let programs = [
        (REFERENCE, Some(brigade.to_owned()), BRIGADE),
        ("xargs", systems::installed("xargs"), XARGS),
        ("parallel", systems::gnu_parallel(), PARALLEL),
    ];
    let contestant = |(system, program, words): (_, Option<PathBuf>, _)| {
        let mut command: Command = systems::command(&program?, words);
        let input = Rc::clone(input);
        let measure = move || middle(times, runs, || systems::run(&mut command, &input.path));
        Some(Contestant::new(system, Box::new(measure)))
    };
    programs.into_iter().filter_map(contestant).collect()
}

/// The nanoseconds of one of so many runs, in the middle one of `times` measurements.
fn middle(times: usize, runs: usize, mut measure: impl FnMut() -> Duration) -> Vec<f64> {
    let samples: Vec<_> = (0..times)
        .map(|_| measure().as_nanos() as f64 / runs as f64)
        .collect();
    vec![median(&samples)]
}

/// A file of such lines, which goes away with its last user.
struct Input {
    path: PathBuf,
    _folder: TempDir,
}

impl Input {
    fn new(lines: usize) -> std::io::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path().join("lines");
        fs::write(&path, LINE.repeat(lines))?;
        Ok(Self {
            path,
            _folder: folder,
        })
    }
}
