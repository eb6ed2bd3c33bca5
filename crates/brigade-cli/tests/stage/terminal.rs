//! A pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Process, Stage};

/// Keys that a terminal turns into signals, and their codes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    CtrlC = 3,
    CtrlZ = 26,
}

/// A terminal for a program, and what it shows.
pub(crate) struct Terminal {
    /// What is written to it has been typed.
    pub(crate) keyboard: File,
    programs_side: File,
    pub(crate) shown: Receiver<String>,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&ours).expect("a terminal");
        unlockpt(&ours).expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let programs_side = File::options()
            .read(true)
            .write(true)
            .open(name.into_string().expect("UTF-8"))
            .expect("a terminal");
        let mut ours = File::from(ours);
        let keyboard = ours.try_clone().expect("a copy");
        let (send, shown) = channel();
        thread::spawn(move || {
            let mut block = [0; 4096];
            // The end of the other side is an error here.
            while let Ok(length) = ours.read(&mut block) {
                let _ = send.send(String::from_utf8_lossy(&block[..length]).into_owned());
            }
        });
        Self {
            keyboard,
            programs_side,
            shown,
        }
    }

    pub(crate) fn for_program(&self) -> File {
        self.programs_side.try_clone().expect("a copy")
    }

    /// Starts a command that prints on it, and has no input.
    pub(crate) fn start(&self, mut command: Command) -> Process {
        command
            .stdin(Stdio::null())
            .stdout(self.for_program())
            .stderr(self.for_program());
        Process::start(&mut command)
    }

    /// Runs shell code on it, as the leader of its session; with `set -m` the shell has job control. It finds the
    /// command as `$BRIGADE`.
    pub(crate) fn start_shell(&self, stage: &Stage, code: &str) -> Process {
        // The tests themselves may run in the background of a script, where Ctrl-C is ignored.
        let mut shell = Command::new("env");
        shell
            .args(["--default-signal=INT,QUIT,TERM,HUP,TSTP,CHLD", "setsid"])
            .args(["--ctty", "--wait", "sh", "-c", code])
            .current_dir(stage.path(""))
            .env("BRIGADE_LOCK_DIR", stage.path("locks"))
            .env("BRIGADE", env!("CARGO_BIN_EXE_brigade"))
            .stdin(self.for_program())
            .stdout(self.for_program())
            .stderr(self.for_program());
        Process::start(&mut shell)
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: Key) {
        let typed = self.keyboard.write_all(&[key as u8]);
        typed.expect("a terminal");
    }

    /// All that it still shows.
    pub(crate) fn close(self) -> String {
        drop(self.programs_side);
        self.shown.iter().collect()
    }
}
