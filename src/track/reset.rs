//! A RST and what can be measured of it when it arrives.

use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

use super::{
    note::FrameId,
    pack::{pack_fields, pack_variants},
};

/// A reset, described by facts that are independent of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Reset {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub frame: FrameId,
    /// How it is made.
    pub shape: ResetShape,
    /// Its flags.
    pub flags: TcpFlags,
    /// Offset of its sequence number in the sender's stream.
    pub seq: i64,
    /// What it acknowledges of the other stream; `None` without the ACK flag.
    pub ack: Option<i64>,
    /// Whether the receiver would obey it.
    pub fit: SequenceFit,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TTL of most of the sender's other segments so far.
    pub usual_ttl: Option<u8>,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
    /// IPv4 identification of the sender's segment before.
    pub ip_id_before: Option<u16>,
    /// Window as it stands in the header.
    pub window: u16,
    /// Whether it carries the timestamps option.
    pub timestamps: bool,
    /// Payload bytes (a reason in text, with some devices).
    pub payload: u32,
    /// The printable ones of the first of them.
    pub text: Option<Box<str>>,
    /// Frame of the other end's segment that the RST answers, if it answers one.
    pub trigger: Option<FrameId>,
    /// From the earliest segment that it may answer to the RST, in nanoseconds.
    pub delay: Option<i64>,
    /// From the other end's last segment to the RST, in nanoseconds.
    pub since_other: Option<i64>,
    /// Whether its sender had sent a FIN before.
    pub after_own_fin: bool,
    /// Whether the other end had sent a FIN before.
    pub after_other_fin: bool,
    /// Bytes that the other end had sent and that were not acknowledged, by the RST either.
    pub unacknowledged: i64,
    /// Whether a request stood open: bytes of the originator without a (complete) response.
    pub request_open: bool,
    /// New payload segments that its sender sent afterwards, later than reordering explains.
    pub data_after: u32,
    /// Segments of any kind but RST that its sender sent afterwards, later than reordering explains.
    pub segments_after: u32,
    /// The same so soon afterwards that reordering may explain it; what an active reset's number shows to have been sent before it is not
    /// counted.
    pub segments_soon_after: u32,
}

pack_fields!(Reset {
    time,
    frame,
    shape,
    flags,
    seq,
    ack,
    fit,
    ttl,
    usual_ttl,
    ip_id,
    ip_id_before,
    window,
    timestamps,
    payload,
    text,
    trigger,
    delay,
    since_other,
    after_own_fin,
    after_other_fin,
    unacknowledged,
    request_open,
    data_after,
    segments_after,
    segments_soon_after,
});

/// What of a RST's payload can be read: its printable characters among the first [`TEXT`] bytes (RFC 9293, 3.5.3, allows a reason in ASCII).
pub(super) fn readable(payload: &[u8]) -> Option<Box<str>> {
    let bytes = payload.iter().take(TEXT).copied();
    let text: String = bytes.filter(|byte| matches!(byte, b' '..=b'~')).map(char::from).collect();
    (!text.trim().is_empty()).then(|| text.into_boxed_str())
}

/// Bytes of a RST's payload that are looked at: a reason is a few words.
const TEXT: usize = 64;

/// How a RST is made. Linux makes two kinds, by two code paths; other stacks resemble one of them
/// (reference/reset-causes.md, 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResetShape {
    /// RST with ACK from a live socket: the owner killed the connection.
    Active,
    /// RST without ACK, numbered as the segment that it answers asks: nobody there knows the connection.
    Passive,
    /// RST with ACK and sequence number 0 in answer to a SYN: nobody listens, or a device refuses.
    Refusal,
}

pack_variants!(ResetShape { Active, Passive, Refusal });

impl ResetShape {
    /// The word of the `reset_shape` column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Refusal => "refusal",
        }
    }
}

/// Where a RST's sequence number stands against what its receiver expects (RFC 5961, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SequenceFit {
    /// Exactly the next number: obeyed.
    Exact,
    /// In the window, not the next number: answered by a challenge ACK.
    InWindow,
    /// Below what was received: dropped.
    Below,
    /// Beyond the window: dropped.
    Beyond,
    /// The receiver's state was not seen.
    Unknown,
}

pack_variants!(SequenceFit { Exact, InWindow, Below, Beyond, Unknown });

impl SequenceFit {
    /// Whether a receiver that follows RFC 5961 ends the connection.
    pub const fn obeyed(self) -> bool {
        matches!(self, Self::Exact | Self::Unknown)
    }
}
