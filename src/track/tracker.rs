//! The table of live connections of one shard.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;
use wirecause_parsers::{
    capture::LinkType,
    packet::{IcmpError, Outer, Segment, outer_headers},
    time::Timestamp,
};

use super::{
    connection::{IcmpNote, MAX_OUTER},
    finished::{Finished, Frozen, Shelf},
    flow::FlowKey,
    live::Live,
    note::FrameId,
    store::Store,
};

/// Follows the connections of one shard.
#[derive(Debug, Default)]
pub struct Tracker {
    live: HashMap<FlowKey, Box<Live>, RandomState>,
    /// Those that have not been heard from for long.
    frozen: HashMap<FlowKey, Frozen, RandomState>,
    /// When there are so many live ones, those that are not heard from are looked for.
    freeze_at: usize,
    /// SYNs that nothing has answered or repeated, and their flows in order of arrival; some of these have gone on since.
    openings: HashMap<FlowKey, Opening, RandomState>,
    opened: VecDeque<FlowKey>,
    /// Flows whose connections were closed, and when they may be given up.
    closed: VecDeque<(Timestamp, FlowKey)>,
    finished: Vec<Finished>,
    /// Finished ones that were taken away.
    taken: usize,
    shelf: Shelf,
    counts: TrackCounts,
    bounds: Bounds,
}

/// How much a tracker keeps. The defaults are those of one of a capture's 64 shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections of which no more than one SYN was seen.
    pub half_open: usize,
    /// Connections of any other kind.
    pub connections: usize,
    /// Connections under way from which on those that are not heard from are packed. The result does not depend on it.
    pub live: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { half_open: MAX_HALF_OPEN, connections: MAX_CONNECTIONS, live: MOST_LIVE }
    }
}

/// A lone SYN: no more than what it takes to begin its connection when something follows.
#[derive(Debug)]
struct Opening {
    time: Timestamp,
    frame: FrameId,
    interface: u32,
    segment: Segment,
    outer: Vec<Outer>,
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
    /// Lone SYNs that were forgotten, the oldest first, because there were too many. They are among the segments.
    pub half_open_beyond_bound: u64,
    /// Segments of connections that were not followed because there were too many. They are not among the segments.
    pub segments_beyond_bound: u64,
}

impl std::ops::AddAssign for TrackCounts {
    fn add_assign(&mut self, other: Self) {
        self.segments += other.segments;
        self.duplicates += other.duplicates;
        self.foreign_icmp += other.foreign_icmp;
        self.half_open_beyond_bound += other.half_open_beyond_bound;
        self.segments_beyond_bound += other.segments_beyond_bound;
    }
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
    /// Its frame, where something is around its packet.
    pub outer: Option<Wrapped<'a>>,
}

/// A frame with tags, labels or tunnels around its packet, which are read from it where they are wanted: once for each connection.
#[derive(Clone, Copy, Debug)]
pub struct Wrapped<'a> {
    /// Link type of its interface.
    pub link: LinkType,
    /// The bytes captured.
    pub data: &'a [u8],
    /// Its length on the wire.
    pub original: u32,
}

impl Wrapped<'_> {
    /// What is around the packet, as much as is kept.
    pub(super) fn outer(self) -> Vec<Outer> {
        let mut outer = outer_headers(self.link, self.data, self.original);
        outer.truncate(MAX_OUTER);
        outer
    }
}

impl Tracker {
    /// A tracker that keeps so much.
    pub fn with_bounds(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// A tracker whose connections lie in `store`.
    pub fn keeping_in(store: Arc<Store>) -> Self {
        Self { shelf: Shelf::new(store), ..Self::default() }
    }

    /// Takes the next segment of this shard.
    // In place, since its key is made of what its caller has just read.
    #[inline]
    pub fn segment(&mut self, arrival: &Arrival<'_>) {
        self.segment_of(FlowKey::new(arrival.segment.ends), arrival);
    }

    fn segment_of(&mut self, key: FlowKey, arrival: &Arrival<'_>) {
        self.retire(arrival.time);
        if let Some(live) = self.live.get_mut(&key) {
            if live.is_duplicate(arrival) {
                self.counts.duplicates += 1;
                return;
            }
            if !live.begins_anew(arrival) {
                self.counts.segments += 1;
                let was_closed = live.is_closed();
                live.take(arrival);
                if !was_closed && live.is_closed() {
                    self.closed.push_back((arrival.time.plus(LINGER), key));
                }
                return;
            }
            if let Some(old) = self.live.remove(&key) {
                self.keep(old);
            }
        } else if self.thaw(key, arrival.time) || self.go_on(key) {
            return self.segment_of(key, arrival);
        }
        if is_lone_syn(arrival.segment) {
            self.counts.segments += 1;
            self.open(key, arrival);
        } else {
            self.begin(key, arrival);
        }
    }

    /// Takes an ICMP error about a flow of this shard.
    pub fn icmp(&mut self, time: Timestamp, frame: FrameId, error: &IcmpError) {
        let key = FlowKey::new(error.quoted);
        if !self.live.contains_key(&key) && !self.thaw(key, time) {
            self.go_on(key);
        }
        let Some(live) = self.live.get_mut(&key) else {
            self.counts.foreign_icmp += 1;
            return;
        };
        live.icmp(IcmpNote { time, frame, kind: error.kind, sender: error.sender });
    }

    /// The connections that have finished so far and were not taken before, in no order. What is kept of them can be read once tracking has ended.
    pub fn take_finished(&mut self) -> Vec<Finished> {
        self.taken += self.finished.len();
        std::mem::take(&mut self.finished)
    }

    /// Ends tracking: all connections that were not taken before, in order of their start.
    pub fn finish(mut self) -> (Vec<Finished>, TrackCounts) {
        for opening in std::mem::take(&mut self.openings).into_values() {
            self.keep(opening.connection());
        }
        for live in std::mem::take(&mut self.live).into_values() {
            self.keep(live);
        }
        for frozen in std::mem::take(&mut self.frozen).into_values() {
            self.keep(self.shelf.thaw(&frozen));
        }
        self.finished.sort_unstable_by_key(|connection| connection.head().place());
        (self.finished, self.counts)
    }

    /// Makes a connection of a lone SYN, now that something follows it; whether it did.
    fn go_on(&mut self, key: FlowKey) -> bool {
        if self.openings.is_empty() {
            return false;
        }
        let Some(opening) = self.openings.remove(&key) else { return false };
        if self.is_full() {
            self.counts.segments -= 1;
            self.counts.segments_beyond_bound += 1;
            return false;
        }
        self.freeze_quiet(opening.time);
        self.live.insert(key, opening.connection());
        true
    }

    /// Finishes connections that were closed long ago.
    fn retire(&mut self, now: Timestamp) {
        while self.closed.front().is_some_and(|(due, _)| *due < now)
            && let Some((_, key)) = self.closed.pop_front()
        {
            let live = self.live.get(&key).map(|live| (live.heard(), live.is_closed()));
            let state = live.or_else(|| self.frozen.get(&key).map(|frozen| (frozen.heard, frozen.closed)));
            // What was still heard from puts it off; a later connection of the same ends is closed by itself.
            let Some((heard, true)) = state else { continue };
            if heard.plus(LINGER) >= now {
                self.closed.push_back((heard.plus(LINGER), key));
            } else if let Some(live) = self.live.remove(&key) {
                self.keep(live);
            } else if let Some(frozen) = self.frozen.remove(&key) {
                self.keep(self.shelf.thaw(&frozen));
            }
        }
    }

    /// Makes a frozen connection live again; whether there was one.
    fn thaw(&mut self, key: FlowKey, now: Timestamp) -> bool {
        if self.frozen.is_empty() {
            return false;
        }
        let Some(frozen) = self.frozen.remove(&key) else { return false };
        self.freeze_quiet(now);
        self.live.insert(key, self.shelf.thaw(&frozen));
        true
    }

    /// Where many connections are under way, packs those that have not been heard from for a while before `now`.
    fn freeze_quiet(&mut self, now: Timestamp) {
        if self.live.len() < self.freeze_at.max(self.bounds.live) {
            return;
        }
        let quiet = self.live.extract_if(|_, live| now.since(live.heard()) > QUIET);
        self.frozen.extend(quiet.map(|(key, live)| (key, self.shelf.freeze(&live))));
        // As many again must come before it is worth looking once more.
        self.freeze_at = 2 * self.live.len();
    }

    /// Keeps a connection to which nothing more belongs.
    fn keep(&mut self, ended: Box<Live>) {
        self.finished.push(self.shelf.end(ended));
    }

    fn begin(&mut self, key: FlowKey, arrival: &Arrival<'_>) {
        if self.is_full() {
            self.counts.segments_beyond_bound += 1;
            return;
        }
        self.counts.segments += 1;
        self.freeze_quiet(arrival.time);
        self.live.insert(key, begun(arrival));
    }

    fn open(&mut self, key: FlowKey, arrival: &Arrival<'_>) {
        let Arrival { time, frame, interface, segment, outer, .. } = *arrival;
        let outer = outer.map(Wrapped::outer).unwrap_or_default();
        self.openings.insert(key, Opening { time, frame, interface, segment: *segment, outer });
        self.opened.push_back(key);
        while self.openings.len() > self.bounds.half_open
            && let Some(oldest) = self.opened.pop_front()
        {
            self.counts.half_open_beyond_bound += u64::from(self.openings.remove(&oldest).is_some());
        }
        // Those that went on leave their keys behind.
        if self.opened.len() > 2 * self.bounds.half_open.max(self.openings.len()) {
            let openings = &self.openings;
            self.opened.retain(|key| openings.contains_key(key));
        }
    }

    fn is_full(&self) -> bool {
        self.live.len() + self.frozen.len() + self.finished.len() + self.taken >= self.bounds.connections
    }
}

impl Opening {
    fn connection(self) -> Box<Live> {
        let Self { time, frame, interface, segment, outer } = self;
        let mut live = begun(&Arrival { time, frame, interface, segment: &segment, payload: &[], outer: None });
        live.within(outer);
        live
    }
}

/// A connection with its first segment.
fn begun(arrival: &Arrival<'_>) -> Box<Live> {
    let mut live = Box::new(Live::new(arrival));
    live.is_duplicate(arrival);
    live.take(arrival);
    live
}

fn is_lone_syn(segment: &Segment) -> bool {
    let flags = segment.flags;
    flags.syn() && !flags.ack() && !flags.rst() && !flags.fin() && segment.payload == 0
}

/// A connection that has not been heard from for so long may be packed, ns: by then its exchange is over, or a timeout runs.
const QUIET: i64 = 60_000_000_000;
/// Connections of a shard under way that are kept as they are: at some two kilobytes each, 64 shards take 8 MB.
const MOST_LIVE: usize = 64;
/// A closed connection is followed for so long after its last segment, ns: the time for which TCP itself holds its ends back from being
/// used again, twice the longest life of a segment (RFC 9293, section 3.4.1: MSL is two minutes).
const LINGER: i64 = 240_000_000_000;
/// Lone SYNs kept: 262,144 in all shards. A gateway opens some thousands of connections a second and repeats a SYN after one second
/// (RFC 6298), so that more at a time are a flood or a scan. About 200 bytes each while they wait, and some kilobytes in the tables.
const MAX_HALF_OPEN: usize = 4_096;
/// Connections kept: 2,097,152 in all shards. They are kept until the end of the run.
const MAX_CONNECTIONS: usize = 32_768;

#[cfg(test)]
mod tests {
    use wirecause_parsers::packet::TcpFlags;

    use super::*;
    use crate::track::testing;

    fn segment(port: u16, flags: TcpFlags, back: bool) -> Segment {
        let (seq, ack) = if back { (5_000, 1_001) } else { (1_000, 0) };
        testing::segment(port, (!back, seq, ack), flags.0, 0)
    }

    fn feed(tracker: &mut Tracker, number: u64, segment: &Segment) {
        let (time, frame) = (Timestamp::from_nanos(number as i64 * 1_000_000), FrameId::new(0, number));
        tracker.segment(&Arrival { time, frame, interface: 0, segment, payload: &[], outer: None });
    }

    #[test]
    fn of_too_many_lone_syns_the_oldest_are_forgotten_and_counted() {
        let mut tracker = Tracker::with_bounds(Bounds { half_open: 10, connections: 100, ..Bounds::default() });
        for number in 0..50 {
            feed(&mut tracker, u64::from(number) + 1, &segment(number + 1, TcpFlags::SYN, false));
        }
        // An answer to one that is still known makes a connection of it.
        feed(&mut tracker, 51, &segment(45, TcpFlags(0x12), true));
        feed(&mut tracker, 52, &segment(60, TcpFlags::SYN, false));
        let (connections, counts) = tracker.finish();
        assert_eq!((connections.len(), counts.half_open_beyond_bound, counts.segments), (11, 40, 52));
        let answered =
            connections.iter().map(Finished::open).find(|connection| connection.originator.port == 45).unwrap();
        assert_eq!((answered.handshake.rtt, answered.state().word()), (Some(6_000_000), "S1"));
    }

    #[test]
    fn of_too_many_connections_the_latest_are_not_followed_and_counted() {
        let mut tracker = Tracker::with_bounds(Bounds { half_open: 10, connections: 3, ..Bounds::default() });
        for number in 0..5 {
            feed(&mut tracker, 2 * u64::from(number) + 1, &segment(number + 1, TcpFlags::SYN, false));
            feed(&mut tracker, 2 * u64::from(number) + 2, &segment(number + 1, TcpFlags(0x12), true));
        }
        let (connections, counts) = tracker.finish();
        assert_eq!((connections.len(), counts.segments, counts.segments_beyond_bound), (3, 6, 4));
    }

    #[test]
    fn a_syn_captured_behind_its_answer_is_of_the_same_connection() {
        let mut tracker = Tracker::default();
        feed(&mut tracker, 1, &segment(7, TcpFlags(0x12), true));
        feed(&mut tracker, 2, &segment(7, TcpFlags::SYN, false));
        // Another number is another connection's.
        feed(&mut tracker, 3, &segment(8, TcpFlags(0x12), true));
        feed(&mut tracker, 4, &Segment { seq: 9_000, ..segment(8, TcpFlags::SYN, false) });
        let (connections, _) = tracker.finish();
        let of_port = |port: u16| {
            let ours = connections.iter().map(Finished::open).filter(|connection| connection.originator.port == port);
            ours.map(|connection| (connection.handshake.syns, connection.handshake.syn_acks)).collect::<Vec<_>>()
        };
        assert_eq!((of_port(7), of_port(8)), (vec![(1, 1)], vec![(0, 1), (1, 0)]));
    }

    /// A connection of `port`, opened and closed by both ends within six milliseconds of `second`.
    fn whole(tracker: &mut Tracker, port: u16, second: i64) {
        let numbered = |segment: Segment, seq, ack| Segment { seq, ack, ..segment };
        let (there, back) =
            (|flags| segment(port, TcpFlags(flags), false), |flags| segment(port, TcpFlags(flags), true));
        let segments = [
            there(0x02),
            back(0x12),
            numbered(there(0x10), 1_001, 5_001),
            numbered(there(0x11), 1_001, 5_001),
            numbered(back(0x11), 5_001, 1_002),
            numbered(there(0x10), 1_002, 5_002),
        ];
        for (milli, segment) in (0..).zip(&segments) {
            late(tracker, segment, second * 1_000_000_000 + milli * 1_000_000);
        }
    }

    fn late(tracker: &mut Tracker, segment: &Segment, nanos: i64) {
        let (time, frame) = (Timestamp::from_nanos(nanos), FrameId::new(0, nanos as u64));
        tracker.segment(&Arrival { time, frame, interface: 0, segment, payload: &[], outer: None });
    }

    /// RFC 9293, section 3.4.1: two minutes are the longest life of a segment, so that an answer to one may come after four.
    #[test]
    fn a_closed_connection_is_followed_for_twice_the_life_of_a_segment() {
        let stray = Segment { seq: 5_002, ack: 1_002, ..segment(7, TcpFlags(0x10), true) };
        for (seconds, expected) in [(239, 1), (242, 2)] {
            let mut tracker = Tracker::default();
            whole(&mut tracker, 7, 0);
            late(&mut tracker, &stray, seconds * 1_000_000_000);
            let (connections, counts) = tracker.finish();
            assert_eq!((connections.len(), counts.segments), (expected, 7), "{seconds} s");
        }
    }

    #[test]
    fn connections_that_were_given_up_make_room_in_the_table() {
        let mut tracker = Tracker::default();
        for port in 1..=20 {
            whole(&mut tracker, port, 300 * i64::from(port));
        }
        assert_eq!((tracker.live.len(), tracker.finished.len()), (1, 19));
        assert_eq!(tracker.finish().0.len(), 20);
    }

    /// Of twenty connections a quarter of a minute apart those are packed that wait for their answer longer than a minute, and opened again for it;
    /// the last ones get none.
    #[test]
    fn a_connection_that_is_not_heard_from_is_packed_and_goes_on_where_it_stood() {
        let tracked = |live: usize| {
            let mut tracker = Tracker::with_bounds(Bounds { live, ..Bounds::default() });
            let mut most = 0;
            for turn in 0..26_u16 {
                let at = |step: i64| i64::from(turn) * 15_000_000_000 + step * 1_000_000;
                if turn < 20 {
                    late(&mut tracker, &segment(turn + 1, TcpFlags::SYN, false), at(0));
                    late(&mut tracker, &Segment { ack: 1_001, ..segment(turn + 1, TcpFlags(0x12), true) }, at(1));
                    let acknowledged = Segment { seq: 1_001, ack: 5_001, ..segment(turn + 1, TcpFlags(0x10), false) };
                    late(&mut tracker, &acknowledged, at(2));
                    late(&mut tracker, &Segment { payload: 700, ..acknowledged }, at(3));
                }
                if let Some(asked) = turn.checked_sub(6) {
                    let answer = Segment { seq: 5_001, ack: 1_701, ..segment(asked + 1, TcpFlags(0x18), true) };
                    late(&mut tracker, &Segment { payload: 90, ..answer }, at(4));
                    late(&mut tracker, &Segment { seq: 5_091, ..segment(asked + 1, TcpFlags(0x14), true) }, at(5));
                }
                most = most.max(tracker.frozen.len());
            }
            (most, tracker.finish())
        };
        let ((frozen, packed), (none, whole)) = (tracked(0), tracked(1_000));
        assert!(frozen >= 2 && none == 0, "{frozen} and {none} packed");
        assert!(packed == whole);
        assert_eq!((whole.0.len(), whole.1.segments), (20, 120));
    }

    const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    /// A connection with one exchange, answered or not, closed first by one of its ends; how many of its segments are kept, of how many.
    fn kept(answer: &[u8], closed_by_responder: bool) -> (usize, u64) {
        let mut tracker = Tracker::default();
        let (mut seqs, mut number) = ([1_000, 5_000], 0);
        let mut send = |flags: u8, back: bool, payload: &[u8]| {
            number += 1;
            let ack = if number == 1 { 0 } else { seqs[usize::from(!back)] };
            let plain = segment(9, TcpFlags(flags), back);
            let segment = Segment { seq: seqs[usize::from(back)], ack, payload: payload.len() as u32, ..plain };
            seqs[usize::from(back)] += payload.len() as u32 + u32::from(flags & 0x03 != 0);
            let (time, frame) = (Timestamp::from_nanos(number * 10_000_000), FrameId::new(0, number as u64));
            tracker.segment(&Arrival { time, frame, interface: 0, segment: &segment, payload, outer: None });
        };
        send(0x02, false, b"");
        send(0x12, true, b"");
        send(0x10, false, b"");
        send(0x18, false, REQUEST);
        send(0x10, true, b"");
        if !answer.is_empty() {
            send(0x18, true, answer);
            send(0x10, false, b"");
        }
        send(0x11, closed_by_responder, b"");
        send(0x10, !closed_by_responder, b"");
        send(0x11, !closed_by_responder, b"");
        send(0x10, closed_by_responder, b"");
        let connection = tracker.finish().0.remove(0).open();
        (connection.notes.len(), connection.orig.packets + connection.resp.packets)
    }

    #[test]
    fn what_is_kept_depends_on_the_end() {
        // Closed by the gateway itself after a whole response: no call can have failed on it.
        assert_eq!(kept(RESPONSE, false), (0, 11));
        // Closed by the peer: the next call may have met that.
        assert_eq!(kept(RESPONSE, true), (9, 11));
        // Never answered, or not in full: a call has failed on it.
        assert_eq!(kept(b"", false), (9, 9));
        assert_eq!(kept(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", false), (11, 11));
    }

    /// A socket that both ends closed answers what comes late by a RST (RFC 9293, section 3.10.7.1): nothing failed by it. One that comes
    /// before the other end has closed may have ended a call.
    #[test]
    fn a_reset_behind_both_fins_ends_nothing() {
        for (both, expected) in [(true, 9), (false, 12)] {
            let mut tracker = Tracker::default();
            let (request, answer) = (REQUEST.len() as u32, RESPONSE.len() as u32);
            let (sent, got) = (1_001 + request, 5_001 + answer);
            let fin = if both { 0x11 } else { 0x10 };
            let segments: [(bool, u32, u32, u8, &[u8]); 12] = [
                (true, 1_000, 0, 0x02, b""),
                (false, 5_000, 1_001, 0x12, b""),
                (true, 1_001, 5_001, 0x10, b""),
                (true, 1_001, 5_001, 0x18, REQUEST),
                (false, 5_001, sent, 0x10, b""),
                (false, 5_001, sent, 0x18, RESPONSE),
                (true, sent, got, 0x10, b""),
                (false, got, sent, 0x11, b""),
                (true, sent, got + 1, 0x10, b""),
                (true, sent, got + 1, fin, b""),
                (true, sent, got + 1, 0x10, b""),
                (false, got + 1, 0, 0x04, b""),
            ];
            for (number, (there, seq, ack, flags, payload)) in (1..).zip(segments) {
                let segment = testing::segment(9, (there, seq, ack), flags, payload.len() as u32);
                let (time, frame) = (Timestamp::from_nanos(number * 10_000_000), FrameId::new(0, number as u64));
                tracker.segment(&Arrival { time, frame, interface: 0, segment: &segment, payload, outer: None });
            }
            assert_eq!(tracker.finish().0[0].open().notes.len(), expected);
        }
    }
}
