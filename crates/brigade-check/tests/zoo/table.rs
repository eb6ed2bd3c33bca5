//! The table of the README.

use std::time::Instant;

use crate::specimen::{Checked, Mode, Specimen, Way, finding};
use crate::{explored, stressed};

const HEADER: &str = "| planted bug | what is wrong | `explore` | `stress` | smallest scenario |";
const RULE: &str = "|---|---|---|---|---|";

/// What a way that does not find a bug has in its place.
const NOT_FOUND: &str = "–";

/// Both of what is found by schedules and by real threads.
fn all() -> impl Iterator<Item = (&'static Specimen, &'static Specimen)> {
    let explored = explored::FAMILIES.iter().copied().flatten();
    explored.zip(stressed::FAMILIES.iter().copied().flatten())
}

fn smallest(specimen: &Specimen) -> String {
    match specimen.smallest {
        [] => "the program".to_owned(),
        operations => {
            let operations: Vec<String> = operations.iter().map(ToString::to_string).collect();
            operations.join(" + ")
        }
    }
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_table_of_the_readme_lists_this_zoo() {
    let readme = include_str!("../../README.md");
    let (_, table) = readme
        .split_once(&format!("{HEADER}\n{RULE}\n"))
        .expect("there is a table of the zoo");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    let listed: Vec<(String, String, bool, bool, String)> = rows
        .iter()
        .map(|row| {
            (
                row[0].to_owned(),
                row[1].to_owned(),
                row[2] != NOT_FOUND,
                row[3] != NOT_FOUND,
                row[4].to_owned(),
            )
        })
        .collect();
    let kept: Vec<_> = all()
        .map(|(specimen, _)| {
            let found_by = |mode| specimen.is_found_by(mode);
            let (name, mistake) = (specimen.name.to_owned(), specimen.mistake.to_owned());
            (
                name,
                mistake,
                found_by(Mode::Explore),
                found_by(Mode::Stress),
                smallest(specimen),
            )
        })
        .collect();
    assert_eq!(listed, kept);
}

/// How often it was run until the bug was found, and how long it took until there was a report of the smallest scenario.
fn figures(specimen: &Specimen, mode: Mode, way: &Way, bug: fn(&Way) -> Checked) -> String {
    if !specimen.is_found_by(mode) {
        return NOT_FOUND.to_owned();
    }
    let begun = Instant::now();
    let found = finding(specimen.name, bug(way));
    let runs = match (found.runs, mode) {
        (1, Mode::Explore) => "1 schedule".to_owned(),
        (runs, Mode::Explore) => format!("{runs} schedules"),
        (1, Mode::Stress) => "1 run".to_owned(),
        (runs, Mode::Stress) => format!("{runs} runs"),
    };
    format!("{runs}, {:.2} s", begun.elapsed().as_secs_f64())
}

#[test]
#[ignore = "prints figures, which differ from run to run"]
fn print_the_table() {
    println!("{HEADER}\n{RULE}");
    for (specimen, stressed) in all() {
        let explore = figures(specimen, Mode::Explore, &Way::EXPLORE, specimen.bug);
        let stress = figures(specimen, Mode::Stress, &Way::STRESS, stressed.bug);
        let Specimen { name, mistake, .. } = specimen;
        println!(
            "| {name} | {mistake} | {explore} | {stress} | {} |",
            smallest(specimen)
        );
    }
}
