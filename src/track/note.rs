//! What is kept of a single segment: enough to tell the connection's story, nothing of its payload.

use std::fmt;

use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

use super::pack::pack_variants;

/// A frame of one of the run's capture files: index of the file, and number in it, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(u64);

impl FrameId {
    /// The frame of that number, from 1 (Wireshark's `frame.number`), in the file of that index in the run's list of captures.
    #[inline]
    pub const fn new(file: u32, number: u64) -> Self {
        Self((file as u64) << NUMBER_BITS | number & NUMBERS)
    }

    /// Index of the file in the run's list of captures.
    pub const fn file(self) -> u32 {
        (self.0 >> NUMBER_BITS) as u32
    }

    /// Number in that file, from 1 (Wireshark's `frame.number`).
    pub const fn number(self) -> u64 {
        self.0 & NUMBERS
    }

    /// Both as one number, in the order of the frames.
    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// The frame of such a number.
    pub(super) const fn of_word(word: u64) -> Self {
        Self(word)
    }
}

impl fmt::Debug for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.number())
    }
}

/// Room for a trillion frames in each of sixteen million files; a frame takes 16 bytes at least, so that the first stands for 16 TB.
const NUMBER_BITS: u32 = 40;
const NUMBERS: u64 = (1 << NUMBER_BITS) - 1;

/// Which end of a connection sent a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the end that opened the connection.
    Originator,
    /// From the end that was called.
    Responder,
}

impl Direction {
    /// The other end.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

/// One segment as the connection keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// Capture time.
    pub time: Timestamp,
    /// Where it stands.
    pub frame: FrameId,
    /// Who sent it.
    pub from: Direction,
    /// Its flags.
    pub flags: TcpFlags,
    /// Offset of its first sequence number in its sender's stream.
    pub seq: i64,
    /// Offset it acknowledges in the other stream; `None` without the ACK flag.
    pub ack: Option<i64>,
    /// Payload bytes on the wire.
    pub payload: u32,
    /// Window as it stands in the header.
    pub window: u16,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// What it brought.
    pub kind: NoteKind,
}

/// What a segment brought to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// No payload.
    Control,
    /// Payload, at least one byte of it for the first time.
    New,
    /// Payload that fills a hole soon after it opened: the network's reordering.
    OutOfOrder,
    /// Payload sent before.
    Retransmission,
    /// A probe of at most one byte just before the next expected one (RFC 1122, section 4.2.3.6).
    KeepAlive,
}

pack_variants!(NoteKind { Control, New, OutOfOrder, Retransmission, KeepAlive });
