//! The TCP header and its options.

use super::{Decoded, Segment, Skip, TcpFlags, ip::Network, layer::Layer};

/// Reads a segment. Everything up to the window must have been captured; options may be cut.
pub(super) fn decode<'a>(network: &Network, segment: Layer<'a>) -> Result<Decoded<'a>, Skip> {
    let (&[s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1], _) = segment.header::<16>()?;
    let length = usize::from(offset >> 4) * 4;
    if length < FIXED_LENGTH {
        return Err(Skip::Malformed);
    }
    let payload = segment.skip(length)?;
    let flags = TcpFlags(flags);
    let options = Options::read(options(segment.bytes, length), flags);
    let segment = Segment {
        ends: network.ends([s0, s1], [d0, d1]),
        ip: network.facts,
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags,
        window: u16::from_be_bytes([w0, w1]),
        payload: payload.wire,
        window_scale: options.window_scale,
        mss: options.mss,
        timestamps: options.timestamps(),
        sack: options.sack,
        options_cut: segment.bytes.len() < length,
    };
    Ok(Decoded::Tcp(segment, payload.bytes))
}

/// The captured bytes of the options of a header of `length` bytes.
fn options(segment: &[u8], length: usize) -> &[u8] {
    segment.get(FIXED_LENGTH..length.min(segment.len())).unwrap_or_default()
}

/// What the options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) mss: Option<u16>,
    pub(super) window_scale: Option<u8>,
    /// Value and echo of the timestamps option as they stand there: in one piece, as they are read and copied at once.
    timestamps: Option<[u8; 8]>,
    pub(super) sack: bool,
}

impl Options {
    /// Reads options up to their end, to the first one that is cut, or to one whose length cannot be.
    #[inline]
    pub(super) fn read(bytes: &[u8], flags: TcpFlags) -> Self {
        // All that most segments carry, padded as every stack pads it (RFC 7323, appendix A).
        if let &[NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10, ref timestamps @ ..] = bytes
            && let Ok(timestamps) = timestamps.try_into()
        {
            return Self { timestamps: Some(timestamps), ..Self::default() };
        }
        Self::read_each(bytes, flags)
    }

    /// The timestamps option: value and echo.
    #[inline]
    pub(super) fn timestamps(&self) -> Option<(u32, u32)> {
        let [v0, v1, v2, v3, e0, e1, e2, e3] = self.timestamps?;
        Some((u32::from_be_bytes([v0, v1, v2, v3]), u32::from_be_bytes([e0, e1, e2, e3])))
    }

    fn read_each(mut bytes: &[u8], flags: TcpFlags) -> Self {
        let mut options = Self::default();
        while let Some((&kind, rest)) = bytes.split_first() {
            bytes = match kind {
                END => break,
                NO_OPERATION => rest,
                _ => {
                    let Some((value, after)) = value(rest) else { break };
                    options.set(kind, value, flags);
                    after
                }
            };
        }
        options
    }

    fn set(&mut self, kind: u8, value: &[u8], flags: TcpFlags) {
        match (kind, value) {
            (MAXIMUM_SEGMENT_SIZE, &[high, low]) if flags.syn() => self.mss = Some(u16::from_be_bytes([high, low])),
            (WINDOW_SCALE, &[shift]) if flags.syn() => self.window_scale = Some(shift),
            (SACK_PERMITTED, []) | (SACK, _) => self.sack = true,
            (TIMESTAMPS, value) => self.timestamps = value.try_into().ok().or(self.timestamps),
            _ => (),
        }
    }
}

/// An option's value by its length byte, and what follows it.
fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length).checked_sub(2)?)
}

/// Bytes of a header without options.
const FIXED_LENGTH: usize = 20;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
