//! Several capture points of the same traffic: one connection seen twice is one connection.
//!
//! The two records of a connection have the same ends and the same initial sequence number. The one kept is that of the point
//! nearer to the originator, where its segments have passed fewer routers (the higher TTL); addresses translated between the points
//! are not recognised. Two captures of one place (an interface and all interfaces, the same file in two forms) are no two points: what
//! both saw proves nothing, and the fuller record is kept.

use std::{collections::HashMap, mem};

use wirecause_parsers::packet::Endpoint;

use crate::track::{Connection, connection::Elsewhere};

use super::capture::Point;

/// All connections of all points, each once, in order of their start; and how many were seen at more than one point.
pub fn merge(points: Vec<Point>) -> (Vec<Connection>, u64) {
    let mut points = points.into_iter().map(|point| point.connections);
    let mut merged = Merged { kept: points.next().unwrap_or_default(), ..Merged::default() };
    if points.len() == 0 {
        return (merged.kept, 0);
    }
    merged.know(0);
    points.for_each(|connections| merged.add(connections));
    merged.kept.sort_by_cached_key(|connection| (connection.start, connection.first_frame));
    (merged.kept, merged.twins)
}

/// The connections of the points so far.
#[derive(Default)]
struct Merged {
    kept: Vec<Connection>,
    known: HashMap<Key, Vec<usize>>,
    twins: u64,
}

/// What both records of a connection have in common.
type Key = (Endpoint, Endpoint, Option<u32>);

impl Merged {
    fn add(&mut self, connections: Vec<Connection>) {
        let before = self.kept.len();
        let mut pairs: Vec<(usize, Connection)> = Vec::new();
        for connection in connections {
            let twin = self
                .known
                .get(&key(&connection))
                .and_then(|earlier| earlier.iter().copied().find(|other| overlap(&self.kept[*other], &connection)));
            match twin {
                Some(other) => pairs.push((other, connection)),
                None => self.kept.push(connection),
            }
        }
        self.know(before);
        self.twins += pairs.len() as u64;
        let same_place =
            pairs.iter().filter(|(other, connection)| is_one_place(&self.kept[*other], connection)).count();
        let one_place = same_place * 2 > pairs.len();
        for (other, mut far) in pairs {
            let own = &mut self.kept[other];
            if nearness(&far) > nearness(own) {
                mem::swap(&mut far, own);
            }
            // What a third point saw stays with the connection, whichever record of it is kept.
            own.elsewhere = if one_place {
                own.elsewhere.take().or(far.elsewhere)
            } else {
                Some(Box::new(seen_elsewhere(own, far)))
            };
        }
    }

    /// Notes the connections from `first` on.
    fn know(&mut self, first: usize) {
        for (index, connection) in self.kept.iter().enumerate().skip(first) {
            self.known.entry(key(connection)).or_default().push(index);
        }
    }
}

fn key(connection: &Connection) -> Key {
    (connection.originator, connection.responder, connection.orig.initial())
}

fn seen_elsewhere(own: &Connection, far: Connection) -> Elsewhere {
    Elsewhere {
        nearer_responder: far.orig.usual_ttl() < own.orig.usual_ttl(),
        clock: far.start.since(own.start),
        end: far.end,
        first_frame: far.first_frame,
        resets: far.resets,
    }
}

/// Whether two records of a connection look like one place's: no router lies between, and the handshake took as long.
fn is_one_place(a: &Connection, b: &Connection) -> bool {
    let ttls = |connection: &Connection| (connection.orig.usual_ttl(), connection.resp.usual_ttl());
    let as_long = match (a.handshake.rtt, b.handshake.rtt) {
        (Some(a), Some(b)) => (a - b).abs() <= WITHIN_A_HOST,
        _ => true,
    };
    ttls(a) == ttls(b) && as_long
}

fn overlap(a: &Connection, b: &Connection) -> bool {
    a.start.since(b.end) <= CLOCKS && b.start.since(a.end) <= CLOCKS
}

/// The originator's TTL first; of equal ones the record with more packets.
fn nearness(connection: &Connection) -> (Option<u8>, u64) {
    (connection.orig.usual_ttl(), connection.orig.packets + connection.resp.packets)
}

/// Clocks of two capture points differ by no more than this, ns.
const CLOCKS: i64 = 300_000_000_000;
/// Two captures within a host see a packet so shortly after each other, ns; a handshake seen from both ends of the shortest cable differs by
/// more, since one end has the answer at once and the other waits for it.
const WITHIN_A_HOST: i64 = 20_000;

#[cfg(test)]
mod tests {
    use wirecause_parsers::{
        packet::{FlowEnds, IpFacts, Segment, TcpFlags},
        time::Timestamp,
    };

    use super::*;
    use crate::track::{Arrival, FrameId, Tracker};

    /// One connection, reset by its responder: handshake of `rtt` microseconds seen behind so many hops of the originator.
    fn point(file: u32, hops: u8, rtt: i64, late: i64) -> Point {
        let ends = [(5, 40_000), (9, 8080)].map(|(last, port)| Endpoint { address: [10, 0, 0, last].into(), port });
        let there = FlowEnds { source: ends[0], destination: ends[1] };
        let back = FlowEnds { source: ends[1], destination: ends[0] };
        let segment = |ends, seq, ack, flags, ttl| Segment {
            ends,
            ip: IpFacts { ttl, id: Some(1), dont_fragment: true, tos: 0, vlan: None, length: 40 },
            seq,
            ack,
            flags: TcpFlags(flags),
            window: 100,
            payload: 0,
            window_scale: None,
            mss: None,
            timestamps: None,
            sack: false,
            options_cut: false,
        };
        let segments = [
            (0, segment(there, 1_000, 0, 0x02, 64 - hops)),
            (rtt, segment(back, 5_000, 1_001, 0x12, 60 + hops)),
            (rtt + 10, segment(there, 1_001, 5_001, 0x10, 64 - hops)),
            (rtt + 900, segment(back, 5_001, 1_001, 0x14, 60 + hops)),
        ];
        let mut tracker = Tracker::default();
        for (number, (micros, segment)) in (1..).zip(&segments) {
            let (time, frame) = (Timestamp::from_nanos((late + micros) * 1_000), FrameId::new(file, number));
            tracker.segment(&Arrival { time, frame, interface: 0, segment, payload: &[] });
        }
        Point { files: vec![file as usize], connections: tracker.finish().0 }
    }

    #[test]
    fn a_point_behind_a_router_proves_what_it_saw() {
        let (connections, twins) = merge(vec![point(0, 0, 400, 0), point(1, 2, 50, 180)]);
        let elsewhere = connections[0].elsewhere.as_ref().unwrap();
        assert_eq!((connections.len(), twins, elsewhere.resets.len()), (1, 1, 1));
        assert!(elsewhere.nearer_responder && connections[0].first_frame.file() == 0);
    }

    #[test]
    fn the_far_end_of_a_cable_is_another_point() {
        let (connections, _) = merge(vec![point(0, 0, 150, 0), point(1, 0, 30, 60)]);
        assert!(connections[0].elsewhere.is_some());
    }

    #[test]
    fn two_captures_of_one_place_are_no_two_points() {
        let (connections, twins) = merge(vec![point(0, 0, 400, 0), point(1, 0, 400, 3)]);
        assert_eq!((connections.len(), twins), (1, 1));
        assert!(connections[0].elsewhere.is_none());
        // A third file from behind a router still is one.
        let (connections, _) = merge(vec![point(0, 0, 400, 0), point(1, 0, 400, 3), point(2, 2, 50, 180)]);
        assert!(connections[0].elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.nearer_responder));
        let (connections, _) = merge(vec![point(0, 0, 400, 0), point(2, 2, 50, 180), point(1, 0, 400, 3)]);
        assert!(connections[0].elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.nearer_responder));
    }
}
