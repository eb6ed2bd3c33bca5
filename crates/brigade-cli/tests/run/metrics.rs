//! How a run goes, for Prometheus: in a file, or by HTTP.

use std::fs;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::stage::{Meeting, Running, Stage, until, within};

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
    let mut kept = fs::File::open(stage.path("run.prom")).expect("a file");
    let first = std::io::read_to_string(&kept).expect("text");
    assert_eq!(value(&first, "brigade_finished"), 0.0);
    go.open();
    drop(running.end());
    let last = fs::metadata(stage.path("run.prom")).expect("a file");
    assert_ne!(last.ino(), kept.metadata().expect("a file").ino());
    // Who has the old one open still reads it whole.
    kept.rewind().expect("a file");
    assert_eq!(std::io::read_to_string(kept).expect("text"), first);
}

#[test]
fn the_file_is_kept_up_while_jobs_run() {
    let stage = Stage::new();
    let (here, go) = (stage.meeting("here"), stage.meeting("go"));
    let mut running = Running::start(stage.command(["-q", "-j1", "--metrics", "run.prom"]));
    running.write(b"true\necho > here; cat go\n");
    here.wait();
    let succeeded = "brigade_jobs_total{outcome=\"succeeded\"}";
    let mut text = String::new();
    // One that was written between the two jobs has one and not the other.
    until("the file tells of both jobs", || {
        text = read(&stage.path("run.prom"));
        value(&text, succeeded) == 1.0 && value(&text, "brigade_jobs_running") == 1.0
    });
    assert_eq!(value(&text, "brigade_finished"), 0.0);
    go.open();
    assert_eq!(running.end().code, Some(0));
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

/// A run whose metrics are served, and whose one job is held.
struct Served {
    stage: Stage,
    running: Running,
    gate: Meeting,
    address: String,
}

impl Served {
    fn start() -> Self {
        let stage = Stage::new();
        let (here, gate) = (stage.meeting("here"), stage.meeting("gate"));
        let mut running = Running::start(stage.command(["-q", "-j1", "--metrics", "0"]));
        let said = running.wait_for_line("metrics are served at http://127.0.0.1:");
        let (_, url) = said.split_once("http://").expect("an address");
        let address = url.trim_end().strip_suffix("/metrics").expect("a path");
        let address = address.to_owned();
        running.write(b"true\necho > here; cat gate\n");
        here.wait();
        Self {
            stage,
            running,
            gate,
            address,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("someone listens")
    }

    /// What is answered to these bytes, when nothing follows them.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        let request = request.to_owned();
        within(move || {
            // It may answer, and hang up, before it has read all.
            let _ = stream.write_all(&request);
            let _ = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            // The error is that it was hung up on.
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).expect("text")
        })
    }

    fn end(self) {
        self.gate.open();
        assert_eq!(self.running.end().code, Some(0));
        // And so ends the service.
        assert!(TcpStream::connect(&self.address).is_err());
    }
}

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_port_answers_http_requests_while_jobs_run() {
    let served = Served::start();
    for request in [REQUEST, b"GET /?a=b HTTP/1.0\r\n\r\n"] {
        let answer = served.ask(request);
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let kind = "Content-Type: text/plain; version=0.0.4";
        assert!(head.contains(kind), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", text.len())),
            "{head}"
        );
        for (name, expected) in [
            ("brigade_jobs_total{outcome=\"succeeded\"}", 1.0),
            ("brigade_jobs_running", 1.0),
            ("brigade_finished", 0.0),
        ] {
            assert_eq!(value(text, name), expected, "{name}");
        }
    }
    // It has made no file, as there is one for the gate and one for `here`.
    assert_eq!(
        fs::read_dir(served.stage.path(""))
            .expect("a directory")
            .count(),
        2
    );
    served.end();
}

#[test]
fn what_it_does_not_have_or_understand_it_says() {
    let served = Served::start();
    let long = [b"GET /metrics HTTP/1.1\r\nA: ", &b"a".repeat(100_000)[..]].concat();
    for (request, status) in [
        (&b"GET /other HTTP/1.1\r\n\r\n"[..], "404 Not Found"),
        (
            b"POST /metrics HTTP/1.1\r\n\r\n",
            "405 Method Not Allowed\r\nAllow: GET",
        ),
        (b"how is it going?\r\n\r\n", "400 Bad Request"),
        (b"GET /metrics HT", "400 Bad Request"),
        (b"", "400 Bad Request"),
        (&long[..9_000], "400 Bad Request"),
    ] {
        let answer = served.ask(request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
    }
    // However much comes, it goes on.
    let mut stream = served.connect();
    let _ = stream.write_all(&long.repeat(10));
    assert!(served.ask(REQUEST).contains("200 OK"));
    served.end();
}

#[test]
fn who_connects_and_says_nothing_holds_up_nobody() {
    let served = Served::start();
    until("one is answered while another says nothing", || {
        let silent = served.connect();
        served.ask(REQUEST).contains("200 OK") && is_open(&silent)
    });
    until("one is answered while another says half", || {
        let mut slow = served.connect();
        slow.write_all(b"GET /metr").expect("is connected");
        served.ask(REQUEST).contains("200 OK") && is_open(&slow)
    });
    // Though they be many, they are hung up on.
    let silent = (0..50).map(|_| served.connect()).collect::<Vec<_>>();
    until("it answers again", || {
        served.ask(REQUEST).contains("200 OK")
    });
    until("it has hung up on all", || !silent.iter().any(is_open));
    // Nor is the end of the run held up.
    let silent = served.connect();
    served.end();
    drop(silent);
}

/// True if it has not been hung up on.
fn is_open(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a connection");
    let read = stream.read(&mut [0]);
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_port_that_is_taken_is_an_error_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (_, port) = address.split_once(':').expect("a port");
    let stage = Stage::new();
    for target in [port, &address] {
        let outcome = stage.run(["--metrics", target], b"touch ran\n");
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        outcome.assert_says(&format!(
            "metrics cannot be served: {address}: Address already in use"
        ));
        assert!(!stage.path("ran").exists() && !stage.path(port).exists());
    }
    // A file may have such a name.
    let outcome = stage.run(["--metrics", &format!("./{port}")], b"true\n");
    assert_eq!(outcome.code, Some(0));
    assert!(stage.path(port).exists());
}

#[test]
fn there_is_no_port_above_65535() {
    let outcome = Stage::new().run(["--metrics", "65536"], b"");
    assert_eq!(outcome.code, Some(2));
    outcome.assert_says("ports end at 65535");
}
