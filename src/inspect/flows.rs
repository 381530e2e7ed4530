//! TCP flows of a capture, and those of which it holds one direction alone: all of them, or a sample where they are many.

use std::collections::HashMap;

use wirecause_parsers::packet::Segment;

use crate::track::FlowKey;

/// The flows of a capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    seen: HashMap<FlowKey, u8>,
    /// One flow of 2 to the power of this is looked at.
    thinned: u32,
}

/// How many flows were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// Flows looked at that hold more than opening segments.
    pub flows: u64,
    /// Those of which one direction alone was captured.
    pub one_way: u64,
    /// One flow of so many was looked at.
    pub one_of: u64,
}

impl Flows {
    pub(super) fn add(&mut self, segment: &Segment) {
        let key = FlowKey::new(segment.ends);
        if !self.is_asked(&key) {
            return;
        }
        let direction = if key.is_low(segment.ends.source) { FROM_LOW } else { FROM_HIGH };
        // A SYN that nobody answers is no fault of the capture.
        let opening = segment.flags.syn() && !segment.flags.ack();
        *self.seen.entry(key).or_default() |= direction | if opening { 0 } else { GOES_ON };
        while self.seen.len() > MOST_FLOWS {
            self.thinned += 1;
            let thinned = self.thinned;
            self.seen.retain(|key, _| is_one_of(key, thinned));
        }
    }

    pub(super) fn counts(&self) -> FlowCounts {
        let going_on = self.seen.values().filter(|seen| **seen & GOES_ON != 0);
        let one_way = going_on.clone().filter(|seen| **seen & (FROM_LOW | FROM_HIGH) != FROM_LOW | FROM_HIGH);
        FlowCounts {
            flows: going_on.clone().count() as u64,
            one_way: one_way.count() as u64,
            one_of: 1 << self.thinned,
        }
    }

    fn is_asked(&self, key: &FlowKey) -> bool {
        self.thinned == 0 || is_one_of(key, self.thinned)
    }
}

/// Whether a flow is among one of 2 to the power of `thinned`; those of a larger power are among those of a smaller one.
fn is_one_of(key: &FlowKey, thinned: u32) -> bool {
    key.shard(1 << MOST_THINNED).trailing_zeros() >= thinned
}

const FROM_LOW: u8 = 1;
const FROM_HIGH: u8 = 2;
const GOES_ON: u8 = 4;
/// Flows looked at: enough for a share to the tenth of a percent, and some megabytes.
const MOST_FLOWS: usize = 1 << 16;
/// Of more than this power of two times that many flows nobody has a capture.
const MOST_THINNED: usize = 30;

#[cfg(test)]
mod tests {
    use wirecause_parsers::{
        capture::LinkType,
        packet::{Decoded, decode},
    };

    use super::*;

    /// A segment over IPv4 without options, from `10.0.0.source` to `10.0.0.destination`.
    fn segment(source: (u8, u16), destination: (u8, u16), flags: u8) -> Segment {
        let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, source.0, 10, 0, 0, destination.0];
        packet.extend(source.1.to_be_bytes());
        packet.extend(destination.1.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        match decode(LinkType::RAW, &packet, 40) {
            Decoded::Tcp(segment, _) => segment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flow_is_one_way_where_one_end_alone_speaks_on() {
        let mut flows = Flows::default();
        let (ack, syn) = (0x10, 0x02);
        flows.add(&segment((1, 4000), (2, 80), ack));
        flows.add(&segment((2, 80), (1, 4000), ack));
        flows.add(&segment((1, 4001), (2, 80), ack));
        flows.add(&segment((1, 4002), (2, 80), syn));
        assert_eq!(flows.counts(), FlowCounts { flows: 2, one_way: 1, one_of: 1 });
    }

    #[test]
    fn many_flows_are_sampled_and_the_share_stays() {
        let mut flows = Flows::default();
        for client in 0..3 {
            for port in 0..=u16::MAX {
                flows.add(&segment((client, port), (200, 80), 0x10));
                if port % 4 != 0 {
                    flows.add(&segment((200, 80), (client, port), 0x10));
                }
            }
        }
        let counts = flows.counts();
        assert!(counts.one_of > 1 && counts.flows <= MOST_FLOWS as u64, "{counts:?}");
        let all = counts.flows * counts.one_of;
        assert!(all.abs_diff(3 << 16) < (3 << 16) / 20, "{counts:?}");
        let share = counts.one_way as f64 / counts.flows as f64;
        assert!((share - 0.25).abs() < 0.02, "{counts:?}");
    }
}
