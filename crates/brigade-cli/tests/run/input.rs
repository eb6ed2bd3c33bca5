//! Jobs from standard input, files and the command line; bad input; endless input.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::thread::{self, JoinHandle};

use crate::stage::{Running, Stage, peak_memory, within};

/// The most memory that a run may take, in KiB. A few MiB are normal.
const ENOUGH: u64 = 32 * 1024;

#[test]
fn jobs_come_from_standard_input_a_file_or_the_command_line() {
    let stage = Stage::new();
    fs::write(stage.path("jobs"), "echo a\necho b").expect("written");
    for outcome in [
        stage.run([""; 0], b"echo a\necho b\n"),
        stage.run(["-a", "-"], b"echo a\necho b"),
        stage.run(["-a", "jobs"], b"echo c\n"),
        stage.run(["--arg-file=jobs"], b""),
        stage.run([":::", "echo a", "echo b"], b"echo c\n"),
        stage.run(["echo", ":::", "a", "b"], b"echo c\n"),
        stage.run(["echo"], b"a\nb\n"),
        stage.run(["-0", "echo"], b"a\0b"),
    ] {
        assert_eq!(outcome.sorted_lines(), ["a", "b"], "{outcome:?}");
        assert_eq!(outcome.code, Some(0));
    }
}

#[test]
fn no_jobs_are_no_failure() {
    for outcome in [
        Stage::new().run([""; 0], b""),
        Stage::new().run(["echo"], b"\n\n"),
        Stage::new().run(["echo", ":::"], b"a\n"),
    ] {
        assert_eq!((outcome.code, outcome.text()), (Some(0), ""));
        outcome.assert_says("brigade: 0 jobs, 0 failed, in ");
        assert!(!outcome.stderr.contains("p50"), "{}", outcome.stderr);
    }
}

#[test]
fn blank_lines_and_comments_are_skipped_and_lines_keep_their_numbers() {
    let outcome = Stage::new().run(["-j1"], b"\n# a comment; exit 1\n  \nexit 7\n");
    outcome.assert_says("line 4: `exit 7`: exit status 7");
    outcome.assert_says("1 job, 1 failed");
}

#[test]
fn bad_lines_get_a_message_with_their_number_and_lose_no_other_job() {
    let long = [&vec![b'x'; 200_000][..], b"\n"].concat();
    let input = [
        &b"echo a\necho \xff\n"[..],
        b"echo n\0n\n@urgent echo p\nnosuchcommand b\n/nosuch/file\n",
        &long,
        b"echo 'unclosed\n/\necho z\n",
    ]
    .concat();
    let outcome = Stage::new().run(["-j1"], &input);
    assert_eq!(outcome.sorted_lines(), ["a", "z"]);
    assert_eq!(outcome.code, Some(8));
    outcome.assert_says("line 2: `echo \u{fffd}`: it is not UTF-8 from byte 6 on");
    outcome.assert_says("line 3: `echo n\\u{0}n`: it has a NUL byte");
    outcome.assert_says("line 4: `@urgent echo p`: `urgent` is not a priority");
    outcome.assert_says("line 5: `nosuchcommand b`: nosuchcommand: command not found");
    outcome.assert_says("line 6: `/nosuch/file`: /nosuch/file: no such file");
    outcome.assert_says("line 7: `xxx");
    outcome.assert_says("it is longer than 131071 bytes");
    outcome.assert_says("line 8: `echo 'unclosed`: exit status");
    outcome.assert_says("line 9: `/`: /: permission denied");
    outcome.assert_says("10 jobs, 8 failed");
}

#[test]
fn input_that_cannot_be_read_on_is_a_failure_and_what_was_read_is_run() {
    let stage = Stage::new();
    // Its first page is not mapped: reading it is an error, though opening it is none.
    let outcome = stage.run(["-a", "/proc/self/mem"], b"");
    assert_eq!(outcome.code, Some(1));
    outcome.assert_says("brigade: the input could not be read: ");
    outcome.assert_says("brigade: 0 jobs, 0 failed");
}

#[test]
fn several_files_are_one_input_and_messages_name_file_and_line() {
    let stage = Stage::new();
    fs::write(stage.path("one"), "echo a\nexit 3").expect("written");
    fs::write(stage.path("empty"), "").expect("written");
    fs::write(stage.path("two"), "\nexit 4\necho b\n").expect("written");
    let files = ["-a", "one", "-a", "empty", "-a", "two", "-a", "-"];
    let arguments = [&["-j1", "-k"], &files[..]].concat();
    let outcome = stage.run(arguments, b"echo c\nexit 5\n");
    assert_eq!((outcome.code, outcome.text()), (Some(3), "a\nb\nc\n"));
    outcome.assert_says("one, line 2: `exit 3`: exit status 3");
    outcome.assert_says("two, line 2: `exit 4`: exit status 4");
    outcome.assert_says("standard input, line 2: `exit 5`: exit status 5");
    outcome.assert_says("6 jobs, 3 failed");
}

#[test]
fn a_file_that_cannot_be_read_on_is_named_and_what_was_read_before_is_run() {
    let stage = Stage::new();
    fs::write(stage.path("one"), "echo a\n").expect("written");
    let outcome = stage.run(["-a", "one", "-a", "/proc/self/mem"], b"");
    assert_eq!((outcome.code, outcome.text()), (Some(1), "a\n"));
    outcome.assert_says("after one, line 1; what was read before is run: /proc/self/mem: ");
}

#[test]
fn several_lists_are_combined_and_the_first_varies_slowest() {
    let stage = Stage::new();
    let lists = [":::", "a", "b", ":::", "1", "2", "3"];
    let run = |options: &[&str]| stage.run([options, &lists[..]].concat(), b"");
    let outcome = run(&["-k", "echo"]);
    assert_eq!(outcome.text(), "a 1\na 2\na 3\nb 1\nb 2\nb 3\n");
    outcome.assert_says("6 jobs, 0 failed");
    let outcome = run(&["-k", "echo {2}-{1} $(echo {#})"]);
    assert_eq!(outcome.text(), "1-a 1\n2-a 2\n3-a 3\n1-b 4\n2-b 5\n3-b 6\n");
    let outcome = run(&["-j1", "test {2} != 2 && :"]);
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("combination 2: `a 2`: exit status 1");
    outcome.assert_says("combination 5: `b 2`: exit status 1");
    let outcome = stage.run(["echo", ":::", "a", ":::"], b"");
    assert_eq!((outcome.code, outcome.text()), (Some(0), ""));
}

#[test]
fn more_combinations_than_fit_in_memory_are_made_one_by_one() {
    let stage = Stage::new();
    let words = (0..1_000).map(|word| word.to_string()).collect::<Vec<_>>();
    let mut arguments = vec!["-j1".to_owned(), "echo".to_owned()];
    for _ in 0..7 {
        arguments.push(":::".to_owned());
        arguments.extend_from_slice(&words);
    }
    let (running, stdout) = Running::start_unread(stage.command(arguments));
    let mut lines = BufReader::new(stdout).lines();
    for last in 0..1_200 {
        let line = lines.next().expect("more").expect("readable");
        assert_eq!(line, format!("0 0 0 0 0 {} {}", last / 1_000, last % 1_000));
    }
    let peak = peak_memory(running.pid());
    assert!(peak < ENOUGH, "{peak} KiB");
    running.interrupt();
    assert!(within(move || lines.all(|line| line.is_ok())));
    assert_eq!(running.end().code, Some(130));
}

#[test]
fn an_endless_input_takes_constant_memory() {
    let stage = Stage::new();
    let (running, stdout) = Running::start_unread(stage.command(["-j2"]));
    let running = EndlessInput::feed(running, &format!("echo x # {}\n", "y".repeat(1_000)));
    let mut lines = BufReader::new(stdout).lines();
    for line in lines.by_ref().take(1_500) {
        assert_eq!(line.expect("readable"), "x");
    }
    let peak = peak_memory(running.0.pid());
    assert!(peak < ENOUGH, "{peak} KiB");
    running.0.interrupt();
    assert!(within(
        move || lines.all(|line| line.expect("readable") == "x")
    ));
    running.stop();
}

#[test]
fn an_endless_line_takes_constant_memory() {
    let stage = Stage::new();
    let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
    let mut running = Running::start(stage.command(["-j1"]));
    let block = vec![b'x'; 1024 * 1024];
    for _ in 0..100 {
        running.write(&block);
    }
    running.write(b"\necho > here; cat gate; echo end\n");
    here.wait();
    let peak = peak_memory(running.pid());
    assert!(peak < ENOUGH, "{peak} KiB");
    gate.open();
    let outcome = running.end();
    assert_eq!((outcome.code, outcome.text()), (Some(1), "end\n"));
}

#[test]
fn the_queue_bounds_the_read_ahead() {
    let stage = Stage::new();
    let here = stage.meeting("here");
    let gate = stage.meeting("gate");
    let mut running = Running::start(stage.command(["-j1", "--queue", "5"]));
    running.write(b"echo > here; cat gate\n");
    running.write("echo\n".repeat(5).as_bytes());
    here.wait();
    running.wait_until_queued();
    running.write("echo\n".repeat(1_000).as_bytes());
    running.interrupt();
    running.wait_for("nothing is started any more");
    gate.open();
    running.wait_for(" of the input was not read");
    let outcome = running.end_with_open_input();
    let (_, after) = outcome
        .stderr
        .split_once("what follows line ")
        .expect("a number");
    let last = after
        .split(' ')
        .next()
        .and_then(|number| number.parse::<u32>().ok());
    // One runs, five are queued, two are no jobs, and one may wait for room.
    assert!(
        last.is_some_and(|last| (8..=9).contains(&last)),
        "{outcome:?}"
    );
}

/// A `brigade` to which a thread writes the same line for ever.
struct EndlessInput(Running, JoinHandle<()>);

impl EndlessInput {
    fn feed(mut running: Running, line: &str) -> Self {
        let mut input = running.take_input();
        let lines = line.repeat(100);
        let feeder = thread::spawn(move || while input.write_all(lines.as_bytes()).is_ok() {});
        Self(running, feeder)
    }

    fn stop(self) {
        let outcome = self.0.end_with_open_input();
        assert_eq!(outcome.code, Some(130));
        self.1.join().expect("no panic");
    }
}
