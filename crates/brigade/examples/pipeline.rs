//! Checksums of source files: one thread lists them, two read, two compute, and this one prints.
//!
//! What it shows: the stages run at the same time with small buffers between them, results come in the order of the
//! files, and the first error stops all stages and says which one it was.

use std::error::Error;
use std::path::PathBuf;
use std::{fs, io};

use brigade::pipeline::{self, PipelineError};

/// Adler-32 (RFC 1950).
fn checksum(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn read(path: &PathBuf) -> io::Result<(&PathBuf, Vec<u8>)> {
    Ok((path, fs::read(path)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pipeline");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();

    let mut sums = Vec::new();
    pipeline::source(&paths) // stages borrow: nothing has to be 'static
        .try_map_ordered(2, read)
        .named("read")
        .map_ordered(2, |(path, bytes)| (path, checksum(&bytes)))
        .named("checksum")
        .report(|report| println!("{report}"))
        .for_each(|(path, sum)| sums.push((path, sum)))?;

    let one_by_one: Vec<_> = paths
        .iter()
        .map(|path| (path, checksum(&fs::read(path).unwrap())))
        .collect();
    assert_eq!(sums, one_by_one);
    for (path, sum) in sums {
        println!("{sum:08x} {}", path.display());
    }

    paths.insert(3, PathBuf::from("/no/such/file"));
    let failed = pipeline::source(&paths)
        .try_map_ordered(2, read)
        .named("read")
        .for_each(|(path, _)| assert_ne!(path, &paths[3]));
    println!("{}", failed.as_ref().unwrap_err());
    assert!(matches!(failed, Err(PipelineError::Failed { stage, .. }) if &*stage == "read"));
    Ok(())
}
