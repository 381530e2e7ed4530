//! Archives as the `zip` crate writes them, which is also what they are compared with.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::testing::TempDir;

fn archive(temp: &TempDir, bytes: &[u8]) -> Content {
    let path = temp.path().join("x.zip");
    std::fs::write(&path, bytes).unwrap();
    Content::of_path(&path, bytes.len() as u64)
}

type Listed = Vec<(String, Result<Vec<u8>, String>)>;

fn listed(archive: &Content) -> (Listed, Option<String>) {
    let mut found = Vec::new();
    let mut take = |entry: Entry| {
        let what = match entry.what {
            What::File { content, .. } => {
                let mut bytes = Vec::new();
                let read = content.read().and_then(|mut stream| stream.read_to_end(&mut bytes));
                read.map(|_| bytes).map_err(|error| error.to_string())
            }
            What::NoFile => Err("no file".to_owned()),
            What::Unreadable(reason) => Err(reason),
        };
        found.push((String::from_utf8_lossy(&entry.name).into_owned(), what));
        ControlFlow::Continue(())
    };
    let fault = walk(archive, &mut take).err();
    (found, fault)
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

fn text() -> Vec<u8> {
    (0..2_000_u32).flat_map(|number| format!("line {number}\n").into_bytes()).collect()
}

fn sample() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("logs/", stored()).unwrap();
    writer.start_file("logs/a.log", deflated()).unwrap();
    writer.write_all(&text()).unwrap();
    writer.start_file("b.log", stored()).unwrap();
    writer.write_all(b"plain").unwrap();
    writer.start_file("wide.log", deflated().large_file(true)).unwrap();
    writer.write_all(b"wide").unwrap();
    writer.add_symlink("link", "b.log", stored()).unwrap();
    writer.set_comment("a comment with PK\x05\x06 in it, long enough for an end").unwrap();
    writer.finish().unwrap().into_inner()
}

fn expected() -> Listed {
    vec![
        ("logs/a.log".to_owned(), Ok(text())),
        ("b.log".to_owned(), Ok(b"plain".to_vec())),
        ("wide.log".to_owned(), Ok(b"wide".to_vec())),
        ("link".to_owned(), Err("no file".to_owned())),
    ]
}

/// As a program that cannot seek writes it: sizes follow the bytes.
fn streamed() -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for (name, content) in [("a.log", text()), ("b.log", b"b".to_vec())] {
        writer.start_file(name, deflated()).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn members_come_with_their_names_and_bytes() {
    let temp = TempDir::new("zip-members");
    let bytes = sample();
    assert!(is_zip(&bytes));
    assert_eq!(listed(&archive(&temp, &bytes)), (expected(), None));
    // Behind something else, such as a program that unpacks itself, offsets are less.
    assert_eq!(listed(&archive(&temp, &[&b"#!/bin/sh\nexit\n"[..], &bytes].concat())), (expected(), None));
    let mut oracle = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    for (name, content) in expected() {
        let Ok(content) = content else { continue };
        let mut found = Vec::new();
        oracle.by_name(&name).unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(found, content, "{name}");
    }
}

#[test]
fn sizes_behind_the_bytes() {
    let temp = TempDir::new("zip-streamed");
    let both = vec![("a.log".to_owned(), Ok(text())), ("b.log".to_owned(), Ok(b"b".to_vec()))];
    let bytes = streamed();
    assert_eq!(listed(&archive(&temp, &bytes)), (both.clone(), None));
    let end = memchr::memmem::find(&bytes, &signature::CENTRAL).unwrap();
    let (found, fault) = listed(&archive(&temp, &bytes[..end]));
    assert_eq!(found, both);
    assert!(fault.unwrap().contains("cut"));
}

#[test]
fn a_cut_archive_yields_the_members_before_the_cut() {
    let temp = TempDir::new("zip-cut");
    let bytes = sample();
    let directory = memchr::memmem::find(&bytes, &signature::CENTRAL).unwrap();
    let members: Vec<_> = expected();
    for end in 4..bytes.len() {
        let (found, fault) = listed(&archive(&temp, &bytes[..end]));
        let fault = fault.unwrap_or_default();
        assert!(fault.contains("cut"), "cut at {end}: {fault:?}");
        for (found, expected) in found.iter().zip(&members) {
            // A link looks like a file where the directory, which tells them apart, is gone.
            let whole = found.1.as_ref().is_ok_and(|bytes| expected.1.as_ref() == Ok(bytes) || expected.0 == "link");
            assert!(found.0 == expected.0 && (whole || found.1.is_err()), "cut at {end}: {found:?}");
        }
        assert!(end < directory || found.len() == members.len(), "cut at {end}: {} members", found.len());
    }
}

#[test]
fn damage_is_told() {
    let temp = TempDir::new("zip-damage");
    let bytes = sample();
    for at in (0..bytes.len()).filter(|at| at % 7 == 0 || !(300..4_000).contains(at)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        // No panic, and no member twice.
        let (found, _) = listed(&archive(&temp, &damaged));
        assert!(found.len() <= 5, "{at}");
    }
    // In the middle of the deflated bytes.
    let mut damaged = bytes;
    damaged[200] ^= 0x40;
    let (found, _) = listed(&archive(&temp, &damaged));
    assert!(found[0].1.is_err());
    assert_eq!(found[1..], expected()[1..]);
}

/// An archive that says of its members that they are as large as can be, without being so.
#[test]
fn members_that_expand_beyond_measure_are_left() {
    let temp = TempDir::new("zip-bomb");
    let mut bytes = sample();
    let directory = memchr::memmem::find(&bytes, &signature::CENTRAL).unwrap();
    // The size of the first file, which is the second entry.
    let second = directory + 4 + memchr::memmem::find(&bytes[directory + 4..], &signature::CENTRAL).unwrap();
    bytes[second + 24..second + 28].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
    let (found, fault) = listed(&archive(&temp, &bytes));
    assert!(found.is_empty() && fault.unwrap().contains("thousandfold"));
}
