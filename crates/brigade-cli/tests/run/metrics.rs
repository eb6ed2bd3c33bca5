//! How a run goes, in a file for Prometheus.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::stage::{Running, Stage};

/// The value of a metric, by its name with its labels.
#[track_caller]
fn value(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("{name} is missing in: {text}"));
    value.parse().expect("a number")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("metrics")
}

#[test]
fn the_last_file_has_all_counts_and_times() {
    let stage = Stage::new();
    let arguments = [
        "-q",
        "-j2",
        "--retries",
        "1",
        "--retry-delay",
        "0",
        "--metrics",
        "run.prom",
    ];
    let outcome = stage.run(arguments, b"true\ntrue\nfalse\n");
    assert_eq!(outcome.code, Some(1));
    let text = read(&stage.path("run.prom"));
    for (name, expected) in [
        ("brigade_jobs_total{outcome=\"succeeded\"}", 2.0),
        ("brigade_jobs_total{outcome=\"failed\"}", 1.0),
        ("brigade_jobs_total{outcome=\"stopped\"}", 0.0),
        ("brigade_retries_total", 1.0),
        ("brigade_jobs_running", 0.0),
        ("brigade_jobs_queued", 0.0),
        ("brigade_finished", 1.0),
        ("brigade_run_seconds_count", 4.0),
    ] {
        assert_eq!(value(&text, name), expected, "{name}");
    }
    for name in [
        "brigade_run_seconds{quantile=\"0.5\"}",
        "brigade_run_seconds_sum",
        "brigade_elapsed_seconds",
    ] {
        assert!(value(&text, name) > 0.0, "{name}: {text}");
    }
    // Each metric has its type, and each line is one or the other.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().expect("a name");
        let family = name.trim_end_matches("_sum").trim_end_matches("_count");
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    // Nothing else is left, and others may read it.
    let names = fs::read_dir(stage.path("")).expect("a directory");
    assert_eq!(names.count(), 1);
    let mode = fs::metadata(stage.path("run.prom"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o400, 0o400);
    fs::write(stage.path("ours"), "").expect("a file");
    assert_eq!(
        mode,
        fs::metadata(stage.path("ours"))
            .expect("a file")
            .permissions()
            .mode()
    );
}

#[test]
fn there_is_a_file_from_the_beginning_which_is_replaced_as_a_whole() {
    let stage = Stage::new();
    let (here, go) = (stage.meeting("here"), stage.meeting("go"));
    let mut running = Running::start(stage.command(["-j1", "--metrics", "run.prom"]));
    running.write(b"echo > here; cat go\n");
    here.wait();
    let first = read(&stage.path("run.prom"));
    assert_eq!(value(&first, "brigade_finished"), 0.0);
    let inode = || fs::metadata(stage.path("run.prom")).expect("a file").ino();
    let kept = fs::File::open(stage.path("run.prom")).expect("a file");
    let before = inode();
    go.open();
    drop(running.end());
    assert_ne!(inode(), before);
    // Who has the old one open still reads it whole.
    assert_eq!(std::io::read_to_string(kept).expect("text"), first);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_before_anything_runs() {
    let stage = Stage::new();
    fs::create_dir(stage.path("folder")).expect("a directory");
    for path in ["none/run.prom", "folder", "/dev/null"] {
        let outcome = stage.run(["--metrics", path], b"touch ran\n");
        assert_eq!(outcome.code, Some(2), "{path}");
        outcome.assert_says("the file for metrics cannot be written: ");
        assert!(!stage.path("ran").exists());
    }
}

#[test]
fn jobs_go_on_when_it_can_be_written_no_more() {
    let stage = Stage::new();
    let outcome = stage.run(["--metrics", "folder/run.prom"], b"");
    assert_eq!(outcome.code, Some(2)); // the directory is needed at the start
    fs::create_dir(stage.path("folder")).expect("a directory");
    let outcome = stage.run(["--metrics", "folder/run.prom"], b"rm -r folder; echo a\n");
    assert_eq!((outcome.code, outcome.text()), (Some(0), "a\n"));
    outcome.assert_says("the metrics folder/run.prom cannot be written: ");
}
