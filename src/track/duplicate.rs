//! The same packet captured twice on its way through a host.

use std::collections::VecDeque;

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use super::tracker::Arrival;

/// The last segments of one connection, by what tells packets apart.
#[derive(Debug, Default)]
pub(super) struct Recent {
    segments: VecDeque<Signature>,
}

/// What makes two captured segments the same packet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signature {
    time: Timestamp,
    interface: u32,
    source: Endpoint,
    numbers: (u32, u32, u8, u32),
    ip_id: Option<u16>,
    timestamps: Option<(u32, u32)>,
    ttl: u8,
}

impl Recent {
    /// Whether this packet was captured before on its way through the host: same numbers within 5 ms on another interface, or
    /// with a TTL lower by the hop between. On one interface with an equal TTL it is a retransmission.
    pub(super) fn is_duplicate(&mut self, arrival: &Arrival<'_>) -> bool {
        let segment = arrival.segment;
        let new = Signature {
            time: arrival.time,
            interface: arrival.interface,
            source: segment.ends.source,
            numbers: (segment.seq, segment.ack, segment.flags.0, segment.payload),
            ip_id: segment.ip.id,
            timestamps: segment.timestamps,
            ttl: segment.ip.ttl,
        };
        let past = |old: &Signature| new.time.since(old.time) > DUPLICATE_WITHIN;
        while self.segments.len() == RECENT || self.segments.front().is_some_and(past) {
            self.segments.pop_front();
        }
        let duplicate = self.segments.iter().any(|old| {
            old.source == new.source
                && old.numbers == new.numbers
                && old.ip_id == new.ip_id
                && old.timestamps == new.timestamps
                && new.time.since(old.time).abs() <= DUPLICATE_WITHIN
                && (old.interface != new.interface || old.ttl.abs_diff(new.ttl) == 1)
        });
        self.segments.push_back(new);
        duplicate
    }
}

/// The same packet captured on its way through a host arrives again within this time, in nanoseconds (queueing between two
/// interfaces of one machine).
const DUPLICATE_WITHIN: i64 = 5_000_000;
/// Segments remembered per connection to know duplicates: both directions of a window of ten segments of the usual size arrive
/// within the time above on a fast network, and the second interface hands its copies on after them.
const RECENT: usize = 128;
