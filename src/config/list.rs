//! Paths from a list: `--files-from`.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::Error;

/// The paths given, and those that a list holds.
pub(super) fn paths(mut given: Vec<PathBuf>, list: Option<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    let Some(path) = list else { return Ok(given) };
    let is_stdin = path == Path::new("-");
    if is_stdin && given.iter().any(|path| path == Path::new("-")) {
        return Err(Error::Value {
            option: "--files-from",
            found: "-".to_owned(),
            expected: "a file, since standard input is an input already",
        });
    }
    let read = if is_stdin { whole(io::stdin()) } else { File::open(&path).and_then(whole) };
    let listed = read.map(|bytes| entries(&bytes)).map_err(|source| Error::ListRead { path, source })?;
    given.extend(listed);
    if given.is_empty() {
        return Err(Error::Value {
            option: "--files-from",
            found: "a list without paths".to_owned(),
            expected: "one path a line, or paths ended by NUL",
        });
    }
    Ok(given)
}

fn whole(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if stream.take(LONGEST_LIST).read_to_end(&mut bytes)? as u64 == LONGEST_LIST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than 256 MiB"));
    }
    Ok(bytes)
}

/// The entries of a list: ended by NUL where it holds one, as `find -print0` writes them, else by line ends. Empty ones are passed over.
fn entries(bytes: &[u8]) -> Vec<PathBuf> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let entries = bytes.split(|byte| *byte == end);
    let bare =
        |entry: &[u8]| if end == b'\n' { entry.strip_suffix(b"\r").unwrap_or(entry).to_vec() } else { entry.to_vec() };
    entries.map(bare).filter(|entry| !entry.is_empty()).map(path_of).collect()
}

#[cfg(unix)]
fn path_of(entry: Vec<u8>) -> PathBuf {
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(entry))
}

#[cfg(not(unix))]
fn path_of(entry: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&entry).into_owned())
}

/// Millions of paths; what is longer is another file.
const LONGEST_LIST: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_with_lines_or_with_nul() {
        let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(entries(b"a/b.log\r\n\nc d.pcap\n"), paths(&["a/b.log", "c d.pcap"]));
        assert_eq!(entries(b"a\nb\0c\0"), paths(&["a\nb", "c"]));
        assert_eq!(entries(b"last"), paths(&["last"]));
        assert_eq!(entries(b"\n\n"), paths(&[]));
    }

    #[test]
    fn a_list_adds_to_the_paths_given() {
        let temp = crate::testing::TempDir::new("config-list");
        let list = temp.path().join("list");
        std::fs::write(&list, "b\n").unwrap();
        assert_eq!(paths(vec!["a".into()], Some(list.clone())).unwrap(), ["a", "b"].map(PathBuf::from));
        std::fs::write(&list, "\n").unwrap();
        assert!(matches!(paths(Vec::new(), Some(list)), Err(Error::Value { .. })));
        assert!(matches!(paths(Vec::new(), Some(temp.path().join("none"))), Err(Error::ListRead { .. })));
        assert!(matches!(paths(vec!["-".into()], Some("-".into())), Err(Error::Value { .. })));
    }
}
