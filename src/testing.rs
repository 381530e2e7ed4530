//! What unit tests share: a directory of their own that goes when the test is over.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A new directory under the system's temporary one, removed with all it holds when dropped.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// `name` must differ from test to test.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wirecause-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
