//! One capture: its format, span, packets, links, what is cut or dropped.
//!
//! A file up to [`WHOLE`] bytes, a packed one and a stream are read in whole. Of a larger file the first and the last part are read, the latter by
//! the chain of records that ends where the file ends. Where there is none the file is read in whole after all.

use std::io::Read;

use wirecause_parsers::{
    capture::{FrameRef, LinkType, Walker},
    packet::{Decoded, decode},
    time::Timestamp,
};

use super::{
    Facts, Survey,
    flows::{FlowCounts, Flows},
};
use crate::{
    input::{Compression, Input, InputReport, Opened, Source, open},
    read::tail::{chained, last_part},
};

/// What a capture holds. Counts are of what was read of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureFacts {
    /// `pcap` or `pcapng`.
    pub format: &'static str,
    /// Packets read.
    pub packets: u64,
    /// Bytes read, of so many, where that is not all.
    pub sampled: Option<(u64, u64)>,
    /// Link types by their numbers, each once.
    pub links: Vec<LinkType>,
    /// Most bytes kept of a packet, each once; 0 = no limit.
    pub snap_lengths: Vec<u32>,
    /// Packets of which bytes are missing.
    pub cut: u64,
    /// Packets that the interfaces dropped, where the file says so.
    pub dropped: Option<u64>,
    /// Packets with a TCP segment.
    pub tcp: u64,
    /// TCP flows.
    pub flows: FlowCounts,
}

/// Surveys one capture.
pub(super) fn survey(input: &Input) -> Result<Survey, InputReport> {
    let mut opened = open(input).map_err(|error| InputReport::unreadable(input, error.to_string()))?;
    let mut report = InputReport::of(input, &opened);
    let mut reading = Reading::default();
    let large = large(input, &opened);
    let until = if large.is_some() { PART } else { u64::MAX };
    let mut done = reading.read(&mut opened.stream, until);
    let mut sampled = None;
    if let (Ok(false), Some((path, bytes))) = (&done, large) {
        let head = reading.read;
        match last_part(path, bytes, PART).ok().and_then(|part| reading.chained(&part)) {
            Some(read) => {
                sampled = Some((head + read, bytes));
                done = Ok(true);
            }
            None => done = reading.read(&mut opened.stream, u64::MAX),
        }
    }
    if let Err(damage) = done {
        report.damage = Some(damage);
    }
    if opened.bytes.is_none() {
        report.bytes = reading.read;
    }
    let span = reading.span;
    Ok(Survey { report, span, facts: Facts::Capture(reading.facts(sampled)) })
}

/// Where a file lies that is not read in whole, and its size.
fn large<'a>(input: &'a Input, opened: &Opened) -> Option<(&'a std::path::Path, u64)> {
    let Source::File(path) = &input.source else { return None };
    let bytes = opened.bytes.filter(|bytes| *bytes > WHOLE && opened.compression == Compression::None)?;
    Some((path, bytes))
}

/// A capture as far as it was read.
#[derive(Default)]
struct Reading {
    magic: [u8; 4],
    walker: Walker,
    buffer: Vec<u8>,
    frames: Vec<FrameRef>,
    read: u64,
    packets: u64,
    span: Option<(Timestamp, Timestamp)>,
    cut: u64,
    tcp: u64,
    flows: Flows,
}

impl Reading {
    /// Reads on until so many bytes are read; true at the end of the file, else what is wrong with it.
    fn read(&mut self, stream: &mut impl Read, until: u64) -> Result<bool, String> {
        loop {
            if self.read >= until {
                return Ok(false);
            }
            let result = stream.by_ref().take(CHUNK).read_to_end(&mut self.buffer);
            let ended = !matches!(result, Ok(length) if length as u64 == CHUNK);
            self.read += result.as_ref().map_or(0, |length| *length as u64);
            if self.magic == [0; 4] {
                self.magic = self.buffer.first_chunk().copied().unwrap_or_default();
            }
            self.frames.clear();
            let walked = self.walker.walk(&self.buffer, ended && result.is_ok(), &mut self.frames);
            let buffer = std::mem::take(&mut self.buffer);
            self.look(&buffer);
            self.buffer = buffer;
            self.buffer.drain(..walked.map_err(|error| error.to_string())?);
            match result {
                Err(error) => return Err(format!("after byte {} of its content: {error}", self.read)),
                Ok(_) if ended => return Ok(true),
                Ok(_) => {}
            }
        }
    }

    /// Finds records in the file's last part whose chain ends with it, and looks at them; how many bytes they take.
    fn chained(&mut self, part: &[u8]) -> Option<u64> {
        let chain = chained(part, &self.walker, self.span?.0)?;
        (self.walker, self.frames) = (chain.walker, chain.frames);
        let records = part.get(chain.start..)?;
        self.look(records);
        Some(records.len() as u64)
    }

    /// Looks at the frames of a buffer that were walked last.
    fn look(&mut self, buffer: &[u8]) {
        self.packets += self.frames.len() as u64;
        for frame in &self.frames {
            let (first, last) = self.span.unwrap_or((frame.time, frame.time));
            self.span = Some((first.min(frame.time), last.max(frame.time)));
            self.cut += u64::from(frame.captured < frame.original);
            let link = self.walker.interfaces().get(frame.interface as usize).map(|interface| interface.link);
            let data = buffer.get(frame.offset..frame.offset + frame.captured as usize);
            let (Some(link), Some(data)) = (link, data) else { continue };
            if let Decoded::Tcp(segment, _) = decode(link, data, frame.original) {
                self.tcp += 1;
                self.flows.add(&segment);
            }
        }
    }

    fn facts(&self, sampled: Option<(u64, u64)>) -> CaptureFacts {
        let interfaces = self.walker.interfaces();
        let once = |values: &mut Vec<u32>| {
            values.sort_unstable();
            values.dedup();
        };
        let mut links: Vec<u32> = interfaces.iter().map(|interface| interface.link.0.into()).collect();
        let mut snap_lengths: Vec<u32> = interfaces.iter().map(|interface| interface.snap_length).collect();
        once(&mut links);
        once(&mut snap_lengths);
        CaptureFacts {
            format: if self.magic == PCAPNG { "pcapng" } else { "pcap" },
            packets: self.packets,
            sampled,
            links: links.into_iter().map(|link| LinkType(link as u16)).collect(),
            snap_lengths,
            cut: self.cut,
            dropped: interfaces.iter().filter_map(|interface| interface.dropped).reduce(|a, b| a + b),
            tcp: self.tcp,
            flows: self.flows.counts(),
        }
    }
}

/// A file up to this size is read in whole, in a quarter of a second.
pub const WHOLE: u64 = 256 << 20;
/// Bytes read at each end of a larger one: some hundred thousand packets.
const PART: u64 = 32 << 20;
/// Bytes read at once.
const CHUNK: u64 = 4 << 20;
/// The type of a section header block, in either byte order.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian pcap of Ethernet frames of changing length, one a millisecond, and the offsets of its records.
    fn pcap(frames: u32) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0".to_vec();
        let mut offsets = Vec::new();
        for number in 0..frames {
            offsets.push(bytes.len());
            let length = 60 + number * 37 % 900;
            for word in [1_000_000 + number / 1000, number % 1000 * 1000, length, length] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend((0..length).map(|at| (at * number) as u8));
        }
        (bytes, offsets)
    }

    #[test]
    fn records_in_the_middle_of_a_file_are_found_by_their_chain_to_its_end() {
        let (bytes, offsets) = pcap(5_000);
        let mut reading = Reading::default();
        assert_eq!(reading.read(&mut &bytes[..offsets[1_000]], u64::MAX), Ok(true));
        for cut in [offsets[3_000], offsets[3_000] + 1, offsets[3_000] + 17] {
            let mut reading = Reading { walker: reading.walker.clone(), span: reading.span, ..Reading::default() };
            let read = reading.chained(&bytes[cut..]).unwrap() as usize;
            let expected = if cut == offsets[3_000] { 3_000 } else { 3_001 };
            assert_eq!((bytes.len() - read, reading.packets), (offsets[expected], 5_000 - expected as u64));
            assert_eq!(reading.span.unwrap().1, Timestamp::from_parts(1_000_004, 999_000_000));
        }
    }

    #[test]
    fn a_file_that_ends_within_a_record_has_no_chain() {
        let (bytes, offsets) = pcap(500);
        let mut reading = Reading::default();
        assert_eq!(reading.read(&mut &bytes[..offsets[100]], u64::MAX), Ok(true));
        assert_eq!(reading.chained(&bytes[offsets[200]..bytes.len() - 3]), None);
    }

    #[test]
    fn what_is_cut_short_is_told_with_what_stood_before() {
        let (bytes, _) = pcap(100);
        let mut reading = Reading::default();
        assert!(reading.read(&mut &bytes[..bytes.len() - 1], u64::MAX).is_err());
        assert_eq!(reading.facts(None).packets, 99);
        assert_eq!(reading.span.unwrap().0, Timestamp::from_parts(1_000_000, 0));
    }
}
