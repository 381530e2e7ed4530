//! From frames to shards: which shard each frame concerns, and each shard's frames decoded and tracked in order.
//!
//! A frame's flow is read first and alone, which names its shard; the frame is decoded where it is tracked, so that nothing but its index
//! is carried between the two.

use std::collections::BTreeMap;

use rayon::prelude::*;
use wirecause_parsers::{
    capture::{FrameRef, LinkType},
    packet::{Decoded, FlowEnds, Skip, decode, usual_ends, usual_segment},
    payload::dns,
    time::Timestamp,
};

use super::order::{Due, Piece};
use crate::track::{Arrival, FrameId, Tracker, Wrapped, flow};

/// What frames hold beside the segments and ICMP errors that shards take.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// DNS messages.
    pub(super) dns: Vec<(Timestamp, dns::Message)>,
    /// Frames that hold nothing for us, by reason.
    pub(super) skipped: BTreeMap<Skip, u64>,
    /// DNS messages that could not be read.
    pub(super) bad_dns: u64,
    /// ICMP errors about flows.
    pub(super) icmp_errors: u64,
    /// TCP segments.
    pub(super) segments: u64,
}

/// Hands what is due to the `shards` of its point, and gives out what is beside it, in the order of the frames.
pub(super) fn route(due: &Due, shards: &mut [Tracker]) -> Vec<Beside> {
    let chunks: Vec<(&Piece, std::ops::Range<usize>)> = due
        .pieces
        .iter()
        .flat_map(|piece| {
            let starts = piece.frames.clone().step_by(CHUNK_FRAMES);
            starts.map(move |start| (piece, start..(start + CHUNK_FRAMES).min(piece.frames.end)))
        })
        .collect();
    let (routed, beside): (Vec<Routed<'_>>, Vec<Beside>) =
        chunks.into_par_iter().map(|(piece, frames)| Routed::new(piece, frames)).unzip();
    shards.par_iter_mut().enumerate().for_each(|(shard, tracker)| {
        if due.sorted {
            for part in &routed {
                part.of_shard(shard).iter().for_each(|index| track(part.piece, *index, tracker));
            }
        } else {
            let mut frames: Vec<_> =
                routed.iter().flat_map(|part| part.of_shard(shard).iter().map(|index| (part.piece, *index))).collect();
            // A step back concerns few shards.
            let place = |(piece, index): &(&Piece, u32)| (piece.key(*index as usize), piece.file, *index);
            if !frames.is_sorted_by_key(place) {
                frames.sort_by_key(place);
            }
            for (piece, index) in frames {
                track(piece, index, tracker);
            }
        }
    });
    beside
}

/// Frames of a piece by shard.
struct Routed<'a> {
    piece: &'a Piece,
    /// Indices in the slab, those of each shard together and in order.
    frames: Vec<u32>,
    /// Where those of each shard end.
    ends: [u32; SHARDS],
}

impl<'a> Routed<'a> {
    fn new(piece: &'a Piece, range: std::ops::Range<usize>) -> (Self, Beside) {
        let mut beside = Beside::default();
        let frames = piece.slab.frames().get(range.clone()).unwrap_or_default();
        let usual = piece.slab.shards().get(range.clone()).unwrap_or_default();
        let shards: Vec<u8> = frames
            .iter()
            .zip(usual)
            .map(|(frame, usual)| {
                if *usual != NO_SHARD {
                    beside.segments += 1;
                    return *usual;
                }
                let (link, data) = piece.slab.data(frame);
                beside.sort(frame, link, data).map_or(NO_SHARD, shard_of)
            })
            .collect();
        let mut ends = [0_u32; SHARDS];
        for shard in &shards {
            if let Some(count) = ends.get_mut(usize::from(*shard)) {
                *count += 1;
            }
        }
        let mut total = 0;
        let mut next = ends.map(|count| {
            total += count;
            total - count
        });
        let mut sorted = vec![0; total as usize];
        for (index, shard) in (range.start as u32..).zip(&shards) {
            let Some(place) = next.get_mut(usize::from(*shard)) else { continue };
            if let Some(slot) = sorted.get_mut(*place as usize) {
                *slot = index;
            }
            *place += 1;
        }
        (Self { piece, frames: sorted, ends: next }, beside)
    }

    fn of_shard(&self, shard: usize) -> &[u32] {
        let end = |shard: usize| self.ends.get(shard).map_or(0, |end| *end as usize);
        let start = shard.checked_sub(1).map_or(0, end);
        self.frames.get(start..end(shard)).unwrap_or_default()
    }
}

impl Beside {
    /// The flow that a frame concerns, of whatever shape it is; what concerns none is taken.
    fn sort(&mut self, frame: &FrameRef, link: LinkType, data: &[u8]) -> Option<FlowEnds> {
        match decode(link, data, frame.original) {
            Decoded::Tcp(segment, _) => {
                self.segments += 1;
                return Some(segment.ends);
            }
            Decoded::Icmp(error) => {
                self.icmp_errors += 1;
                return Some(error.quoted);
            }
            Decoded::Dns(datagram) => match dns::message(datagram.payload) {
                Ok(message) => self.dns.push((frame.time, message)),
                Err(error) => {
                    self.bad_dns += 1;
                    self.dns.extend(error.read().map(|message| (frame.time, message.clone())));
                }
            },
            Decoded::Skipped(skip) => *self.skipped.entry(skip).or_default() += 1,
        }
        None
    }
}

fn track(piece: &Piece, index: u32, tracker: &mut Tracker) {
    let Some(frame) = piece.slab.frames().get(index as usize) else { return };
    let (link, data) = piece.slab.data(frame);
    let id = FrameId::new(piece.file, frame.number);
    let interface = device(link, data).unwrap_or(frame.interface);
    if let Some((segment, payload)) = usual_segment(link, data) {
        let time = frame.time;
        return tracker.segment(&Arrival { time, frame: id, interface, segment: &segment, payload, outer: None });
    }
    match &decode(link, data, frame.original) {
        Decoded::Tcp(segment, payload) => {
            let wrapped = Wrapped { link, data, original: frame.original };
            let outer = (segment.ip.outer != 0).then_some(wrapped);
            tracker.segment(&Arrival { time: frame.time, frame: id, interface, segment, payload, outer });
        }
        Decoded::Icmp(error) => tracker.icmp(frame.time, id, error),
        Decoded::Dns(_) | Decoded::Skipped(_) => {}
    }
}

/// The shard that the segment in a frame of the usual shape concerns; `NO_SHARD`: what the frame holds is told by [`decode`].
#[inline]
pub(super) fn usual_shard(link: LinkType, data: &[u8]) -> u8 {
    usual_ends(link, data).map_or(NO_SHARD, shard_of)
}

#[inline]
fn shard_of(ends: FlowEnds) -> u8 {
    flow::shard_of(ends, SHARDS) as u8
}

/// The device that a cooked capture names in each frame: the same packet may be captured on several.
fn device(link: LinkType, data: &[u8]) -> Option<u32> {
    if link != LinkType::LINUX_SLL2 {
        return None;
    }
    Some(u32::from_be_bytes(*data.get(4..)?.first_chunk()?))
}

/// Shards of a point. Fixed, so that the result does not depend on threads; 64 keep a shard's live state small.
pub(super) const SHARDS: usize = 64;
/// What stands for no shard.
const NO_SHARD: u8 = u8::MAX;
/// Frames routed at a time by a worker.
const CHUNK_FRAMES: usize = 4096;
