//! The same packet captured twice on its way through a host.

use std::collections::VecDeque;

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use super::tracker::Arrival;

/// The last segments of one connection, by what tells packets apart; copies are not among them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    segments: VecDeque<Seen>,
}

/// A packet and the places where it was captured.
#[derive(Clone, Copy, Debug)]
struct Seen {
    time: Timestamp,
    signature: Signature,
    places: [Option<Place>; MOST_PLACES],
}

/// What makes two captured segments the same packet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signature {
    source: Endpoint,
    numbers: (u32, u32, u8, u32),
    ip_id: Option<u16>,
    timestamps: Option<(u32, u32)>,
}

/// Where on its way a packet was captured: on which interface, before or behind which hop.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    interface: u32,
    ttl: u8,
}

impl Recent {
    /// Whether this packet was captured before on its way through the host: same numbers within 5 ms on another interface, or
    /// with a TTL lower by the hop between. On one interface with an equal TTL it is a retransmission; its copies are its own, as a
    /// stack that answers each late segment by the same bare RST shows.
    pub(super) fn is_duplicate(&mut self, arrival: &Arrival<'_>) -> bool {
        let segment = arrival.segment;
        let signature = Signature {
            source: segment.ends.source,
            numbers: (segment.seq, segment.ack, segment.flags.0, segment.payload),
            ip_id: segment.ip.id,
            timestamps: segment.timestamps,
        };
        let place = Place { interface: arrival.interface, ttl: segment.ip.ttl };
        let past = |old: &Seen| arrival.time.since(old.time) > DUPLICATE_WITHIN;
        while self.segments.len() == RECENT || self.segments.front().is_some_and(past) {
            self.segments.pop_front();
        }
        let within = |old: &&mut Seen| arrival.time.since(old.time).abs() <= DUPLICATE_WITHIN;
        let mut same = self.segments.iter_mut().filter(|old| old.signature == signature).filter(within);
        if same.any(|old| old.passes(place)) {
            return true;
        }
        let mut places = [None; MOST_PLACES];
        places[0] = Some(place);
        self.segments.push_back(Seen { time: arrival.time, signature, places });
        false
    }
}

impl Seen {
    /// Whether the packet may have come by another place on its way, and has not before; it has then.
    fn passes(&mut self, place: Place) -> bool {
        let mut known = self.places.iter().flatten();
        let on_the_way = known.clone().any(|old| old.interface != place.interface || old.ttl.abs_diff(place.ttl) == 1);
        if !on_the_way || known.any(|old| *old == place) {
            return false;
        }
        if let Some(free) = self.places.iter_mut().find(|place| place.is_none()) {
            *free = Some(place);
        }
        true
    }
}

/// The same packet captured on its way through a host arrives again within this time, in nanoseconds (queueing between two
/// interfaces of one machine).
const DUPLICATE_WITHIN: i64 = 5_000_000;
/// Places told apart of one packet's way through a host: an interface of a container, a bridge, a bond and its member.
const MOST_PLACES: usize = 4;
/// Segments remembered per connection to know duplicates: both directions of a window of ten segments of the usual size arrive
/// within the time above on a fast network, and the second interface hands its copies on after them.
const RECENT: usize = 128;
