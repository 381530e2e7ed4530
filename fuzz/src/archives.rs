//! Packed files and archives.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use wirecause::input::{Input, Kind, Seen, Source, open, survey};

/// A file that may be packed or an archive: members have names that stay within it, each is what it was seen to be, reads the same each
/// time, ahead or not, and is no longer than what its bytes may expand to.
pub fn archive(bytes: &[u8]) {
    let file = Scratch::new(bytes);
    let seen = survey(std::slice::from_ref(&file.0), None);
    let own = file.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
    assert!(seen.iter().any(|seen| seen.report.path == own), "the file itself is told of");
    assert!(seen.windows(2).all(|pair| pair[0].report.path <= pair[1].report.path));
    for Seen { input, report } in &seen {
        assert!(!report.path.chars().any(char::is_control), "{:?}", report.path);
        let Some(input) = input else {
            assert!(!matches!(report.kind, Kind::Log | Kind::Capture), "{report:?}");
            continue;
        };
        assert!(matches!(report.kind, Kind::Log | Kind::Capture) && report.path == input.name);
        if matches!(input.source, Source::Member(_)) {
            let name = input.name.strip_prefix(&own).and_then(|rest| rest.strip_prefix('/'));
            let name = name.unwrap_or_else(|| panic!("{:?} is not in {own}", input.name));
            assert!(name.split('/').all(|part| !matches!(part, "" | "." | "..")), "{name:?}");
        }
        let first = drained(input, report.kind, false);
        assert_eq!(first, drained(input, report.kind, true), "{}", input.name);
        assert!(first.0.len() as u64 <= MOST_HARMLESS.max(MOST_EXPANSION * bytes.len() as u64), "{}", input.name);
    }
}

/// The content up to a bound, and what it ends in.
fn drained(input: &Input, kind: Kind, ahead: bool) -> (Vec<u8>, Option<String>) {
    let opened = open(input).expect("what was seen can be opened");
    assert_eq!(opened.kind, kind);
    if let Some(place) = &opened.plain {
        let mut first = [0; 64];
        let read = place.read_at(&mut first, 0).expect("a plain file can be read");
        assert!(read as u64 <= place.length);
    }
    let opened = if ahead { opened.read_ahead(2 << 20) } else { opened };
    let mut content = Vec::new();
    let error = opened.stream.take(MOST_READ).read_to_end(&mut content).err();
    (content, error.map(|error| error.to_string()))
}

/// A file that goes when it is no longer looked at.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("wirecause-fuzz-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).expect("the system's directory for such files takes one");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        let _ = fs::remove_file(path);
    }
}

/// Bytes read of one member.
const MOST_READ: u64 = 8 << 20;
/// What a stream may come to whatever it was packed to, and to how much a byte of it.
const MOST_HARMLESS: u64 = (256 << 20) + (1 << 20);
const MOST_EXPANSION: u64 = 1_101;
