//! A capture in memory, and the steps from its bytes to connections one by one, on one thread: what `src/read` does in batches.

use std::{fs, io::Read as _, path::Path};

use flate2::read::MultiGzDecoder;
use wirecause::track::{Arrival, Finished, FrameId, Tracker, flow::shard_of};
use wirecause_parsers::{
    capture::{FrameRef, LinkType, Walker},
    packet::{Decoded, IcmpError, Segment, decode},
    time::Timestamp,
};

/// A capture file's bytes, unpacked, and where its frames lie.
pub(crate) struct Capture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: Vec<FrameRef>,
    links: Vec<LinkType>,
}

/// What tracking takes of a frame.
pub(crate) struct Found<'a> {
    time: Timestamp,
    frame: FrameId,
    what: What<'a>,
}

enum What<'a> {
    Segment { segment: Segment, payload: &'a [u8], interface: u32 },
    Icmp(IcmpError),
}

impl Capture {
    pub(crate) fn read(path: &Path) -> Self {
        let mut bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let packed = std::mem::take(&mut bytes);
            MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("a whole gzip file");
        }
        let mut capture = Self { bytes, frames: Vec::new(), links: Vec::new() };
        let (frames, links) = capture.walk();
        (capture.frames, capture.links) = (frames, links);
        capture
    }

    /// Names every frame.
    pub(crate) fn walk(&self) -> (Vec<FrameRef>, Vec<LinkType>) {
        let (mut walker, mut frames) = (Walker::new(), Vec::new());
        walker.walk(&self.bytes, true, &mut frames).expect("a whole capture");
        (frames, walker.interfaces().iter().map(|interface| interface.link).collect())
    }

    /// Decodes every frame and shows each to `see`.
    pub(crate) fn decode<'a>(&'a self, mut see: impl FnMut(&FrameRef, Decoded<'a>)) {
        for frame in &self.frames {
            let data = &self.bytes[frame.offset..frame.offset + frame.captured as usize];
            see(frame, decode(self.links[frame.interface as usize], data, frame.original));
        }
    }

    /// Every segment and every ICMP error.
    pub(crate) fn found(&self) -> Vec<Found<'_>> {
        let mut found = Vec::with_capacity(self.frames.len());
        self.decode(|frame, decoded| {
            let what = match decoded {
                Decoded::Tcp(segment, payload) => What::Segment { segment, payload, interface: frame.interface },
                Decoded::Icmp(error) => What::Icmp(error),
                Decoded::Dns(_) | Decoded::Skipped(_) => return,
            };
            found.push(Found { time: frame.time, frame: FrameId::new(0, frame.number), what });
        });
        found
    }
}

/// Tracks all of it, in shards as the program does.
pub(crate) fn track(found: &[Found<'_>]) -> Vec<Finished> {
    let mut shards: Vec<Tracker> = (0..SHARDS).map(|_| Tracker::default()).collect();
    for Found { time, frame, what } in found {
        match what {
            What::Segment { segment, payload, interface } => {
                let shard = shard_of(segment.ends, SHARDS);
                let (time, frame, interface) = (*time, *frame, *interface);
                shards[shard].segment(&Arrival { time, frame, interface, segment, payload, outer: None });
            }
            What::Icmp(error) => shards[shard_of(error.quoted, SHARDS)].icmp(*time, *frame, error),
        }
    }
    shards.into_iter().flat_map(|tracker| tracker.finish().0).collect()
}

/// As many as the program has.
const SHARDS: usize = 64;
