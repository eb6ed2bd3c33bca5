//! A pseudo-terminal.

use std::fs::File;
use std::io::Read;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal for a program, and what it shows.
pub(crate) struct Terminal {
    /// What is written to it has been typed.
    pub(crate) keyboard: File,
    programs_side: File,
    pub(crate) shown: Receiver<String>,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
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

    /// All that it still shows.
    pub(crate) fn close(self) -> String {
        drop(self.programs_side);
        self.shown.iter().collect()
    }
}
