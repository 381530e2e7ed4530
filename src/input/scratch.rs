//! Files of the run's own, without a name: they go with the process, however it ends.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// A new file without a name, readable by its owner alone.
pub(crate) fn unnamed() -> io::Result<File> {
    let mut number = 0;
    loop {
        let path = directory().join(format!("wirecause-{}-{number}", std::process::id()));
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_NAMES => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Reads at a place, as `Read::read` does at its own; several threads may do so at a time.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Fills the whole buffer from a place.
pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = buffer.split_at_mut_checked(read).unwrap_or_default().1;
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where large files go that nobody else reads: the directory that the user names, or the one that lies on a disk where the usual one may
/// lie in memory.
fn directory() -> PathBuf {
    let on_disk = Path::new("/var/tmp");
    let is_named = std::env::var_os("TMPDIR").is_some();
    if !is_named && on_disk.is_dir() { on_disk.to_owned() } else { std::env::temp_dir() }
}

/// Names tried for such a file: those taken are of threads that are just about to give them up.
const MOST_NAMES: u32 = 10_000;
