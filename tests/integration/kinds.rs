//! Real files told apart by content, and read whole although they were looked at first.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use wirecause::input::{Kind, expand, open};

use crate::{harness::root, incidents};

fn kinds(directory: &Path) -> Vec<(String, Kind)> {
    let (inputs, reports) = expand(&[directory.to_owned()], None);
    assert!(reports.is_empty(), "{reports:?}");
    inputs.into_iter().map(|input| (input.name.clone(), open(&input).unwrap().kind)).collect()
}

#[test]
fn of_the_sample() {
    let expected = [
        ("expected.csv", Kind::Other),
        ("gateway.pcap", Kind::Capture),
        ("hosts", Kind::Other),
        ("ssg_0_0.log", Kind::Log),
    ];
    assert_eq!(kinds(&root().join("samples/harbor-cut")), expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn of_the_incidents() {
    let Some(folder) = incidents::folder() else { return };
    for incident in ["harbor", "meadow", "calm"] {
        for (name, kind) in kinds(&folder.join(incident)) {
            let expected = match name.as_str() {
                name if name.contains("pcap") => Kind::Capture,
                name if name.starts_with("ssg_") => Kind::Log,
                _ => Kind::Other,
            };
            assert_eq!(kind, expected, "{incident}/{name}");
        }
    }
}

#[test]
fn of_the_repositorys_own_texts() {
    for name in ["Cargo.lock", "CHANGELOG.md", "src/report/csv.rs", "test"] {
        let (inputs, _) = expand(&[root().join(name)], None);
        assert_eq!(open(&inputs[0]).unwrap().kind, Kind::Other, "{name}");
    }
}

/// What standard input shows of itself when it is looked at is not lost for the reading: a log and a capture, whole and packed.
#[test]
fn standard_input_is_read_from_its_first_byte() {
    let sample = root().join("samples/harbor-cut");
    for (job, name) in [("errors", "ssg_0_0.log"), ("connections", "gateway.pcap")] {
        let path = sample.join(name);
        let named = command().arg(job).arg(&path).args(["--format", "json"]).output().unwrap();
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
        assert!(lines(&named.stdout) > 50, "{}", String::from_utf8_lossy(&named.stderr));
        for packed in [false, true] {
            let mut bytes = std::fs::read(&path).unwrap();
            if packed {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&bytes).unwrap();
                bytes = encoder.finish().unwrap();
            }
            let mut child = command()
                .args([job, "-", "--format", "json"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut pipe = child.stdin.take().unwrap();
            let fed = std::thread::spawn(move || pipe.write_all(&bytes));
            let piped = child.wait_with_output().unwrap();
            fed.join().unwrap().unwrap();
            assert_eq!(piped.status.code(), Some(0), "{}", String::from_utf8_lossy(&piped.stderr));
            assert_eq!(lines(&piped.stdout), lines(&named.stdout), "{job} of {name}, packed: {packed}");
        }
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wirecause"))
}
