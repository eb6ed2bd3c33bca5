//! `brigade lab`: each pattern beside its broken twin, run here and now.
//!
//! An experiment (`experiment.rs`, `experiments/`) runs and returns its outcome (`outcome.rs`): figures, a picture
//! (`picture.rs`) and what was seen. Outcomes are shown as text (`text.rs`, `characters.rs`), drawn (`svg.rs`) or
//! printed as JSON; the three know nothing of any experiment.

mod characters;
mod error;
mod experiment;
mod experiments;
mod level;
mod outcome;
mod picture;
mod svg;
mod text;
mod together;

use std::io::{self, Write};

use anstream::AutoStream;
use serde::Serialize;

use crate::arguments::LabArguments;
use crate::stdout;

use self::error::LabError;
use self::experiment::{Experiment, Setting};
pub(crate) use self::experiments::EXPERIMENTS;
use self::outcome::Outcome;
use self::picture::Picture;

/// The name that stands for every experiment.
pub(crate) const ALL: &str = "all";

/// Exit code: something was not seen as expected.
const NOT_AS_EXPECTED: u8 = 1;

/// An experiment that has been run.
#[derive(Serialize)]
struct Finished {
    #[serde(flatten)]
    experiment: &'static Experiment,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Runs the experiments, or lists them, and returns the exit code.
///
/// # Errors
/// [`LabError`] if what was found cannot be written.
pub(crate) fn lab(arguments: &LabArguments) -> Result<u8, LabError> {
    match list_or_run(arguments) {
        Err(LabError::Output(error)) => stdout::end(error).map_err(LabError::Output),
        other => other,
    }
}

fn list_or_run(arguments: &LabArguments) -> Result<u8, LabError> {
    let mut output = AutoStream::auto(io::stdout());
    if arguments.experiments.is_empty() {
        if arguments.json {
            for experiment in EXPERIMENTS {
                print_json(&mut output, experiment)?;
            }
        } else {
            text::list(&mut output).map_err(LabError::Output)?;
        }
        return Ok(0);
    }
    let drawing = arguments
        .svg
        .as_deref()
        .map(svg::File::create)
        .transpose()?;
    let all_finished = run_all(arguments, &mut output)?;
    if let Some(drawing) = drawing {
        let pictures = all_finished
            .iter()
            .map(|finished| &finished.outcome.picture);
        drawing.write(&pictures.collect::<Vec<&Picture>>())?;
    }
    let as_expected = all_finished
        .iter()
        .all(|finished| finished.outcome.verdict.as_expected);
    Ok(if as_expected { 0 } else { NOT_AS_EXPECTED })
}

/// Runs what was asked for, and shows each outcome as soon as it is there.
fn run_all(arguments: &LabArguments, output: &mut impl Write) -> Result<Vec<Finished>, LabError> {
    let chosen = chosen(&arguments.experiments);
    let setting = Setting {
        threads: usize::from(arguments.threads),
    };
    let mut all_finished = Vec::new();
    for experiment in chosen {
        if !arguments.json {
            text::introduce(output, experiment).map_err(LabError::Output)?;
        }
        let outcome = (experiment.run)(&setting);
        let finished = Finished {
            experiment,
            outcome,
        };
        if arguments.json {
            print_json(output, &finished)?;
        } else {
            text::tell(output, &finished).map_err(LabError::Output)?;
        }
        all_finished.push(finished);
    }
    if !arguments.json && all_finished.len() > 1 {
        text::conclude(output, &all_finished).map_err(LabError::Output)?;
    }
    Ok(all_finished)
}

/// The experiments of these names, each once, in the order they were named in.
fn chosen(names: &[String]) -> Vec<&'static Experiment> {
    let mut chosen: Vec<&'static Experiment> = Vec::new();
    for name in names {
        let named = EXPERIMENTS
            .iter()
            .filter(|experiment| name == ALL || name == experiment.name);
        for experiment in named {
            if !chosen.iter().any(|known| known.name == experiment.name) {
                chosen.push(experiment);
            }
        }
    }
    chosen
}

fn print_json(output: &mut impl Write, value: &impl Serialize) -> Result<(), LabError> {
    let written = serde_json::to_writer(&mut *output, value).map_err(io::Error::from);
    written
        .and_then(|()| writeln!(output))
        .map_err(LabError::Output)
}
