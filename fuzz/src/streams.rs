//! Streams of segments, drawn from bytes, and what tracking makes of them.

use std::net::IpAddr;

use wirecause::track::{
    Arrival, Bounds, Connection, Direction, Finished, FrameId, TrackCounts, Tracker, finished::Shelf,
};
use wirecause_parsers::{
    packet::{Endpoint, FlowEnds, IcmpError, IcmpKind, IpFacts, Segment, TcpFlags},
    time::Timestamp,
};

/// Any segments of a few flows, in order of time: each is counted once, and no record holds more than its bounds and its packets allow.
pub fn tracker(bytes: &[u8]) {
    let drawn = draw(bytes);
    let (connections, counts) = track(&drawn);
    check(&drawn, &connections, counts);
    let packed = track_within(&drawn, Bounds { live: 0, ..Bounds::default() });
    assert!(packed == (connections, counts), "those that were packed while under way go on where they stood");
}

/// A segment or an ICMP error of a drawn stream.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) time: Timestamp,
    interface: u32,
    segment: Segment,
    payload: Vec<u8>,
    icmp: bool,
}

/// Eleven bytes for each segment: flow and direction, flags, what it brings, and how far from what was to be expected.
pub(crate) fn draw(bytes: &[u8]) -> Vec<Drawn> {
    let mut time = Timestamp::from_parts(1_795_208_040, 0);
    let mut next = [[1_u32.wrapping_neg() - 500, 7_000_000]; FLOWS as usize];
    let mut drawn = Vec::new();
    for words in bytes.chunks_exact(SEGMENT_BYTES).take(MOST_SEGMENTS) {
        let &[place, flags, step, wait, seq, ack, length, window, ttl, id, more] = words else { continue };
        let (flow, back) = (usize::from(place % FLOWS), usize::from(place >> 7));
        // Steps of microseconds, milliseconds, seconds and minutes.
        let unit = [1_000, 1_000_000, 1_000_000_000, 60_000_000_000][usize::from(step & 3)];
        time = time.plus(i64::from(wait) * unit);
        let mut payload = content(length);
        let wire = payload.len() as u32 + if more & 0x40 == 0 { 0 } else { u32::from(more & 0x3f) * 1000 };
        if more & 0x80 != 0 {
            payload.truncate(usize::from(more & 0x3f));
        }
        let flags = TcpFlags(flags & 0x3f);
        let own = next[flow][back].wrapping_add_signed(distance(seq));
        let other = next[flow][1 - back].wrapping_add_signed(distance(ack));
        if seq == 0 {
            let used = wire + u32::from(flags.syn()) + u32::from(flags.fin());
            next[flow][back] = next[flow][back].wrapping_add(used);
        }
        let segment = segment(flow, back, flags, (own, other), wire, (window, ttl, id));
        drawn.push(Drawn { time, interface: u32::from(step >> 7), segment, payload, icmp: step & 0x7c == 0x7c });
    }
    drawn
}

fn segment(
    flow: usize,
    back: usize,
    flags: TcpFlags,
    (seq, ack): (u32, u32),
    payload: u32,
    (window, ttl, id): (u8, u8, u8),
) -> Segment {
    let gateway = Endpoint { address: IpAddr::from([10, 0, 0, 5]), port: 40_000 + flow as u16 };
    let peer =
        Endpoint { address: IpAddr::from([10, 0, 0, 9]), port: if flow.is_multiple_of(2) { 8080 } else { 8443 } };
    let (source, destination) = if back == 0 { (gateway, peer) } else { (peer, gateway) };
    Segment {
        ends: FlowEnds { source, destination },
        ip: IpFacts {
            ttl,
            id: Some(id.into()),
            dont_fragment: true,
            tos: 0,
            vlan: None,
            outer: 0,
            length: payload.saturating_add(40),
        },
        seq,
        ack,
        flags,
        window: u16::from(window) << 8,
        payload,
        window_scale: flags.syn().then_some(window & 15),
        mss: flags.syn().then_some(1460),
        timestamps: (id & 1 == 0).then_some((u32::from(id), u32::from(ttl))),
        sack: flags.syn(),
        options_cut: false,
    }
}

/// Mostly what is next; else a little or far from it.
fn distance(byte: u8) -> i32 {
    match byte {
        0..64 => 0,
        64..128 => i32::from(byte) - 96,
        128..192 => (i32::from(byte) - 160) * 1448,
        192..=255 => (i32::from(byte) - 224) << 26,
    }
}

/// What connections carry, by number.
fn content(number: u8) -> Vec<u8> {
    let record = |kind: u8, length: usize| {
        let mut bytes = vec![kind, 3, 3];
        bytes.extend((length as u16).to_be_bytes());
        bytes.resize(5 + length, 0xaa);
        bytes
    };
    match number % 16 {
        0..=2 => Vec::new(),
        3 => b"GET /a HTTP/1.1\r\nHost: api.example\r\n\r\n".to_vec(),
        4 => b"POST /b HTTP/1.1\r\nHost: api.example\r\nContent-Length: 3000\r\n\r\nxxx".to_vec(),
        5 => b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\nxxx".to_vec(),
        6 => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        7 => b"CONNECT api.example:443 HTTP/1.1\r\n\r\n".to_vec(),
        8 => [record(22, 3), b"\x01\x00\x00".to_vec()].concat(),
        9 => record(22, usize::from(number)),
        10 => record(20, 1),
        11 => record(21, 2),
        12 => record(23, usize::from(number) * 8),
        13 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        14 => vec![b'x'],
        _ => vec![b'x'; 1448],
    }
}

/// Tracks a drawn stream.
pub(crate) fn track(drawn: &[Drawn]) -> (Vec<Finished>, TrackCounts) {
    track_within(drawn, Bounds::default())
}

fn track_within(drawn: &[Drawn], bounds: Bounds) -> (Vec<Finished>, TrackCounts) {
    let mut tracker = Tracker::with_bounds(bounds);
    for (number, drawn) in (1..).zip(drawn) {
        let frame = FrameId::new(0, number);
        if drawn.icmp {
            let (quoted, quoted_seq) = (drawn.segment.ends, drawn.segment.seq);
            let error =
                IcmpError { sender: quoted.destination.address, kind: IcmpKind::Prohibited, quoted, quoted_seq };
            tracker.icmp(drawn.time, frame, &error);
        } else {
            let Drawn { time, interface, segment, payload, .. } = drawn;
            tracker.segment(&Arrival { time: *time, frame, interface: *interface, segment, payload, outer: None });
        }
    }
    tracker.finish()
}

fn check(drawn: &[Drawn], connections: &[Finished], counts: TrackCounts) {
    let segments: Vec<&Drawn> = drawn.iter().filter(|drawn| !drawn.icmp).collect();
    assert_eq!(
        counts.segments + counts.duplicates + counts.segments_beyond_bound,
        segments.len() as u64,
        "each segment is one or the other"
    );
    let opened: Vec<Connection> = connections.iter().map(Finished::open).collect();
    let packets: u64 = opened.iter().map(|connection| connection.orig.packets + connection.resp.packets).sum();
    assert_eq!(packets, counts.segments, "each segment belongs to one connection");
    let sent: u64 = segments.iter().map(|drawn| u64::from(drawn.segment.payload)).sum();
    let bytes: u64 = opened.iter().map(|connection| connection.orig.bytes + connection.resp.bytes).sum();
    assert!(bytes <= sent, "{bytes} distinct bytes of {sent}");
    assert!(connections.is_sorted_by_key(|connection| connection.head().place()));
    for connection in &opened {
        check_one(connection);
    }
    let mut shelf = Shelf::default();
    let packed: Vec<Finished> = opened.iter().map(|connection| shelf.put(connection)).collect();
    drop(shelf);
    assert!(packed == connections, "what is packed again is the same");
}

fn check_one(connection: &Connection) {
    assert!(connection.start <= connection.end);
    for direction in [Direction::Originator, Direction::Responder] {
        let side = connection.side(direction);
        assert!(side.retransmissions <= side.packets);
        assert!(side.packets > 0 || side.bytes == 0);
        assert!(side.contiguous() <= side.high.max(1));
        assert!(connection.resets.iter().filter(|(by, _)| *by == direction).count() <= 4);
        if let Some(fin) = side.fin {
            assert!(connection.start <= fin.time && fin.time <= connection.end);
        }
    }
    assert!(connection.longest_idle <= connection.end.since(connection.start));
    assert!(connection.notes.len() <= 48 && connection.icmp.len() <= 4 && connection.exchanges.last.len() <= 8);
    assert!(connection.history.len() <= 64);
    assert!(connection.history.chars().all(|letter| "^SHADFRCGTWIQshadfrcgtwiq".contains(letter)));
    assert!(!connection.state().word().is_empty());
    if let Some(ending) = connection.ending() {
        assert!(connection.start <= ending.time && ending.time <= connection.end);
    }
    assert!(connection.exchanges.last.len() as u64 <= connection.exchanges.count);
    for exchange in &connection.exchanges.last {
        assert!(exchange.acked_bytes <= exchange.request_bytes());
        assert!(exchange.request_start <= exchange.request_end);
        assert!(exchange.number <= connection.exchanges.count);
    }
}

const FLOWS: u8 = 4;
const SEGMENT_BYTES: usize = 11;
/// Enough for every bound of a connection to be crossed.
const MOST_SEGMENTS: usize = 400;
