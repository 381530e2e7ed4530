//! Archives of every form, made by the libraries' own writers.

use std::{
    fs,
    io::{Cursor, Write as _},
};

use super::*;
use crate::{
    input::compression::tests::{MARKED, pack},
    testing::TempDir,
};

/// A log that begins with this line and tells by its second which one it is.
fn log(number: usize) -> Vec<u8> {
    let head = "2026-11-20T20:54:30.824-0300 INFO    1 com.l7tech.server.boot.GatewayBoot: Starting\n";
    (0..3_000).fold(head.as_bytes().to_vec(), |mut log, line| {
        writeln!(
            log,
            "2026-11-20T20:54:31.{:03}-0300 INFO    1 com.l7tech.server.message: {number}/{line}",
            line % 1_000
        )
        .unwrap();
        log
    })
}

/// A capture without packets, and bytes behind its header that tell which one it is.
fn capture(number: usize) -> Vec<u8> {
    let header = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
    (0..50_000_u32).fold(header.to_vec(), |mut capture, word| {
        capture.extend((word + number as u32).to_le_bytes());
        capture
    })
}

type Maker = fn(&[(&str, Vec<u8>)]) -> Vec<u8>;

fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        // Names that lead out of an archive are refused by the builder's own methods.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_entry_type(if content.is_empty() { ::tar::EntryType::Symlink } else { ::tar::EntryType::Regular });
        header.set_cksum();
        builder.append(&header, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    use ::zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, content)) in files.iter().enumerate() {
        let method = if number % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const PACKED_MEMBER: &str = "logs/ssg_2_0.log.gz";

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("logs/ssg_0_0.log", log(0)),
        ("caps/a.pcap0", capture(0)),
        ("notes.txt", b"nothing to see".to_vec()),
        ("logs/ssg_1_0.log", log(1)),
        ("caps/a.pcap1", capture(1)),
        (PACKED_MEMBER, pack(Compression::Gzip, &log(2))),
    ]
}

struct Surveyed {
    _temp: TempDir,
    seen: Vec<Seen>,
}

impl Surveyed {
    fn of(name: &str, file: &str, content: Vec<u8>) -> Self {
        let temp = TempDir::new(name);
        fs::write(temp.path().join(file), content).unwrap();
        let seen = survey(&[temp.path().to_owned()], None);
        Self { _temp: temp, seen }
    }

    fn listed(&self) -> Vec<(&str, Kind, Option<&str>)> {
        self.seen.iter().map(|seen| (&*seen.report.path, seen.report.kind, seen.report.damage.as_deref())).collect()
    }

    fn content(&self, name: &str) -> Vec<u8> {
        let found = self.seen.iter().find(|seen| seen.report.path == name).unwrap_or_else(|| panic!("no {name}"));
        let mut content = Vec::new();
        let mut opened = open(found.input.as_ref().unwrap()).unwrap().read_ahead(1 << 20);
        opened.stream.read_to_end(&mut content).unwrap();
        content
    }
}

fn expected(archive: &str) -> Vec<(String, Kind)> {
    let mut expected: Vec<_> = files()
        .iter()
        .map(|(name, _)| {
            let kind = match *name {
                name if name.contains("pcap") => Kind::Capture,
                name if name.contains("ssg") => Kind::Log,
                _ => Kind::Other,
            };
            (format!("{archive}/{name}"), kind)
        })
        .collect();
    expected.push((archive.to_owned(), Kind::Archive));
    expected.sort();
    expected
}

/// Every file of the archive is there under its name, and reads right: forwards, backwards, and once more.
fn check(surveyed: &Surveyed, archive: &str) {
    let expected = expected(archive);
    let found: Vec<_> = surveyed.listed();
    for (name, kind) in &expected {
        assert!(found.contains(&(name, *kind, None)), "{name} in {found:?}");
    }
    let within = |name: &str| name == archive || name.strip_prefix(archive).is_some_and(|rest| rest.starts_with('/'));
    assert_eq!(found.iter().filter(|(name, ..)| within(name)).count(), expected.len());
    let ours: Vec<_> = files().into_iter().filter(|(name, _)| *name != "notes.txt").collect();
    for (name, content) in ours.iter().chain(ours.iter().rev()).chain(&ours) {
        let content = if *name == PACKED_MEMBER { &log(2) } else { content };
        assert!(surveyed.content(&format!("{archive}/{name}")) == *content, "{archive}/{name}");
    }
}

#[test]
fn members_of_tar_and_zip_are_inputs() {
    check(&Surveyed::of("survey-tar", "x.bin", tar_of(&files())), "x.bin");
    check(&Surveyed::of("survey-zip", "x.bin", zip_of(&files())), "x.bin");
    for compression in MARKED {
        let name = format!("survey-{compression:?}");
        check(&Surveyed::of(&name, "x.bin", pack(compression, &tar_of(&files()))), "x.bin");
        check(&Surveyed::of(&name, "x.bin", pack(compression, &zip_of(&files()))), "x.bin");
    }
}

#[test]
fn an_archive_in_an_archive_is_opened_and_a_deeper_one_is_named() {
    let makers: [(&str, Maker); 3] =
        [("tar", tar_of), ("zip", zip_of), ("tar.gz", |files| pack(Compression::Gzip, &tar_of(files)))];
    for (outer, make_outer) in makers {
        for (inner, make_inner) in makers {
            let deeper = make_inner(&files());
            let nested = make_inner(&[&files()[..], &[("deeper", deeper)]].concat());
            let bytes = make_outer(&[("first.log", log(7)), ("nested", nested), ("last.log", log(8))]);
            let surveyed = Surveyed::of(&format!("survey-nested-{outer}-{inner}"), "x", bytes);
            let listed = surveyed.listed();
            let too_deep = "holds 1 archives that are not opened: nested too deep";
            assert!(listed.contains(&("x/nested", Kind::Archive, Some(too_deep))), "{outer} {inner}: {listed:?}");
            assert!(listed.iter().all(|(name, ..)| !name.contains("deeper")), "{listed:?}");
            for number in [0, 1, 0] {
                assert!(surveyed.content(&format!("x/nested/logs/ssg_{number}_0.log")) == log(number));
                assert!(surveyed.content(&format!("x/nested/caps/a.pcap{number}")) == capture(number));
                assert!(surveyed.content("x/last.log") == log(8) && surveyed.content("x/first.log") == log(7));
            }
        }
    }
}

#[test]
fn an_archive_with_nothing_for_us_is_one_line() {
    let jar = zip_of(&[("a.class", b"a".to_vec()), ("b.class", b"b".to_vec())]);
    let surveyed =
        Surveyed::of("survey-nothing", "x.tar", tar_of(&[("lib/x.jar", jar), ("a.log", log(0)), ("b", b"b".to_vec())]));
    let expected = [
        ("x.tar", Kind::Archive, None),
        ("x.tar/a.log", Kind::Log, None),
        ("x.tar/b", Kind::Other, None),
        ("x.tar/lib/x.jar", Kind::Other, None),
    ];
    assert_eq!(surveyed.listed(), expected);
}

#[test]
fn names_that_lead_out_and_links_are_left() {
    let names = ["../../up.log", "/abs.log", "in/../../up.log", "fine.log"];
    let mut members: Vec<_> = names.iter().map(|name| (*name, log(0))).collect();
    // The maker writes what is empty as a link.
    members.push(("link.log", Vec::new()));
    let surveyed = Surveyed::of("survey-names", "x.tar", tar_of(&members));
    let read: Vec<_> = surveyed.seen.iter().filter_map(|seen| seen.input.as_ref()).map(|input| &*input.name).collect();
    assert_eq!(read, ["x.tar/fine.log"]);
    let left = surveyed.seen.iter().filter(|seen| seen.report.damage.as_deref() == Some(LEADS_OUT)).count();
    assert_eq!(left, 3);
    assert!(surveyed.listed().contains(&("x.tar/link.log", Kind::Other, None)));
}

#[test]
fn states_of_one_file_are_told_apart() {
    let surveyed = Surveyed::of("survey-states", "x.tar", tar_of(&[("a.log", log(0)), ("a.log", log(1))]));
    assert!(surveyed.content("x.tar/a.log") == log(0) && surveyed.content("x.tar/a.log#2") == log(1));
}

#[test]
fn what_stands_before_a_cut_is_used_and_the_cut_is_named() {
    let whole = pack(Compression::Gzip, &tar_of(&files()));
    let cut = whole[..whole.len() / 2].to_vec();
    let surveyed = Surveyed::of("survey-cut", "x.tgz", cut);
    let listed = surveyed.listed();
    assert!(listed[0].0 == "x.tgz" && listed[0].2.is_some_and(|damage| damage.contains("cut")), "{listed:?}");
    assert!(surveyed.content("x.tgz/logs/ssg_0_0.log") == log(0));
}

#[test]
fn members_beyond_the_bound_are_left_and_the_bound_is_named() {
    let temp = TempDir::new("survey-bound");
    let path = temp.path().join("x.tar");
    fs::write(&path, tar_of(&[("a.log", log(0)), ("b.log", log(1)), ("c.log", log(2))])).unwrap();
    let content = Content::of_path(&path, fs::metadata(&path).unwrap().len());
    let input = Input { name: "x.tar".to_owned(), source: Source::File(path), explicit: true };
    let report = look(&input, |opened| InputReport::of(&input, opened)).unwrap();
    let (seen, _) = Archive { room: 2, prefixes: 0 }.list(report, &content, 0, Vec::new());
    assert_eq!(seen.iter().filter(|seen| seen.input.is_some()).count(), 2);
    assert!(seen.last().unwrap().report.damage.as_ref().unwrap().contains("200,000"));
}
