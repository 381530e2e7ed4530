//! Real files told apart by content, and read whole although they were looked at first.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use wirecause::input::{Kind, expand, open};

use crate::{
    harness::{Scratch, root},
    incidents,
};

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

/// What a pipe shows of itself when it is looked at is not lost for the reading: standard input and a pipe that is named, of a log and a capture,
/// whole and packed.
#[test]
fn a_pipe_is_read_from_its_first_byte() {
    let sample = root().join("samples/harbor-cut");
    for (job, name) in [("errors", "ssg_0_0.log"), ("connections", "gateway.pcap")] {
        let path = sample.join(name);
        let named = command().arg(job).arg(&path).args(["--format", "json"]).output().unwrap();
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
        assert!(lines(&named.stdout) > 50, "{}", String::from_utf8_lossy(&named.stderr));
        for (input, packed) in [("-", false), ("-", true), ("/dev/stdin", false), ("/dev/stdin", true)] {
            let mut bytes = std::fs::read(&path).unwrap();
            if packed {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&bytes).unwrap();
                bytes = encoder.finish().unwrap();
            }
            let mut child = command()
                .args([job, input, "--format", "json"])
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
            assert_eq!(lines(&piped.stdout), lines(&named.stdout), "{job} of {name} by {input}, packed: {packed}");
        }
    }
}

/// A host's log, in which the gateway's first line stands behind more than is looked at to tell what a file is.
#[test]
fn a_log_is_found_behind_the_lines_of_other_programs() {
    let scratch = Scratch::new("kinds-behind");
    let log = std::fs::read_to_string(root().join("samples/harbor-cut/ssg_0_0.log")).unwrap();
    let other = "Nov 20 20:54:30 gw01 systemd[1]: Started Session 1234 of user root.\n".repeat(3_000);
    let own: String = log.lines().flat_map(|line| ["Nov 20 20:54:31 gw01 SSG: ", line, "\n"]).collect();
    std::fs::create_dir(scratch.path("bundle")).unwrap();
    std::fs::write(scratch.path("bundle/messages"), other.clone() + &own).unwrap();
    std::fs::write(scratch.path("bundle/others"), other.as_bytes()).unwrap();
    let rows = |input: &str| scratch.wirecause(0, &["errors", input]).stdout().lines().count();
    let alone = rows(root().join("samples/harbor-cut/ssg_0_0.log").to_str().unwrap());
    assert!(alone > 50);
    assert_eq!([rows("bundle"), rows("bundle/messages")], [alone, alone]);
    let piped = std::fs::File::open(scratch.path("bundle/messages")).unwrap();
    let mut cat = Command::new("cat").stdin(piped).stdout(Stdio::piped()).spawn().unwrap();
    let read = command().args(["errors", "-"]).stdin(cat.stdout.take().unwrap()).output().unwrap();
    assert!(cat.wait().unwrap().success());
    assert_eq!(String::from_utf8(read.stdout).unwrap().lines().count(), alone);
    // In an archive too.
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("var/log", scratch.path("bundle")).unwrap();
    std::fs::write(scratch.path("bundle.tar"), tar.into_inner().unwrap()).unwrap();
    assert_eq!(rows("bundle.tar"), alone);
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wirecause"))
}
