//! Several capture points of the same traffic: one connection seen twice is one connection.
//!
//! The two records of a connection have the same ends and the same initial sequence number. The one kept is that of the point
//! nearer to the originator, where its segments have passed fewer routers (the higher TTL); addresses translated between the points
//! are not recognised. Two captures of one place (an interface and all interfaces, the same file in two forms) are no two points: what
//! both saw proves nothing, and the fuller record is kept.

use std::{collections::HashMap, sync::Arc};

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use crate::track::{
    Connection, Exchange, Finished, Side,
    connection::{Elsewhere, Passage},
    finished::Shelf,
    store::Store,
};

use super::capture::Point;

/// All connections of all points, each once, in order of their start; and how many were seen at more than one point. What is kept of those lies
/// in `store`.
pub fn merge(points: Vec<Point>, store: &Arc<Store>) -> (Vec<Finished>, u64) {
    let mut points = points.into_iter().map(|point| point.connections);
    let mut merged = Merged { kept: points.next().unwrap_or_default(), ..Merged::default() };
    if points.len() == 0 {
        return (merged.kept, 0);
    }
    merged.know(0);
    points.for_each(|connections| merged.add(connections, store));
    merged.kept.sort_unstable_by_key(|connection| connection.head().place());
    (merged.kept, merged.twins)
}

/// The connections of the points so far.
#[derive(Default)]
struct Merged {
    kept: Vec<Finished>,
    known: HashMap<Key, Vec<usize>>,
    twins: u64,
}

/// What both records of a connection have in common.
type Key = (Endpoint, Endpoint, Option<u32>);

impl Merged {
    fn add(&mut self, connections: Vec<Finished>, store: &Arc<Store>) {
        let before = self.kept.len();
        let mut pairs: Vec<(usize, Finished)> = Vec::new();
        for connection in connections {
            let twin = self
                .known
                .get(&key(&connection.open()))
                .and_then(|earlier| earlier.iter().copied().find(|other| overlap(&self.kept[*other], &connection)));
            match twin {
                Some(other) => pairs.push((other, connection)),
                None => self.kept.push(connection),
            }
        }
        self.know(before);
        self.twins += pairs.len() as u64;
        let same_place =
            pairs.iter().filter(|(other, far)| is_one_place(&self.kept[*other].open(), &far.open())).count();
        let one_place = same_place * 2 > pairs.len();
        let until = [last(&self.kept), last(pairs.iter().map(|(_, connection)| connection))];
        pairs.sort_by_key(|(other, _)| *other);
        let mut packed = Shelf::new(Arc::clone(store));
        for of_one in pairs.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((other, _)) = of_one.first() else { continue };
            let own = self.kept[*other].open();
            let joined = of_one.iter().fold(own, |own, (_, far)| one_of_two(own, far.open(), one_place, until));
            self.kept[*other] = packed.put(&joined);
        }
    }

    /// Notes the connections from `first` on.
    fn know(&mut self, first: usize) {
        for (index, connection) in self.kept.iter().enumerate().skip(first) {
            self.known.entry(key(&connection.open())).or_default().push(index);
        }
    }
}

/// The record that is kept of two of one connection; `until` is when the two captures ended, each by its own clock.
fn one_of_two(own: Connection, far: Connection, one_place: bool, until: [Option<Timestamp>; 2]) -> Connection {
    let (mut own, far, until) =
        if nearness(&far) > nearness(&own) { (far, own, [until[1], until[0]]) } else { (own, far, until) };
    if !one_place {
        own.elsewhere = Some(Box::new(seen_elsewhere(&own, far, until)));
    } else if own.elsewhere.is_none() {
        // What a third point saw stays with the connection, whichever record of it is kept.
        own.elsewhere = far.elsewhere;
    }
    own
}

fn key(connection: &Connection) -> Key {
    (connection.originator, connection.responder, connection.orig.initial())
}

/// The last packet of some connections.
fn last<'a>(connections: impl IntoIterator<Item = &'a Finished>) -> Option<Timestamp> {
    connections.into_iter().map(|connection| connection.head().end).max()
}

/// `until` is when the two captures ended, each by its own clock.
fn seen_elsewhere(own: &Connection, far: Connection, until: [Option<Timestamp>; 2]) -> Elsewhere {
    let nearer_responder = far.orig.usual_ttl() < own.orig.usual_ttl();
    let clock = far.start.since(own.start);
    // The capture that ended first may have missed the rest; the clocks are as far apart as the first segments say.
    let over = own.end.max(far.end.plus(-clock)).plus(AFTERWARDS);
    let [own_until, far_until] = until;
    let ran = own_until >= Some(over) && far_until.map(|far| far.plus(-clock)) >= Some(over);
    Elsewhere {
        nearer_responder,
        clock,
        end: far.end,
        first_frame: far.first_frame,
        gaps: far.orig.gaps + far.resp.gaps > 0,
        ways: if nearer_responder { ways(own, &far, ran) } else { Default::default() },
        resets: far.resets,
    }
}

/// What became of the originator's segments from its point to the other, and of the responder's the other way.
fn ways(own: &Connection, far: &Connection, ran: bool) -> [Passage; 2] {
    let [mine, theirs] = [own.handshake, far.handshake];
    let whole = ran && mine.syn.is_some() && theirs.syn.is_some();
    let once = mine.syns == 1 && theirs.syns == 1 && mine.syn_acks == 1 && theirs.syn_acks == 1;
    let delay = |first: Option<Timestamp>, second: Option<Timestamp>| Some(second?.since(first?));
    let exchanges = own.exchanges.current().zip(far.exchanges.current()).filter(|(own, far)| is_same(own, far));
    let asked = exchanges.and_then(|(own, far)| {
        let lossless = own.request_retransmissions + far.request_retransmissions == 0;
        lossless.then(|| far.request_start.since(own.request_start))
    });
    let answered = exchanges.and_then(|(own, far)| {
        let lossless = own.response_retransmissions + far.response_retransmissions == 0;
        delay(far.response_start.filter(|_| lossless), own.response_start)
    });
    [
        Passage {
            delays: [delay(mine.syn, theirs.syn).filter(|_| once), asked],
            ..passage(&own.orig, &far.orig, whole)
        },
        Passage {
            delays: [delay(theirs.syn_ack, mine.syn_ack).filter(|_| once), answered],
            ..passage(&far.resp, &own.resp, whole)
        },
    ]
}

fn is_same(own: &Exchange, far: &Exchange) -> bool {
    own.number == far.number && own.request_from == far.request_from
}

/// One end's data by the counters of its side at the point that it passed first and at the other.
fn passage(first: &Side, second: &Side, whole: bool) -> Passage {
    let sent = |side: &Side| side.bytes + side.repeated;
    let complete = whole && first.gaps + second.gaps == 0;
    Passage {
        lost: complete.then(|| sent(first).saturating_sub(sent(second))),
        sent: sent(first),
        again: first.repeated,
        delays: [None; 2],
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

fn overlap(a: &Finished, b: &Finished) -> bool {
    let (a, b) = (a.head(), b.head());
    a.start.since(b.end) <= CLOCKS && b.start.since(a.end) <= CLOCKS
}

/// The originator's TTL first; of equal ones the record with more packets.
fn nearness(connection: &Connection) -> (Option<u8>, u64) {
    (connection.orig.usual_ttl(), connection.orig.packets + connection.resp.packets)
}

/// Nothing of a connection comes so long after its last segment, ns: the longest pause of a retransmission that is still under way.
const AFTERWARDS: i64 = 1_000_000_000;
/// Clocks of two capture points differ by no more than this, ns.
const CLOCKS: i64 = 300_000_000_000;
/// Two captures within a host see a packet so shortly after each other, ns; a handshake seen from both ends of the shortest cable differs by
/// more, since one end has the answer at once and the other waits for it.
const WITHIN_A_HOST: i64 = 20_000;

#[cfg(test)]
mod tests {
    use wirecause_parsers::{
        packet::{IpFacts, Segment},
        time::Timestamp,
    };

    use super::*;
    use crate::track::{Arrival, FrameId, Tracker, testing};

    /// A segment as a point sees it that lies so many hops from the originator.
    fn segment(hops: u8, (there, seq, ack): (bool, u32, u32), flags: u8, payload: u32) -> Segment {
        let ttl = if there { 64 - hops } else { 60 + hops };
        let plain = testing::segment(40_000, (there, seq, ack), flags, payload);
        Segment { ip: IpFacts { ttl, ..plain.ip }, ..plain }
    }

    /// A point with one connection; times in microseconds.
    fn tracked(file: u32, segments: &[(i64, Segment)]) -> Point {
        let mut tracker = Tracker::default();
        for (number, (micros, segment)) in (1..).zip(segments) {
            let (time, frame) = (Timestamp::from_nanos(micros * 1_000), FrameId::new(file, number));
            tracker.segment(&Arrival { time, frame, interface: 0, segment, payload: &[], outer: None });
        }
        Point { files: vec![file as usize], connections: tracker.finish().0 }
    }

    /// One connection, reset by its responder: handshake of `rtt` microseconds seen behind so many hops of the originator.
    fn point(file: u32, hops: u8, rtt: i64, late: i64) -> Point {
        let there = |seq, ack, flags| segment(hops, (true, seq, ack), flags, 0);
        let back = |seq, ack, flags| segment(hops, (false, seq, ack), flags, 0);
        tracked(
            file,
            &[
                (late, there(1_000, 0, 0x02)),
                (late + rtt, back(5_000, 1_001, 0x12)),
                (late + rtt + 10, there(1_001, 5_001, 0x10)),
                (late + rtt + 900, back(5_001, 1_001, 0x14)),
            ],
        )
    }

    /// Both points of a connection whose request loses its second segment between them: at the originator that is sent twice, at the
    /// responder it comes once. One way takes 2 ms, and the responder's clock is 70 ms ahead. Both captures go on for a while.
    fn with_a_loss() -> Vec<Point> {
        let own = |time, there, seq, ack, flags, payload| (time, segment(0, (there, seq, ack), flags, payload));
        let far =
            |time: i64, there, seq, ack, flags, payload| (time + 70_000, segment(2, (there, seq, ack), flags, payload));
        let later = 5_000_000;
        vec![
            tracked(
                0,
                &[
                    own(0, true, 1_000, 0, 0x02, 0),
                    own(4_000, false, 5_000, 1_001, 0x12, 0),
                    own(4_010, true, 1_001, 5_001, 0x10, 0),
                    own(4_020, true, 1_001, 5_001, 0x18, 1_000),
                    own(4_030, true, 2_001, 5_001, 0x18, 1_000),
                    own(4_040, true, 3_001, 5_001, 0x18, 1_000),
                    own(304_030, true, 2_001, 5_001, 0x18, 1_000),
                    own(309_000, false, 5_001, 4_001, 0x18, 500),
                    own(later, true, 4_001, 5_501, 0x11, 0),
                    own(later + 2_000_000, true, 4_001, 5_501, 0x11, 0),
                ],
            ),
            tracked(
                1,
                &[
                    far(2_000, true, 1_000, 0, 0x02, 0),
                    far(2_000, false, 5_000, 1_001, 0x12, 0),
                    far(6_010, true, 1_001, 5_001, 0x10, 0),
                    far(6_020, true, 1_001, 5_001, 0x18, 1_000),
                    far(6_040, true, 3_001, 5_001, 0x18, 1_000),
                    far(306_030, true, 2_001, 5_001, 0x18, 1_000),
                    far(307_000, false, 5_001, 4_001, 0x18, 500),
                    far(later + 2_000, true, 4_001, 5_501, 0x11, 0),
                    far(later + 2_002_000, true, 4_001, 5_501, 0x11, 0),
                ],
            ),
        ]
    }

    /// Other connections go on for so long that both captures are known to have run until this one's end.
    fn going_on(mut points: Vec<Point>) -> Vec<Point> {
        for point in &mut points {
            let mut later = point.connections[0].open();
            later.originator.port += 1;
            later.end = later.end.plus(10_000_000_000);
            point.connections.push(later.into());
        }
        points
    }

    #[test]
    fn data_lost_between_the_points_is_counted_by_direction() {
        let (connections, _) = merge(going_on(with_a_loss()), &Arc::default());
        let own = connections[0].open();
        let far = own.elsewhere.as_ref().unwrap();
        let [there, back] = far.ways;
        assert_eq!((there.sent, there.again, there.lost), (4_000, 1_000, Some(1_000)));
        assert_eq!((back.sent, back.again, back.lost), (500, 0, Some(0)));
        // Offset plus 2 ms there, 2 ms less the offset back; a request with a loss in it says nothing of the way.
        assert_eq!(there.delays, [Some(72_000_000), None]);
        assert_eq!(back.delays, [Some(-68_000_000), Some(-68_000_000)]);
    }

    #[test]
    fn where_a_capture_ended_first_nothing_is_known_to_be_lost() {
        let (connections, _) = merge(with_a_loss(), &Arc::default());
        let own = connections[0].open();
        let far = own.elsewhere.as_ref().unwrap();
        assert_eq!(far.ways.map(|way| way.lost), [None, None]);
    }

    #[test]
    fn a_point_behind_a_router_proves_what_it_saw() {
        let (connections, twins) = merge(vec![point(0, 0, 400, 0), point(1, 2, 50, 180)], &Arc::default());
        let own = connections[0].open();
        let elsewhere = own.elsewhere.as_ref().unwrap();
        assert_eq!((connections.len(), twins, elsewhere.resets.len()), (1, 1, 1));
        assert!(elsewhere.nearer_responder && own.first_frame.file() == 0);
    }

    #[test]
    fn the_far_end_of_a_cable_is_another_point() {
        let (connections, _) = merge(vec![point(0, 0, 150, 0), point(1, 0, 30, 60)], &Arc::default());
        assert!(connections[0].open().elsewhere.is_some());
    }

    #[test]
    fn two_captures_of_one_place_are_no_two_points() {
        let (connections, twins) = merge(vec![point(0, 0, 400, 0), point(1, 0, 400, 3)], &Arc::default());
        assert_eq!((connections.len(), twins), (1, 1));
        assert!(connections[0].open().elsewhere.is_none());
        // A third file from behind a router still is one.
        let (connections, _) =
            merge(vec![point(0, 0, 400, 0), point(1, 0, 400, 3), point(2, 2, 50, 180)], &Arc::default());
        assert!(connections[0].open().elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.nearer_responder));
        let (connections, _) =
            merge(vec![point(0, 0, 400, 0), point(2, 2, 50, 180), point(1, 0, 400, 3)], &Arc::default());
        assert!(connections[0].open().elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.nearer_responder));
    }
}
