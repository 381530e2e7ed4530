//! What is to go when the process ends before its output is whole: temporary files, and directories made for them.
//!
//! A run that fails removes its own. One that is interrupted has no time to unwind: whoever ends the process calls [`abandon`], which
//! removes what all runs of the process left, and from then on none can begin a file or give one its name.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The files and directories of one run that are not finished.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    paths: Vec<PathBuf>,
}

impl Unfinished {
    /// Makes something at `path`, which goes away if the run does. Where it fails, nothing is noted.
    pub(super) fn make<T, E>(&mut self, path: &Path, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut all = lock();
        let result = make()?;
        all.push(path.to_owned());
        self.paths.push(path.to_owned());
        Ok(result)
    }

    /// Does what cannot be left half done, and then forgets everything that was made where it succeeds.
    pub(super) fn finish<E>(&mut self, finish: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut all = lock();
        finish()?;
        forget(&mut all, &self.paths);
        self.paths.clear();
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut all = lock();
        forget(&mut all, &self.paths);
        remove(&self.paths);
    }
}

/// Removes what is not finished. While the guard is held, no output can be begun or finished.
#[must_use = "output that is begun after the guard is gone stays behind"]
pub fn abandon() -> MutexGuard<'static, Vec<PathBuf>> {
    let mut all = lock();
    remove(&all);
    all.clear();
    all
}

fn forget(all: &mut Vec<PathBuf>, paths: &[PathBuf]) {
    let paths: HashSet<&PathBuf> = paths.iter().collect();
    all.retain(|path| !paths.contains(path));
}

/// Removes files, and directories that hold nothing else; the latest first, since directories were made before what is in them.
fn remove(paths: &[PathBuf]) {
    for path in paths.iter().rev() {
        // What cannot be removed is left to the next run; it knows the names.
        let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    }
}

fn lock() -> MutexGuard<'static, Vec<PathBuf>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of all runs of the process, in the order in which they were made.
static ALL: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
