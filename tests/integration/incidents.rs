//! The played incidents beside the repository, where they are there, and runs of the main job on them.

use std::path::{Path, PathBuf};

use crate::harness::{Ran, Scratch, root};

/// The folder of the incidents; `None` with a note where they are not at hand.
pub(crate) fn folder() -> Option<PathBuf> {
    let path = root().join("../shared/incidents");
    if path.is_dir() {
        return Some(path);
    }
    println!("note: {} is not there, so this test shows nothing", path.display());
    None
}

/// Files of `directory` whose names begin with `prefix`, sorted.
pub(crate) fn files(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .collect();
    found.sort();
    found
}

/// Runs the main job on the log of an incident with the captures of one kind (`gateway` or `any`), into `out` of the
/// scratch directory, with the incident's hosts file, since some of its names are in no packet.
pub(crate) fn analyze(scratch: &Scratch, incident: &Path, captures: &str, more: &[&str]) -> Ran {
    let mut args = vec!["analyze".into(), incident.join("ssg_0_0.log")];
    args.extend(files(incident, captures));
    args.extend(["-o".into(), "out".into(), "--hosts".into(), incident.join("hosts")]);
    args.extend(more.iter().map(PathBuf::from));
    scratch.wirecause(0, &args)
}
