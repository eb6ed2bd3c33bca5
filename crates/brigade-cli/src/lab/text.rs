//! Experiments and their outcomes as text for people.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::experiment::Experiment;
use super::experiments::EXPERIMENTS;
use super::outcome::{Soundness, Variant};
use super::{Finished, characters};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

pub(super) fn style(soundness: Soundness) -> Style {
    match soundness {
        Soundness::Broken => BAD,
        Soundness::Sound => GOOD,
    }
}

/// Which experiments there are.
pub(super) fn list(output: &mut impl Write) -> io::Result<()> {
    writeln!(
        output,
        "Each pattern beside its broken twin, on this machine:\n"
    )?;
    for Experiment { name, question, .. } in EXPERIMENTS {
        writeln!(output, "  {BOLD}{name:<17}{BOLD:#} {question}")?;
    }
    writeln!(
        output,
        "\nRun some by name, or all: brigade lab race transfer; brigade lab all"
    )
}

/// What is going to be tried.
pub(super) fn introduce(output: &mut impl Write, experiment: &Experiment) -> io::Result<()> {
    let Experiment {
        name,
        question,
        explanation,
        ..
    } = experiment;
    writeln!(output, "{BOLD}{name}{BOLD:#}: {question}\n")?;
    for line in wrapped(explanation, width() - 4) {
        writeln!(output, "  {line}")?;
    }
    writeln!(output)?;
    output.flush()
}

/// What came of it.
pub(super) fn tell(output: &mut impl Write, finished: &Finished) -> io::Result<()> {
    let outcome = &finished.outcome;
    table(output, &outcome.variants)?;
    writeln!(output, "\n  {DIM}{}{DIM:#}", outcome.picture.title())?;
    for line in characters::draw(&outcome.picture, width() - 4) {
        writeln!(output, "  {line}")?;
    }
    if let Some(excerpt) = &outcome.excerpt {
        writeln!(output)?;
        for line in excerpt.lines() {
            writeln!(output, "  | {line}")?;
        }
    }
    let verdict = &outcome.verdict;
    writeln!(output, "\n  expected: {}", finished.experiment.expected)?;
    writeln!(
        output,
        "  seen:     {}{}\n",
        verdict.seen,
        mark(verdict.as_expected)
    )?;
    output.flush()
}

/// What was expected and seen of several.
pub(super) fn conclude(output: &mut impl Write, all: &[Finished]) -> io::Result<()> {
    for Finished {
        experiment,
        outcome,
    } in all
    {
        let verdict = &outcome.verdict;
        writeln!(
            output,
            "{BOLD}{:<17}{BOLD:#} expected: {}",
            experiment.name, experiment.expected
        )?;
        writeln!(
            output,
            "{:<17} seen:     {}{}",
            "",
            verdict.seen,
            mark(verdict.as_expected)
        )?;
    }
    let as_expected = all
        .iter()
        .filter(|finished| finished.outcome.verdict.as_expected)
        .count();
    writeln!(output, "\n{as_expected} of {} as expected", all.len())
}

fn mark(as_expected: bool) -> String {
    if as_expected {
        format!("  {GOOD}[as expected]{GOOD:#}")
    } else {
        format!("  {BAD}[not as expected]{BAD:#}")
    }
}

/// One line for each variant, one column for each figure.
fn table(output: &mut impl Write, variants: &[Variant]) -> io::Result<()> {
    let names = variants.iter().map(|variant| variant.name.chars().count());
    let name_width = names.max().unwrap_or(0);
    let headings = variants.first().map_or(&[][..], |variant| &variant.figures);
    let columns = headings.iter().enumerate().map(|(index, heading)| {
        let shown = variants
            .iter()
            .map(|variant| variant.figures[index].value.to_string());
        let widths = shown.map(|value| value.chars().count());
        widths.max().unwrap_or(0).max(heading.what.chars().count())
    });
    let columns = columns.collect::<Vec<usize>>();
    write!(output, "  {:<6}  {:<name_width$}", "", "")?;
    for (heading, width) in headings.iter().zip(&columns) {
        write!(output, "  {DIM}{:>width$}{DIM:#}", heading.what)?;
    }
    writeln!(output)?;
    for variant in variants {
        let style = style(variant.soundness);
        let word = match variant.soundness {
            Soundness::Broken => "broken",
            Soundness::Sound => "sound",
        };
        write!(
            output,
            "  {style}{word:<6}{style:#}  {:<name_width$}",
            variant.name
        )?;
        for (figure, width) in variant.figures.iter().zip(&columns) {
            write!(output, "  {:>width$}", figure.value.to_string())?;
        }
        writeln!(output)?;
    }
    Ok(())
}

/// The text in lines of at most so many characters; paragraphs stay apart.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// How many characters fit on a line of the terminal; long lines are hard to read, and very short ones hold nothing.
fn width() -> usize {
    const DEFAULT: u16 = 90;
    let output = io::stdout();
    let columns = if output.is_terminal() {
        rustix::termios::tcgetwinsize(output).map_or(DEFAULT, |size| size.ws_col)
    } else {
        DEFAULT
    };
    usize::from(columns.clamp(60, 110))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_paragraphs_stay_apart() {
        let text = "one two three\n\nfour incomprehensibilities";
        assert_eq!(
            wrapped(text, 8),
            ["one two", "three", "", "four", "incomprehensibilities"]
        );
    }
}
