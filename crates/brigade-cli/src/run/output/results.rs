//! The jobs' outputs in files.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use crate::run::job::Job;
use crate::run::process::Outputs;

/// A directory with a directory for each job, named by its number, in which are `job`, `stdout` and
/// `stderr`.
#[derive(Debug)]
pub(crate) struct Results(PathBuf);

impl Results {
    /// Makes the directory.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(crate) fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// Saves what a job has printed, in place of what it printed in an earlier run.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(crate) fn save(&self, job: &Job, outputs: &mut Outputs) -> io::Result<()> {
        let directory = self.0.join(job.sequence.to_string());
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("job"), &job.text)?;
        let streams = [
            ("stdout", &mut outputs.stdout),
            ("stderr", &mut outputs.stderr),
        ];
        for (name, captured) in streams {
            captured.write_to(&mut File::create(directory.join(name))?)?;
        }
        Ok(())
    }
}
