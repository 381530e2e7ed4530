//! The same packet captured twice on its way through a host.

use wirecause_parsers::{packet::Segment, time::Timestamp};

use super::{
    note::Direction,
    pack::{Pack, Packer, Unpacker},
    tracker::Arrival,
};

/// The last segments of one connection, by what tells packets apart.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// In order, up to the bound; from then on each new one takes the place of the oldest. Older ones than matter may be among them.
    segments: Vec<Seen>,
    /// Where the oldest stands, once there are as many as may be.
    oldest: usize,
    /// When the last of them came.
    latest: Timestamp,
    /// The place at which each end's segments are captured; of an end whose segments came by several, none.
    usual: [Usual; 2],
}

/// A packet at one of the places where it was captured.
#[derive(Clone, Copy, Debug)]
struct Seen {
    time: Timestamp,
    signature: u64,
    place: Place,
}

/// Where on its way a packet was captured: on which interface, inside of which tags and tunnels, before or behind which hop, the TTL in the last byte. One
/// number, since each segment's is compared and kept.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place(u64);

impl Place {
    const fn new(interface: u32, outer: u32, ttl: u8) -> Self {
        // The interface has the upper half, and tunnels 24 bits.
        Self((interface as u64) << 32 | ((outer ^ outer >> 24) as u64 & 0x00ff_ffff) << 8 | ttl as u64)
    }

    /// Interface and tunnel.
    const fn way(self) -> u64 {
        self.0 >> 8
    }

    const fn ttl(self) -> u8 {
        self.0 as u8
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Usual {
    #[default]
    Unknown,
    One(Place),
    Several,
}

/// Of a connection that has not been heard from for longer than a duplicate is on its way, only the places matter.
impl Pack for Recent {
    fn pack(&self, to: &mut Packer) {
        self.usual.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self { usual: Pack::unpack(from), ..Self::default() }
    }
}

impl Pack for Usual {
    fn pack(&self, to: &mut Packer) {
        let place = match *self {
            Self::One(Place(place)) => Some(place),
            Self::Unknown | Self::Several => None,
        };
        (*self == Self::Several, place).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        match Pack::unpack(from) {
            (true, _) => Self::Several,
            (false, Some(place)) => Self::One(Place(place)),
            (false, None) => Self::Unknown,
        }
    }
}

impl Recent {
    /// Whether this packet was captured before on its way through the host: same numbers within 5 ms on another interface, outside of a tunnel that it
    /// was in or inside of another, or with a TTL lower by the hop between. On one interface with an equal TTL it is a retransmission; its copies are its own, as a
    /// stack that answers each late segment by the same bare RST shows.
    pub(super) fn is_duplicate(&mut self, arrival: &Arrival<'_>, from: Direction) -> bool {
        let place = Place::new(arrival.interface, arrival.segment.ip.outer, arrival.segment.ip.ttl);
        let signature = signature(arrival.segment, from);
        // A copy comes by another place than what was captured before; most connections have one place for each end.
        let usual = &mut self.usual[from as usize];
        let duplicate = match *usual {
            Usual::Unknown => {
                *usual = Usual::One(place);
                false
            }
            Usual::One(known) if known == place => false,
            Usual::One(_) | Usual::Several => {
                *usual = Usual::Several;
                self.has_passed(&Seen { time: arrival.time, signature, place })
            }
        };
        self.push(Seen { time: arrival.time, signature, place });
        duplicate
    }

    fn push(&mut self, seen: Seen) {
        if seen.time.since(self.latest) > DUPLICATE_WITHIN {
            // Most segments come after a pause, which leaves nothing to look for: the same few places are written again and again.
            self.segments.clear();
            self.oldest = 0;
        }
        self.latest = seen.time;
        if self.segments.len() < RECENT {
            self.segments.push(seen);
        } else if let Some(oldest) = self.segments.get_mut(self.oldest) {
            *oldest = seen;
            self.oldest = (self.oldest + 1) % RECENT;
        }
    }

    /// Whether a packet came by another place on its way more often than by this one. What came as often by both is sent anew.
    fn has_passed(&self, seen: &Seen) -> bool {
        let within = |old: &&Seen| seen.time.since(old.time).abs() <= DUPLICATE_WITHIN;
        let same = self.segments.iter().filter(|old| old.signature == seen.signature).filter(within);
        let times = |place: Place| same.clone().filter(|old| old.place == place).count();
        let (place, own) = (seen.place, times(seen.place));
        let on_the_way = |old: &Place| old.way() != place.way() || old.ttl().abs_diff(place.ttl()) == 1;
        same.clone().map(|old| old.place).filter(on_the_way).any(|other| times(other) > own)
    }
}

/// What makes two captured segments of a connection the same packet, in one number: sender, numbers, flags, length, IP-ID and timestamps.
fn signature(segment: &Segment, from: Direction) -> u64 {
    let words = [
        u64::from(segment.seq) << 32 | u64::from(segment.ack),
        u64::from(segment.payload) << 32
            | u64::from(segment.flags.0) << 24
            | u64::from(from == Direction::Responder) << 23
            | u64::from(segment.ip.id.unwrap_or(0)),
        segment.timestamps.map_or(0, |(value, echo)| u64::from(value) << 32 | u64::from(echo)),
    ];
    words.into_iter().fold(0, |sum: u64, word| (sum ^ word).wrapping_mul(ODD).rotate_left(29))
}

/// The golden ratio's bits: a product with them spreads what differs in any place over the upper ones (Knuth's multiplicative hash).
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
/// The same packet captured on its way through a host arrives again within this time, in nanoseconds (queueing between two
/// interfaces of one machine).
const DUPLICATE_WITHIN: i64 = 5_000_000;
/// Segments remembered per connection to know duplicates: both directions of a window of ten segments of the usual size arrive
/// within the time above on a fast network, and the second interface hands its copies on after them.
const RECENT: usize = 128;

#[cfg(test)]
mod tests {
    use wirecause_parsers::packet::{IpFacts, TcpFlags};

    use super::*;
    use crate::track::{FrameId, testing};

    /// A host that captures on all interfaces, or a mirrored port, has a packet before it enters a tunnel and inside of it, at once.
    #[test]
    fn a_packet_inside_of_a_tunnel_and_outside_counts_once() {
        let mut recent = Recent::default();
        let mut comes = |micros: i64, outer: u32, id: u16| {
            let plain = testing::segment(40_000, (true, 1_000, 5_000), TcpFlags::ACK.0, 100);
            let segment = Segment { ip: IpFacts { outer, id: Some(id), ..plain.ip }, ..plain };
            let time = Timestamp::from_nanos(micros * 1_000);
            let arrival =
                Arrival { time, frame: FrameId::new(0, 1), interface: 0, segment: &segment, payload: &[], outer: None };
            recent.is_duplicate(&arrival, Direction::Originator)
        };
        assert_eq!([comes(0, 0, 1), comes(8, 0x0102_0304, 1)], [false, true]);
        // Sent again, which a stack does under another identification.
        assert_eq!([comes(900, 0, 2), comes(908, 0x0102_0304, 2)], [false, true]);
        // In the same tunnel twice it was sent twice.
        assert_eq!([comes(9_000, 7, 3), comes(9_008, 7, 3)], [false, false]);
    }
}
