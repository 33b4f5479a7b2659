//! The core's sources.

use std::fs;
use std::io::Result;
use std::path::Path;

use crate::Texts;

/// Where the core's sources are.
const CORE: &str = "filter/core/src";

/// What refuses nothing: tests, and how refusals and configurations look.
const LEFT_OUT: [&str; 9] = [
    "/tests.rs",
    "/tests/",
    "/properties.rs",
    "/sample.rs",
    "/wycheproof.rs",
    "/rfc7520.rs",
    "/rejection",
    "/record/",
    "/config/raw",
];

/// The sources of the core of the project at `root`: those that may refuse a request, and the others.
///
/// # Errors
///
/// What reading them failed with.
pub fn sources(root: &Path) -> Result<(Texts, Texts)> {
    let mut files = Texts::new();
    read(root, &root.join(CORE), &mut files)?;
    Ok(files.into_iter().partition(|(name, _)| !LEFT_OUT.iter().any(|part| name.contains(part))))
}

fn read(root: &Path, folder: &Path, files: &mut Texts) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
