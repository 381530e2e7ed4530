//! Captures: files in order of their first packets, batches of frames decoded in parallel, shards tracked in parallel.
//!
//! Shards are many and their number is fixed, so that the result does not depend on threads. Files that were rotated are one
//! capture: their connections run on. Files whose times overlap were taken at different points, and each point is tracked by itself.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use rayon::prelude::*;
use wirecause_parsers::{
    capture::{CaptureError, FrameRef, Interface, LinkType, Walker},
    packet::{Decoded, FlowEnds, IcmpError, Segment, Skip, decode},
    payload::dns,
    time::Timestamp,
};

use crate::{
    input::{self, Input, InputReport, Opened, open},
    track::{Arrival, Connection, FlowKey, FrameId, TrackCounts, Tracker},
};

/// All captures of a run, read and tracked.
#[derive(Debug, Default)]
pub struct Captures {
    /// The files, in order of their first packets.
    pub files: Vec<CaptureFile>,
    /// The points at which they were taken, each with its connections.
    pub points: Vec<Point>,
    /// DNS messages in order of time.
    pub dns: Vec<(Timestamp, dns::Message)>,
    /// Frames that hold nothing for us, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// DNS messages that could not be read.
    pub bad_dns: u64,
    /// ICMP errors about flows.
    pub icmp_errors: u64,
    /// TCP segments decoded.
    pub segments: u64,
    /// What tracking met.
    pub track: TrackCounts,
    /// DNS messages that were read and not kept because there were too many.
    pub dns_beyond_bound: u64,
}

/// One capture file.
#[derive(Clone, Debug)]
pub struct CaptureFile {
    /// Its name in the output.
    pub name: String,
    /// Frames read.
    pub frames: u64,
    /// Time of its first frame.
    pub first: Option<Timestamp>,
    /// Latest time of a frame.
    pub last: Option<Timestamp>,
    /// Long times without any frame, at most `MAX_SILENCES`.
    pub silences: Vec<(Timestamp, Timestamp)>,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// What became of the input.
    pub report: InputReport,
    /// The input, to read packets again.
    pub input: Input,
    /// Index of the point at which it was taken.
    pub point: usize,
}

/// One capture point: files that follow each other in time.
#[derive(Debug, Default)]
pub struct Point {
    /// Indices of its files.
    pub files: Vec<usize>,
    /// Its connections in order of their start.
    pub connections: Vec<Connection>,
}

/// Reads `inputs`, which are captures. Those that cannot be opened are reported beside.
pub fn read_captures(inputs: &[Input]) -> (Captures, Vec<InputReport>) {
    let mut unreadable = Vec::new();
    let mut found: Vec<Found<'_>> = Vec::new();
    for input in inputs {
        match Source::open(input) {
            Ok(mut source) => {
                let first = source.first_time();
                // Files are closed again: a directory may hold more of them than a process may have open.
                let held = (input.source == input::Source::Stdin).then_some(source);
                found.push(Found { input, first, held });
            }
            Err(error) => unreadable.push(InputReport::unreadable(input, error.to_string())),
        }
    }
    // Files without a packet come last; names break ties, so that the order of arguments does not matter.
    found.sort_by(|a, b| {
        a.first.is_none().cmp(&b.first.is_none()).then(a.first.cmp(&b.first)).then(a.input.name.cmp(&b.input.name))
    });
    let mut captures = Captures::default();
    let mut points: Vec<LivePoint> = Vec::new();
    for Found { input, first, held } in found {
        let place = points.iter().position(|point| point.may_continue(first));
        if place.is_none() && points.len() >= MAX_POINTS {
            unreadable.push(InputReport::unreadable(input, TOO_MANY_POINTS.to_owned()));
            continue;
        }
        let source = match held.map_or_else(|| Source::open(input), Ok) {
            Ok(source) => source,
            Err(error) => {
                unreadable.push(InputReport::unreadable(input, error.to_string()));
                continue;
            }
        };
        let index = captures.files.len();
        let point = place.unwrap_or_else(|| {
            points.push(LivePoint::default());
            points.len() - 1
        });
        let file = CaptureFile { point, ..source.read(index as u32, &mut points[point], &mut captures) };
        points[point].files.push(index);
        points[point].last = points[point].last.max(file.last);
        captures.files.push(file);
    }
    captures.points = points
        .into_iter()
        .map(|point| {
            let (point, counts) = point.finish();
            captures.track += counts;
            point
        })
        .collect();
    captures.dns.sort_by_key(|(time, _)| *time);
    (captures, unreadable)
}

/// A capture file and the time of its first frame; standard input stays open, since it cannot be opened twice.
struct Found<'a> {
    input: &'a Input,
    first: Option<Timestamp>,
    held: Option<Source>,
}

/// A capture point under way.
struct LivePoint {
    files: Vec<usize>,
    last: Option<Timestamp>,
    shards: Vec<Tracker>,
}

impl Default for LivePoint {
    fn default() -> Self {
        Self { files: Vec::new(), last: None, shards: (0..SHARDS).map(|_| Tracker::default()).collect() }
    }
}

impl LivePoint {
    /// Whether a file that begins at `first` may follow what was read: rotated files overlap by a few packets at most.
    fn may_continue(&self, first: Option<Timestamp>) -> bool {
        match (self.last, first) {
            (Some(last), Some(first)) => first.since(last) >= -ROTATION_OVERLAP,
            _ => true,
        }
    }

    fn finish(self) -> (Point, TrackCounts) {
        let mut connections = Vec::new();
        let mut counts = TrackCounts::default();
        let finished: Vec<_> = self.shards.into_par_iter().map(Tracker::finish).collect();
        for (of_shard, of_counts) in finished {
            connections.extend(of_shard);
            counts += of_counts;
        }
        connections.sort_by_key(|connection| (connection.start, connection.first_frame));
        (Point { files: self.files, connections }, counts)
    }
}

/// An open capture file and the part of it that was read and not consumed yet.
pub(super) struct Source {
    input: Input,
    opened: Opened,
    report: InputReport,
    walker: Walker,
    buffer: Vec<u8>,
    frames: Vec<FrameRef>,
    consumed: usize,
    read: u64,
    ended: bool,
    failed: Option<CaptureError>,
}

impl Source {
    pub(super) fn open(input: &Input) -> io::Result<Self> {
        let opened = open(input)?;
        Ok(Self {
            input: input.clone(),
            report: InputReport::of(input, &opened),
            opened,
            walker: Walker::new(),
            buffer: Vec::new(),
            frames: Vec::new(),
            consumed: 0,
            read: 0,
            ended: false,
            failed: None,
        })
    }

    /// The time of the first frame: reads as much as that takes.
    fn first_time(&mut self) -> Option<Timestamp> {
        while self.frames.is_empty() && self.more(FIRST_READ) {}
        self.frames.first().map(|frame| frame.time)
    }

    /// Reads up to `bytes` more and walks them; false when nothing came. What was walked before is dropped.
    pub(super) fn more(&mut self, bytes: usize) -> bool {
        if self.ended || self.failed.is_some() {
            return false;
        }
        self.buffer.drain(..self.consumed);
        self.frames.clear();
        self.consumed = 0;
        let before = self.buffer.len();
        match self.opened.stream.by_ref().take(bytes as u64).read_to_end(&mut self.buffer) {
            Ok(length) => self.ended = length < bytes,
            Err(error) => {
                self.ended = true;
                let at = self.read + (self.buffer.len() - before) as u64;
                self.report.damage = Some(format!("after byte {at} of its content: {error}"));
            }
        }
        self.read += (self.buffer.len() - before) as u64;
        match self.walker.walk(&self.buffer, self.ended, &mut self.frames) {
            Ok(consumed) => self.consumed = consumed,
            Err(error) => {
                self.report.damage.get_or_insert_with(|| error.to_string());
                self.failed = Some(error);
                self.consumed = self.buffer.len();
            }
        }
        true
    }

    /// What was read and not consumed before; the frames lie in it.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The frames that the last step walked.
    pub(super) fn frames(&self) -> &[FrameRef] {
        &self.frames
    }

    /// Interfaces described so far.
    pub(super) fn interfaces(&self) -> &[Interface] {
        self.walker.interfaces()
    }

    /// Frames walked so far.
    pub(super) fn walked(&self) -> u64 {
        self.walker.frames()
    }

    fn read(mut self, index: u32, point: &mut LivePoint, captures: &mut Captures) -> CaptureFile {
        let (mut first, mut last) = (None, None);
        let mut silences = Vec::new();
        self.opened = self.opened.read_ahead(BATCH_BYTES);
        loop {
            if !self.frames.is_empty() {
                add_silences(&mut silences, last, &self.frames);
                first = first.or(self.frames.first().map(|frame| frame.time));
                last = last.max(self.frames.iter().map(|frame| frame.time).max());
                batch(&self, index, point, captures);
            }
            if !self.more(BATCH_BYTES) {
                break;
            }
        }
        if self.opened.bytes.is_none() {
            self.report.bytes = self.read;
        }
        let interfaces = self.walker.interfaces().to_vec();
        CaptureFile {
            name: self.input.name.clone(),
            frames: self.walker.frames(),
            first,
            last,
            silences,
            interfaces,
            report: self.report,
            input: self.input,
            point: 0,
        }
    }
}

/// Notes the long times without a frame; `last` is the latest time before these frames.
fn add_silences(silences: &mut Vec<(Timestamp, Timestamp)>, mut last: Option<Timestamp>, frames: &[FrameRef]) {
    for frame in frames {
        if let Some(before) = last
            && frame.time.since(before) >= LONG_SILENCE
            && silences.len() < MAX_SILENCES
        {
            silences.push((before, frame.time));
        }
        last = last.max(Some(frame.time));
    }
}

/// One decoded frame on its way to its shard.
struct Item<'a> {
    time: Timestamp,
    frame: FrameId,
    what: What<'a>,
}

enum What<'a> {
    Segment { segment: Segment, payload: &'a [u8], interface: u32 },
    Icmp(IcmpError),
}

/// What a worker made of its part of a batch.
struct Part<'a> {
    shards: Vec<Vec<Item<'a>>>,
    dns: Vec<(Timestamp, dns::Message)>,
    skipped: BTreeMap<Skip, u64>,
    bad_dns: u64,
    icmp_errors: u64,
    segments: u64,
}

fn batch(source: &Source, file: u32, point: &mut LivePoint, captures: &mut Captures) {
    let (buffer, interfaces) = (source.buffer.as_slice(), source.walker.interfaces());
    let parts: Vec<Part<'_>> =
        source.frames.par_chunks(CHUNK_FRAMES).map(|frames| decode_part(buffer, frames, interfaces, file)).collect();
    point.shards.par_iter_mut().enumerate().for_each(|(shard, tracker)| {
        let mut items: Vec<&Item<'_>> = parts.iter().flat_map(|part| &part.shards[shard]).collect();
        items.sort_by_key(|item| (item.time, item.frame));
        for item in items {
            match &item.what {
                What::Segment { segment, payload, interface } => tracker.segment(&Arrival {
                    time: item.time,
                    frame: item.frame,
                    interface: *interface,
                    segment,
                    payload,
                }),
                What::Icmp(error) => tracker.icmp(item.time, item.frame, error),
            }
        }
    });
    for part in parts {
        let room = MAX_DNS.saturating_sub(captures.dns.len());
        captures.dns_beyond_bound += part.dns.len().saturating_sub(room) as u64;
        captures.dns.extend(part.dns.into_iter().take(room));
        for (skip, count) in part.skipped {
            *captures.skipped.entry(skip).or_default() += count;
        }
        captures.bad_dns += part.bad_dns;
        captures.icmp_errors += part.icmp_errors;
        captures.segments += part.segments;
    }
}

fn decode_part<'a>(buffer: &'a [u8], frames: &[FrameRef], interfaces: &[Interface], file: u32) -> Part<'a> {
    let mut part = Part {
        shards: (0..SHARDS).map(|_| Vec::new()).collect(),
        dns: Vec::new(),
        skipped: BTreeMap::new(),
        bad_dns: 0,
        icmp_errors: 0,
        segments: 0,
    };
    for frame in frames {
        let data = buffer.get(frame.offset..frame.offset + frame.captured as usize).unwrap_or_default();
        let link = interfaces.get(frame.interface as usize).map_or(LinkType::ETHERNET, |interface| interface.link);
        let id = FrameId { file, number: frame.number };
        let mut place = |ends: FlowEnds, what: What<'a>| {
            let shard = FlowKey::new(ends).shard(SHARDS);
            part.shards[shard].push(Item { time: frame.time, frame: id, what });
        };
        match decode(link, data, frame.original) {
            Decoded::Tcp(segment, payload) => {
                part.segments += 1;
                let interface = device(link, data).unwrap_or(frame.interface);
                place(segment.ends, What::Segment { segment, payload, interface });
            }
            Decoded::Icmp(error) => {
                part.icmp_errors += 1;
                place(error.quoted, What::Icmp(error));
            }
            Decoded::Dns(datagram) => match dns::message(datagram.payload) {
                Ok(message) => part.dns.push((frame.time, message)),
                Err(error) => {
                    part.bad_dns += 1;
                    part.dns.extend(error.read().map(|message| (frame.time, message.clone())));
                }
            },
            Decoded::Skipped(skip) => *part.skipped.entry(skip).or_default() += 1,
        }
    }
    part
}

/// The device that a cooked capture names in each frame: the same packet may be captured on several.
fn device(link: LinkType, data: &[u8]) -> Option<u32> {
    if link != LinkType::LINUX_SLL2 {
        return None;
    }
    Some(u32::from_be_bytes(*data.get(4..)?.first_chunk()?))
}

/// Points told apart. Captures of one incident come from a handful of machines and interfaces; each point costs its shards.
const MAX_POINTS: usize = 64;
const TOO_MANY_POINTS: &str = "not read: captures of more than 64 points overlap in time";
/// DNS messages kept, at some two hundred bytes each. A gateway caches what it resolved, so that days hold less.
const MAX_DNS: usize = 1 << 20;
/// Shards of a point. Fixed, so that the result does not depend on threads; 64 keep a shard's live state small.
const SHARDS: usize = 64;
/// Bytes of a capture decoded and tracked at a time: at least 64 k packets of the usual sizes.
const BATCH_BYTES: usize = 32 << 20;
/// Bytes read to find a file's first packet.
const FIRST_READ: usize = 1 << 16;
/// Frames a worker decodes at a time.
const CHUNK_FRAMES: usize = 8192;
/// Rotated files may overlap by this much, ns: packets of one instant fall on either side of the cut.
const ROTATION_OVERLAP: i64 = 1_000_000_000;
/// A gateway at work sends something more often than this, if only keep-alives and health checks, ns.
const LONG_SILENCE: i64 = 10_000_000_000;
/// Silences kept of one file.
const MAX_SILENCES: usize = 64;
