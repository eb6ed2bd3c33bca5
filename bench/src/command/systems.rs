//! Who runs processes, and how each is asked to run `true` for each line of a file, and without an argument: with one,
//! `true` is another program (GNU's then looks for `--help`, and loads the locale for it).

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What each line of the file is: a command for those that run lines as commands.
pub(super) const LINE: &str = "true\n";

/// A program that runs `true` for each line of its standard input, two at a time.
pub(super) fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // What they would say of how it went is of no interest here.
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The words after `brigade`.
pub(super) const BRIGADE: &[&str] = &["run", "-q", "-j2"];
/// The words after `xargs`, which takes a line only to leave it out.
pub(super) const XARGS: &[&str] = &["-P2", "-I{}", "true"];
/// The words after `parallel`.
pub(super) const PARALLEL: &[&str] = &["-j2"];

/// Where a program is, if it is installed.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Where GNU parallel is; another program has the same name.
pub(super) fn gnu_parallel() -> Option<PathBuf> {
    let parallel = installed("parallel")?;
    let version = Command::new(&parallel)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    version
        .stdout
        .starts_with(b"GNU parallel")
        .then_some(parallel)
}

/// Runs a program on the lines of a file, and returns how long it took.
///
/// # Panics
/// If it fails: then it has not done what is measured.
pub(super) fn run(command: &mut Command, lines: &Path) -> Duration {
    let input = File::open(lines).expect("the file is ours");
    let began = Instant::now();
    let status = command.stdin(input).status().expect("it is installed");
    let elapsed = began.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    elapsed
}

/// Runs `true` so many times on so many threads, without anything around it: the most that this system can do. std's
/// `Command` starts a process that has no demands by `posix_spawn`, which is `vfork` and `exec` here.
pub(super) fn bare(runs: usize, threads: usize) -> Duration {
    let began = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    for _ in 0..runs / threads {
                        let status = Command::new("true").stdin(Stdio::null()).status();
                        assert!(status.is_ok_and(|status| status.success()), "true fails");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("true succeeds");
        }
    });
    began.elapsed()
}
