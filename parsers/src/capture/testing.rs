//! Captures built by hand, and ways to walk them, for the tests of this folder.

use super::{CaptureError, FrameRef, Walker};

/// Byte order of a capture to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// Words one after the other.
    pub(super) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|&word| self.u32(word)).collect()
    }
}

/// A classic file header.
pub(super) fn pcap_header(order: Order, magic: u32, snap_length: u32, link: u32) -> Vec<u8> {
    let version = [order.u16(2), order.u16(4)].concat();
    [order.u32(magic).to_vec(), version, order.words(&[0, 0, snap_length, link])].concat()
}

/// A classic record.
pub(super) fn pcap_record(order: Order, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Vec<u8> {
    [order.words(&[seconds, fraction, data.len() as u32, original]), data.to_vec()].concat()
}

/// A pcapng block around a body, which is padded.
pub(super) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(padded as u32 + 12);
    let padding = vec![0; padded - body.len()];
    [&order.u32(kind)[..], &length, body, &padding, &length].concat()
}

/// A section header.
pub(super) fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &order.u64(u64::MAX)].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An option, padded.
pub(super) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&order.u16(code)[..], &order.u16(value.len() as u16), value, &padding].concat()
}

/// An interface description.
pub(super) fn interface(order: Order, link: u16, snap_length: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let body = [&order.u16(link)[..], &[0, 0], &order.u32(snap_length), &options.concat()].concat();
    block(order, 1, &body)
}

/// An enhanced packet.
pub(super) fn enhanced(order: Order, interface: u32, stamp: u64, original: u32, data: &[u8]) -> Vec<u8> {
    let head = order.words(&[interface, (stamp >> 32) as u32, stamp as u32, data.len() as u32, original]);
    block(order, 6, &[head, data.to_vec()].concat())
}

/// Walks a whole file.
pub(super) fn walk(bytes: &[u8]) -> (Walker, Vec<FrameRef>, Result<usize, CaptureError>) {
    let (mut walker, mut frames) = (Walker::new(), Vec::new());
    let result = walker.walk(bytes, true, &mut frames);
    (walker, frames, result)
}

/// Walks a file of which `chunk` more bytes come at a time; offsets are made those of the whole file.
pub(super) fn walk_in_chunks(bytes: &[u8], chunk: usize) -> (Walker, Vec<FrameRef>, Result<(), CaptureError>) {
    let (mut walker, mut frames) = (Walker::new(), Vec::new());
    let (mut from, mut to) = (0, 0);
    loop {
        to = (to + chunk).min(bytes.len());
        let mut found = Vec::new();
        let result = walker.walk(&bytes[from..to], to == bytes.len(), &mut found);
        frames.extend(found.into_iter().map(|frame| FrameRef { offset: frame.offset + from, ..frame }));
        match result {
            Ok(consumed) => from += consumed,
            Err(error) => return (walker, frames, Err(error)),
        }
        assert_eq!(walker.offset(), from as u64);
        if to == bytes.len() {
            assert_eq!(from, to, "a clean end leaves nothing");
            return (walker, frames, Ok(()));
        }
    }
}

/// Cuts a file at every length: nothing but frames of the whole file may come out, and a cut is either clean or named.
pub(super) fn cut_everywhere(bytes: &[u8]) {
    let (_, whole, result) = walk(bytes);
    assert_eq!(result, Ok(bytes.len()));
    for length in 0..bytes.len() {
        let (walker, frames, result) = walk(&bytes[..length]);
        assert_eq!(frames, whole[..frames.len()], "cut at {length}");
        let left = length as u64 - walker.offset();
        match result {
            Ok(consumed) => assert_eq!((consumed, left), (length, 0)),
            Err(CaptureError::Cut { offset, expected, found }) => {
                assert_eq!((offset, found), (walker.offset(), left));
                assert!(expected > found, "cut at {length}");
            }
            Err(other) => panic!("cut at {length}: {other:?}"),
        }
    }
}
