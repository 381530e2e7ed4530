//! The table of live connections of one shard.

use std::collections::HashMap;

use wirecause_parsers::{
    packet::{IcmpError, Segment},
    time::Timestamp,
};

use super::{
    connection::{Connection, IcmpNote},
    flow::FlowKey,
    live::Live,
    note::FrameId,
};

/// Follows the connections of one shard.
#[derive(Debug, Default)]
pub struct Tracker {
    live: HashMap<FlowKey, Live>,
    finished: Vec<Connection>,
    counts: TrackCounts,
}

/// What the tracker passed over or met, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Segments tracked.
    pub segments: u64,
    /// Segments captured twice; not tracked.
    pub duplicates: u64,
    /// ICMP errors that quote a flow that was never seen.
    pub foreign_icmp: u64,
}

/// A segment as it arrives at the tracker.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Capture time.
    pub time: Timestamp,
    /// Where it stands.
    pub frame: FrameId,
    /// Interface of the capture, to know the same packet captured twice.
    pub interface: u32,
    /// Header facts.
    pub segment: &'a Segment,
    /// Captured payload bytes.
    pub payload: &'a [u8],
}

impl Tracker {
    /// Takes the next segment of this shard.
    pub fn segment(&mut self, arrival: &Arrival<'_>) {
        let key = FlowKey::new(arrival.segment.ends);
        if let Some(live) = self.live.get_mut(&key) {
            if live.is_duplicate(arrival) {
                self.counts.duplicates += 1;
                return;
            }
            self.counts.segments += 1;
            if !live.begins_anew(arrival) {
                live.take(arrival);
                return;
            }
            if let Some(old) = self.live.remove(&key) {
                self.finished.push(old.finish());
            }
        } else {
            self.counts.segments += 1;
        }
        let mut live = Live::new(arrival);
        live.is_duplicate(arrival);
        live.take(arrival);
        self.live.insert(key, live);
    }

    /// Takes an ICMP error about a flow of this shard.
    pub fn icmp(&mut self, time: Timestamp, frame: FrameId, error: &IcmpError) {
        let Some(live) = self.live.get_mut(&FlowKey::new(error.quoted)) else {
            self.counts.foreign_icmp += 1;
            return;
        };
        live.icmp(IcmpNote { time, frame, kind: error.kind, sender: error.sender });
    }

    /// Ends tracking: all connections in order of their start.
    pub fn finish(mut self) -> (Vec<Connection>, TrackCounts) {
        self.finished.extend(self.live.into_values().map(Live::finish));
        self.finished.sort_by_key(|connection| (connection.start, connection.first_frame));
        (self.finished, self.counts)
    }
}
