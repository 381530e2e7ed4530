//! What is kept of a single segment: enough to tell the connection's story, nothing of its payload.

use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

/// A frame of one of the run's capture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId {
    /// Index of the file in the run's list of captures.
    pub file: u32,
    /// Number in that file, from 1 (Wireshark's `frame.number`).
    pub number: u64,
}

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
