//! Captures and the frames in them.

use wirecause_parsers::{
    capture::{CaptureError, FrameRef, Interface, LinkType, Walker, looks_like_capture},
    packet::{Decoded, Segment, Skip, decode},
};

/// A capture file: read whole and in pieces it is the same, its frames lie within it and in order, and each of them decodes to one
/// thing.
pub fn capture(bytes: &[u8]) {
    let whole = walk(bytes, bytes.len().max(1));
    let in_pieces = walk(bytes, bytes.len() % LARGEST_PIECE + 1);
    assert_eq!(whole.frames, in_pieces.frames);
    assert_eq!(whole.error, in_pieces.error);
    assert_eq!(whole.interfaces, in_pieces.interfaces);
    assert!(whole.frames.len() <= bytes.len() / SMALLEST_RECORD, "more frames than records fit");
    assert!(whole.error.is_some() || whole.consumed == bytes.len() as u64, "a clean end leaves nothing");
    assert!(whole.frames.is_empty() || looks_like_capture(bytes));
    let mut end = 0;
    for (index, frame) in whole.frames.iter().enumerate() {
        assert_eq!(frame.number, index as u64 + 1);
        assert!(frame.offset >= end, "frames overlap");
        end = frame.offset + frame.captured as usize;
        let data = bytes.get(frame.offset..end).expect("a frame lies within the file");
        let link = whole.interfaces.get(frame.interface as usize).expect("a frame's interface is described").link;
        check(data, &decode(link, data, frame.original));
    }
    if let Some(CaptureError::Cut { offset, found, .. }) = whole.error {
        assert_eq!(offset + found, bytes.len() as u64, "what is cut is the last record");
    }
}

/// A frame: link type, length on the wire, bytes. What is decoded borrows from the frame, and a shorter snap length changes nothing
/// that it does not cut.
pub fn packet(bytes: &[u8]) {
    let Some((&[link, more], data)) = bytes.split_first_chunk() else { return };
    let link = LINKS.get(usize::from(link) % LINKS.len()).copied().unwrap_or(LinkType::ETHERNET);
    let original = data.len() as u32 + u32::from(more);
    let whole = decode(link, data, original);
    check(data, &whole);
    for length in [data.len() / 2, data.len().saturating_sub(1), data.len() * 3 / 4] {
        let snapped = decode(link, data.get(..length).unwrap_or(data), original);
        check(data, &snapped);
        match (&whole, &snapped) {
            (Decoded::Tcp(whole, payload), Decoded::Tcp(snapped, cut)) => {
                assert_eq!(facts(whole), facts(snapped));
                assert!(payload.starts_with(cut));
            }
            (Decoded::Tcp(..), Decoded::Skipped(skip)) => assert_ne!(*skip, Skip::Malformed, "whole it is not"),
            _ => {}
        }
    }
}

fn check(data: &[u8], decoded: &Decoded<'_>) {
    match decoded {
        Decoded::Tcp(segment, payload) => {
            assert!(payload.len() <= segment.payload as usize, "more payload captured than sent");
            assert!(payload.len() <= data.len());
            assert!(segment.window_scale.is_none() || segment.flags.syn());
            assert!(segment.mss.is_none() || segment.flags.syn());
        }
        Decoded::Dns(datagram) => assert!(datagram.payload.len() <= data.len()),
        Decoded::Icmp(error) => {
            assert_eq!(error.quoted.source.address.is_ipv4(), error.quoted.destination.address.is_ipv4());
        }
        Decoded::Skipped(_) => {}
    }
}

/// All that no option tells.
fn facts(segment: &Segment) -> Segment {
    Segment { window_scale: None, mss: None, timestamps: None, sack: false, options_cut: false, ..*segment }
}

/// A file that was walked.
struct Walked {
    /// Frames with their offsets in the file.
    frames: Vec<FrameRef>,
    interfaces: Vec<Interface>,
    error: Option<CaptureError>,
    consumed: u64,
}

fn walk(bytes: &[u8], piece: usize) -> Walked {
    let mut walker = Walker::new();
    let (mut frames, mut error) = (Vec::new(), None);
    let (mut start, mut end) = (0, 0);
    while error.is_none() {
        end = (end + piece).min(bytes.len());
        let mut found = Vec::new();
        let last = end == bytes.len();
        match walker.walk(bytes.get(start..end).unwrap_or_default(), last, &mut found) {
            Ok(consumed) => {
                assert!(consumed <= end - start);
                frames.extend(found.into_iter().map(|frame| FrameRef { offset: frame.offset + start, ..frame }));
                start += consumed;
                assert_eq!(walker.offset(), start as u64);
            }
            Err(met) => {
                frames.extend(found.into_iter().map(|frame| FrameRef { offset: frame.offset + start, ..frame }));
                error = Some(met);
            }
        }
        if last {
            break;
        }
    }
    assert_eq!(walker.frames(), frames.len() as u64);
    Walked { frames, interfaces: walker.interfaces().to_vec(), error, consumed: walker.offset() }
}

const LINKS: [LinkType; 11] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL2,
    LinkType::LINUX_SLL,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::RAW_BSD,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::NFLOG,
    LinkType(7),
];
/// Header of a pcap record, or a pcapng simple packet without a byte.
const SMALLEST_RECORD: usize = 16;
/// Pieces of up to so many bytes cut every header of a record in two.
const LARGEST_PIECE: usize = 61;
