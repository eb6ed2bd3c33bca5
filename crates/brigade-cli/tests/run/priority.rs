//! The most urgent of what has been read starts first.

use crate::stage::{Running, Stage};

/// What one worker prints for jobs that are all queued before the second starts.
fn order(arguments: &[&str], jobs: &str) -> Vec<String> {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command([&["-j1"], arguments].concat()));
    running.write(b"@0 echo > here; cat gate\n");
    here.wait();
    running.write(jobs.as_bytes());
    running.wait_until_queued();
    gate.open();
    let outcome = running.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.text().lines().map(str::to_owned).collect()
}

#[test]
fn a_line_may_say_how_urgent_it_is() {
    let jobs =
        "@low echo f\n@255 echo g\necho d\n@normal echo e\n@high echo b\n@0 echo a\n@99 echo c\n";
    assert_eq!(order(&[], jobs), ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn equals_start_in_the_order_of_the_input() {
    let numbers = (1..=50)
        .map(|number| number.to_string())
        .collect::<Vec<_>>();
    let jobs = numbers
        .iter()
        .map(|number| format!("@high echo {number}\n"))
        .collect::<String>();
    assert_eq!(order(&[], &jobs), numbers);
}

#[test]
fn the_option_is_for_lines_that_do_not_say() {
    assert_eq!(
        order(&["--priority", "low"], "echo b\n@normal echo a\n"),
        ["a", "b"]
    );
    assert_eq!(
        order(&["--priority", "100"], "@200 echo b\necho a\n@9 echo c\n"),
        ["c", "a", "b"]
    );
}

#[test]
fn a_doubled_at_sign_is_a_command_that_begins_with_one() {
    let stage = Stage::new();
    stage.script("@high", "#!/bin/sh\necho \"at $1\"\n");
    let mut command = stage.command([""; 0]);
    command.env(
        "PATH",
        format!("{}:/usr/bin:/bin", stage.path("").display()),
    );
    let mut running = Running::start(command);
    running.write(b"@@high a\n@low @high b\n");
    let outcome = running.end();
    assert_eq!(
        (outcome.code, outcome.sorted_lines()),
        (Some(0), vec!["at a", "at b"])
    );
}

#[test]
fn arguments_are_not_looked_into() {
    let outcome = Stage::new().run(["echo"], b"@high a\n@@b\n");
    assert_eq!(outcome.sorted_lines(), ["@@b", "@high a"]);
}
