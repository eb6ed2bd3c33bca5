//! The `brigade` that is measured: the one of this workspace, as it is now.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds it if Cargo has started us, so that no older one is measured, and returns where it is: beside our own binary.
///
/// # Errors
/// A message that says how to build it, if it is not there or cannot be built.
pub(super) fn find() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| {
        format!("our own binary cannot be found, and `brigade` not beside it: {error}")
    })?;
    let folder = own.parent().unwrap_or(Path::new("."));
    if let (Some(cargo), Some(target)) = (env::var_os("CARGO"), folder.parent()) {
        let mut build = Command::new(cargo);
        build
            .args([
                "build",
                "--package",
                "brigade-cli",
                "--quiet",
                "--manifest-path",
            ])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .arg("--target-dir")
            .arg(target);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.stdin(Stdio::null()).stdout(Stdio::null()).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(
                "`brigade` cannot be built; cargo build --release -p brigade-cli says why"
                    .to_owned(),
            );
        }
    }
    let brigade = folder.join("brigade");
    if !brigade.is_file() {
        let path = brigade.display();
        return Err(format!(
            "there is no {path}; build it: cargo build --release -p brigade-cli"
        ));
    }
    Ok(brigade)
}
