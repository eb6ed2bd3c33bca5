//! Metrics in a file that is replaced again and again.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::Builder;

use super::Source;

/// How often it is written.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// The file, and when it is written next.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    source: Source,
    due: Instant,
    /// That it could not be written has been said.
    told: bool,
}

impl MetricsFile {
    /// Writes it for the first time.
    ///
    /// # Errors
    /// If it cannot be written, or is something else than a file, which would be replaced by one.
    pub(crate) fn begin(path: PathBuf, source: Source) -> io::Result<Self> {
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ));
        }
        let mut file = Self {
            path,
            source,
            due: Instant::now(),
            told: false,
        };
        file.write(false)?;
        Ok(file)
    }

    /// Writes it if it is time to.
    pub(crate) fn look_at_the_time(&mut self) {
        if self.due <= Instant::now() {
            self.update(false);
        }
    }

    /// Writes it for the last time.
    pub(crate) fn end(&mut self) {
        self.update(true);
    }

    fn update(&mut self, finished: bool) {
        if let Err(error) = self.write(finished)
            && !std::mem::replace(&mut self.told, true)
        {
            let path = self.path.display();
            self.source.work.output.say(format_args!(
                "the metrics {path} cannot be written: {error}; the jobs go on"
            ));
        }
    }

    fn write(&mut self, finished: bool) -> io::Result<()> {
        self.due = Instant::now() + INTERVAL;
        replace(&self.path, self.source.text(finished).as_bytes())
    }
}

/// Puts a whole new file in the place of an old one: who reads it sees one or the other.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Others are to read it, as far as the umask lets them. What collects `*.prom` passes the new one by.
    let mut file = Builder::new()
        .prefix(".brigade-metrics-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(text)?;
    file.persist(path)?;
    Ok(())
}
