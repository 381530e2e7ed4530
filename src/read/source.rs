//! An open capture file, read and walked a slab at a time.

use std::{
    io::{self, Read},
    sync::Arc,
};

use wirecause_parsers::{
    capture::{CaptureError, FrameRef, Interface, LinkType, Walker},
    time::Timestamp,
};

use super::{
    route::usual_shard,
    tail::{chained, last_part},
};
use crate::input::{self, Compression, Input, InputReport, Opened, open};

/// A part of a capture file: bytes, and the whole frames that lie in them.
#[derive(Debug, Default)]
pub(super) struct Slab {
    /// The bytes; those from `filled` on are left from an earlier use.
    buffer: Vec<u8>,
    filled: usize,
    frames: Vec<FrameRef>,
    /// The shard of each frame of the usual shape.
    shards: Vec<u8>,
    links: Arc<Vec<LinkType>>,
}

impl Slab {
    /// The frames, in the order of the file.
    pub(super) fn frames(&self) -> &[FrameRef] {
        &self.frames
    }

    /// The shard of each frame, as [`usual_shard`] tells it.
    pub(super) fn shards(&self) -> &[u8] {
        &self.shards
    }

    /// What was read; the frames lie in it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Bytes of memory that it takes.
    pub(super) fn size(&self) -> usize {
        self.buffer.len() + size_of_val(self.frames.as_slice())
    }

    /// The bytes captured of a frame, and the link type of its interface.
    pub(super) fn data(&self, frame: &FrameRef) -> (LinkType, &[u8]) {
        let link = self.links.get(frame.interface as usize).copied().unwrap_or(LinkType::ETHERNET);
        (link, self.buffer.get(frame.offset..frame.offset + frame.captured as usize).unwrap_or_default())
    }

    /// Leaves out the first frames.
    pub(super) fn leave_out(&mut self, first: usize) {
        self.frames.drain(..first.min(self.frames.len()));
        self.shards.drain(..first.min(self.shards.len()));
    }

    /// Frames of nothing at these times, in ns.
    #[cfg(test)]
    pub(super) fn of_times(times: &[i64]) -> Self {
        let frame = |(index, time): (usize, &i64)| FrameRef {
            time: Timestamp::from_nanos(*time),
            number: index as u64 + 1,
            offset: 0,
            captured: 0,
            original: 0,
            interface: 0,
            header: 16,
        };
        Self { frames: times.iter().enumerate().map(frame).collect(), ..Self::default() }
    }

    fn clear(&mut self) {
        self.filled = 0;
        self.frames.clear();
        self.shards.clear();
    }

    fn begin_with(&mut self, bytes: &[u8]) {
        if self.buffer.len() < bytes.len() {
            self.buffer.resize(bytes.len(), 0);
        }
        if let Some(room) = self.buffer.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.filled = bytes.len();
    }

    /// Reads once from `stream`, up to `most` bytes.
    fn read(&mut self, stream: &mut impl Read, most: usize) -> io::Result<usize> {
        let end = self.filled + most;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let room = self.buffer.get_mut(self.filled..end).unwrap_or_default();
        loop {
            match stream.read(room) {
                Ok(length) => {
                    self.filled += length;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// An open capture file.
pub(super) struct Source {
    opened: Opened,
    report: InputReport,
    walker: Walker,
    links: Arc<Vec<LinkType>>,
    /// The beginning of a record whose end was not read yet.
    rest: Vec<u8>,
    read: u64,
    ended: bool,
}

impl Source {
    pub(super) fn open(input: &Input) -> io::Result<Self> {
        let opened = open(input)?;
        Ok(Self {
            report: InputReport::of(input, &opened),
            opened,
            walker: Walker::new(),
            links: Arc::default(),
            rest: Vec::new(),
            read: 0,
            ended: false,
        })
    }

    /// Whether it has to be inflated.
    pub(super) fn is_packed(&self) -> bool {
        self.opened.compression != Compression::None
    }

    /// Inflates ahead of the reader from now on, where there is anything to inflate.
    pub(super) fn ahead(mut self) -> Self {
        self.opened = self.opened.read_ahead(AHEAD);
        self
    }

    /// The time of the first frame, in a slab that holds it; reads as little as that takes.
    pub(super) fn first(&mut self) -> (Option<Timestamp>, Slab) {
        let mut slab = Slab::default();
        while slab.frames.is_empty() && self.fill(&mut slab, FIRST_READ) {}
        (slab.frames.first().map(|frame| frame.time), slab)
    }

    /// The latest time near the end of the file, of which the first packet came at `first`; `None` where that does not show without reading
    /// all of it.
    pub(super) fn last(&self, input: &Input, first: Timestamp) -> Option<Timestamp> {
        let input::Source::File(path) = &input.source else { return None };
        let bytes = self.opened.bytes.filter(|bytes| *bytes > LAST_READ && !self.is_packed())?;
        let chain = chained(&last_part(path, bytes, LAST_READ).ok()?, &self.walker, first)?;
        chain.frames.iter().map(|frame| frame.time).max()
    }

    /// Fills `slab` anew with what follows, about `bytes` of it. False: the file has ended, and `slab` is empty.
    ///
    /// Pieces are walked as they are read, while the processor's cache holds them. The last record may be a part of one: it
    /// begins the next slab.
    pub(super) fn fill(&mut self, slab: &mut Slab, bytes: usize) -> bool {
        slab.clear();
        if self.ended {
            return false;
        }
        slab.begin_with(&self.rest);
        let (until, mut walked) = (self.rest.len() + bytes, 0);
        self.rest.clear();
        while slab.filled < until && !self.ended {
            match slab.read(&mut self.opened.stream, PIECE.min(until - slab.filled)) {
                Ok(length) => {
                    self.ended = length == 0;
                    self.read += length as u64;
                }
                Err(error) => {
                    self.ended = true;
                    self.report.damage = Some(format!("after byte {} of its content: {error}", self.read));
                }
            }
            walked += self.walk(slab, walked);
        }
        self.rest.extend_from_slice(slab.bytes().get(walked..).unwrap_or_default());
        if self.links.len() != self.walker.interfaces().len() {
            self.links = Arc::new(self.walker.interfaces().iter().map(|interface| interface.link).collect());
        }
        slab.links = Arc::clone(&self.links);
        true
    }

    /// Walks the records of `slab` from `from` on, and says how many bytes the whole ones take.
    fn walk(&mut self, slab: &mut Slab, from: usize) -> usize {
        let before = slab.frames.len();
        let rest = slab.buffer.get(from..slab.filled).unwrap_or_default();
        let length = rest.len();
        let consumed = self.walker.walk(rest, self.ended, &mut slab.frames).unwrap_or_else(|error| {
            self.fail(&error);
            length
        });
        // A frame's headers are in the processor's cache now, behind its record's.
        let interfaces = self.walker.interfaces();
        slab.shards.extend(slab.frames.iter_mut().skip(before).map(|frame| {
            let link = interfaces.get(frame.interface as usize).map_or(LinkType::ETHERNET, |interface| interface.link);
            let shard =
                usual_shard(link, rest.get(frame.offset..frame.offset + frame.captured as usize).unwrap_or_default());
            frame.offset += from;
            shard
        }));
        consumed
    }

    fn fail(&mut self, error: &CaptureError) {
        self.report.damage.get_or_insert_with(|| error.to_string());
        self.ended = true;
    }

    /// Interfaces described so far.
    pub(super) fn interfaces(&self) -> &[Interface] {
        self.walker.interfaces()
    }

    /// Frames walked so far.
    pub(super) fn walked(&self) -> u64 {
        self.walker.frames()
    }

    /// What is known of the input so far.
    pub(super) fn report(&self) -> &InputReport {
        &self.report
    }

    /// What became of the input.
    pub(super) fn finish(mut self) -> InputReport {
        if self.opened.bytes.is_none() {
            self.report.bytes = self.read;
        }
        self.report
    }
}

/// Bytes read at a time: within the second-level cache of today's processors, so that records are walked where they were put.
const PIECE: usize = 512 << 10;
/// Bytes inflated ahead of the reader: what it does not take at once keeps the inflating thread at work.
const AHEAD: usize = 32 << 20;
/// Bytes read to find a file's last packets: some thousand of usual ones.
const LAST_READ: u64 = 2 << 20;
/// Bytes read to find a file's first packet.
const FIRST_READ: usize = 64 << 10;
