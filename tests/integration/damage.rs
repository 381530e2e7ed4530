//! Damage: a file cut anywhere, and with any byte turned. What stood before is read as ever, the damage is named with its place, and
//! nothing panics.

use std::{fs, ops::Range};

use wirecause::{
    input::{Input, Source, expand},
    read::{Captures, read_captures},
};
use wirecause_parsers::{
    capture::{FrameRef, Interface, Walker},
    log::{LogOptions, LogScan, LogScanner},
    packet::decode,
};

use crate::{
    harness::{Scratch, read_csv, root},
    wire_file::{Order, Records},
};

fn sample(name: &str) -> Vec<u8> {
    fs::read(root().join("samples/harbor-cut").join(name)).unwrap()
}

/// The sample's first records in every form of file.
fn captures() -> Vec<(&'static str, Vec<u8>)> {
    let records = Records::read(&sample("gateway.pcap"));
    let few = records.with(records.all[..FEW].to_vec());
    vec![
        ("pcap", few.pcap(Order::Little, false)),
        ("big-endian pcap", few.pcap(Order::Big, true)),
        ("pcapng", few.pcapng(Order::Little)),
        ("big-endian pcapng", few.pcapng(Order::Big)),
    ]
}

struct Walked {
    frames: Vec<FrameRef>,
    interfaces: Vec<Interface>,
    /// What is wrong, and the offset at which the walk stands.
    error: Option<(String, u64)>,
}

fn walk(bytes: &[u8]) -> Walked {
    let (mut walker, mut frames) = (Walker::new(), Vec::new());
    let error = walker.walk(bytes, true, &mut frames).err();
    for frame in &frames {
        let data = &bytes[frame.offset..][..frame.captured as usize];
        let _ = decode(walker.interfaces()[frame.interface as usize].link, data, frame.original);
    }
    let error = error.map(|error| (error.to_string(), walker.offset()));
    Walked { frames, interfaces: walker.interfaces().to_vec(), error }
}

#[test]
fn a_capture_cut_at_every_offset() {
    for (form, bytes) in captures() {
        let whole = walk(&bytes);
        assert!(whole.error.is_none() && whole.frames.len() == FEW, "{form}: {:?}", whole.error);
        for cut in 0..bytes.len() {
            let walked = walk(&bytes[..cut]);
            let before = whole.frames.iter().filter(|frame| frame.offset + frame.captured as usize <= cut).count();
            // A block of pcapng ends behind its frame.
            assert!(walked.frames.len() == before || walked.frames.len() + 1 == before, "{form} at {cut}");
            assert_eq!(walked.frames, whole.frames[..walked.frames.len()], "{form} at {cut}");
            assert!(whole.interfaces.starts_with(&walked.interfaces), "{form} at {cut}");
            if let Some((error, offset)) = walked.error {
                assert!(offset <= cut as u64 && error.contains(&offset.to_string()), "{form} at {cut}: {error}");
            } else {
                // The end of a record is a clean end.
                let last = walked.frames.last().map_or(0, |frame| frame.offset + frame.captured as usize);
                assert!(cut - last <= LONGEST_TAIL, "{form} at {cut} is said to be whole");
            }
        }
    }
}

#[test]
fn a_capture_with_every_byte_turned() {
    for (form, bytes) in captures() {
        let whole = walk(&bytes);
        let mut named = 0;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            for value in [0xff, 0x80, 0x01] {
                damaged[at] = bytes[at] ^ value;
                let walked = walk(&damaged);
                // What stood before the record of the damage is unchanged; the file's own header concerns all.
                let first = whole.frames[0].offset - LONGEST_TAIL.min(whole.frames[0].offset);
                if at >= first {
                    let before =
                        whole.frames.iter().take_while(|frame| frame.offset + frame.captured as usize + 32 <= at);
                    let before = before.count();
                    assert!(walked.frames.len() >= before, "{form}, byte {at}");
                    assert_eq!(walked.frames[..before], whole.frames[..before], "{form}, byte {at}");
                }
                named += u32::from(walked.error.is_some());
            }
        }
        // Lengths and block types are told; a turned address or time is another address or time.
        assert!(named as usize > FEW, "{form}: {named} damages are noticed");
    }
}

/// The whole sample in a sample of offsets, through reading, decoding and tracking.
#[test]
fn the_sample_cut_and_turned_is_tracked_as_far_as_it_goes() {
    let bytes = sample("gateway.pcap");
    let scratch = Scratch::new("damage-tracked");
    let whole = read(&scratch, &bytes);
    let step = bytes.len() / PLACES;
    for number in 0..PLACES {
        let at = 24 + number * step + number % 97;
        let cut = read(&scratch, &bytes[..at.min(bytes.len())]);
        let file = &cut.files[0];
        assert!(file.frames <= whole.files[0].frames && cut.segments <= whole.segments);
        let skipped: u64 = cut.skipped.values().sum();
        let dns = cut.dns.len() as u64 + cut.bad_dns;
        assert!(cut.segments + skipped + cut.icmp_errors + dns >= file.frames, "a frame is lost at {at}");
        // Connections that were over before the cut are what they were.
        let (before, after) =
            (&whole.points[0].connections, cut.points.first().map_or(&[][..], |point| &point.connections));
        let frames = file.frames;
        for connection in before.iter().filter(|connection| connection.open().last_frame.number() <= frames) {
            assert!(after.contains(connection), "cut at {at}: {:?}", connection.head());
        }
        let mut turned = bytes.clone();
        turned[at.min(bytes.len() - 1)] ^= 0xff;
        let read = read(&scratch, &turned);
        assert!(!read.files.is_empty());
    }
}

fn read(scratch: &Scratch, bytes: &[u8]) -> Captures {
    let path = scratch.write("damaged.pcap", bytes);
    let input = Input { name: "damaged.pcap".into(), source: Source::File(path), explicit: true };
    let (captures, unreadable) = read_captures(&[input], 0);
    assert!(unreadable.is_empty(), "{unreadable:?}");
    captures
}

#[test]
fn a_log_cut_and_turned_anywhere() {
    let bytes = sample("ssg_0_0.log");
    let whole = scan(&bytes);
    assert!(whole.calls.len() > 20);
    for at in offsets(bytes.len()) {
        let cut = scan(&bytes[..at]);
        assert_eq!(cut.counts.bytes, at as u64);
        // A call whose entries stand before the cut, and well before it, is what it was.
        let settled = |call: &&wirecause_parsers::log::FailedCall| {
            call.also.as_deref().unwrap_or(&call.entry).last_line + 1 < cut.counts.lines && call.elapsed_ms.is_none()
        };
        for call in whole.calls.iter().filter(settled) {
            assert!(cut.calls.contains(call), "cut at {at}: line {}", call.entry.first_line);
        }
        let mut turned = bytes.clone();
        turned[at] ^= 0xff;
        let turned = scan(&turned);
        let lost = whole
            .calls
            .iter()
            .filter(|call| !turned.calls.iter().any(|other| other.entry.offset == call.entry.offset))
            .count();
        assert!(lost <= 2, "one byte at {at} costs {lost} calls");
    }
}

fn scan(bytes: &[u8]) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(bytes);
    scanner.finish()
}

/// Every offset of a small file, a sample of those of a large one.
fn offsets(length: usize) -> impl Iterator<Item = usize> {
    let step = length.div_ceil(PLACES * 2).max(1);
    Range { start: 0, end: length }.step_by(step)
}

#[test]
fn damage_is_named_with_file_and_place_and_the_status_says_so() {
    let capture = sample("gateway.pcap");
    let packed = gzip(&capture);
    let mut lying = capture.clone();
    let second = walk(&capture).frames[900].offset - 16;
    lying[second + 8..second + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let mut zeros = capture[..second].to_vec();
    zeros.extend([0; 4096]);
    for (name, bytes, words) in [
        ("cut.pcap", capture[..capture.len() - 3].to_vec(), "byte"),
        ("cut.pcap.gz", packed[..packed.len() / 2].to_vec(), "byte"),
        ("lying.pcap", lying, &*format!("byte {second}")),
        ("zeros.pcap", zeros, &*format!("byte {second}")),
    ] {
        let scratch = Scratch::new(&format!("damage-{name}"));
        scratch.write(&format!("in/{name}"), bytes);
        scratch.write("in/ssg_0_0.log", sample("ssg_0_0.log"));
        let ran = scratch.wirecause(1, &["analyze", "in", "-o", "out"]);
        let said = ran.stdout();
        let line = said.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{}", ran.dump()));
        assert!(line.contains(words), "{words}\n{}", ran.dump());
        assert!(!read_csv(&scratch.path("out/connections.csv")).is_empty(), "{}", ran.dump());
        assert!(fs::read_to_string(scratch.path("out/run.json")).unwrap().contains(name));
    }
}

/// A path that vanished, and one that may not be read, are named; the rest is read.
#[test]
fn what_cannot_be_opened_is_named_and_the_rest_is_read() {
    let scratch = Scratch::new("damage-vanished");
    scratch.write("in/gateway.pcap", sample("gateway.pcap"));
    std::os::unix::fs::symlink("nowhere.pcap", scratch.path("in/gone.pcap")).unwrap();
    let ran = scratch.wirecause(1, &["connections", "in", "in/missing.pcap"]);
    assert!(ran.stderr().contains("missing.pcap"), "{}", ran.dump());
    let (inputs, reports) = expand(&[scratch.path("in")], None);
    assert_eq!((inputs.len(), reports.len()), (1, 0));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Records of the small files that are damaged at every byte.
const FEW: usize = 24;
/// Places at which the large files are damaged.
const PLACES: usize = 300;
/// Bytes behind a frame until its record ends, and before the first one: headers of records and blocks.
const LONGEST_TAIL: usize = 64;
