//! Tracking: what segments in any order, twice, around 2³² or from the middle of a stream become.

use wirecause::track::{
    Connection, Direction, Finished, ResetShape, SequenceFit, TrackCounts, connection::EndingKind, stream::Protocol,
};
use wirecause_parsers::time::NANOS_PER_MILLI;

use crate::scenario_packets::{Content, Packet, Parties, draw, track, track_in_order};

const OPEN: [&str; 3] = ["0 > S", "0.01 < S.", "0.01 > ."];

/// A connection with all that the tracker follows: exchanges, an upload, idle times, loss, probes, an ending.
const LIFE: [&str; 30] = [
    "0 > S",
    "0.01 < S.",
    "0.01 > .",
    "0.011 > P. GET /one",
    "0.021 < .",
    "0.03 < . 200 body=5000 take=1448",
    "0.0301 < . rest=1448",
    "0.0302 < . rest=1448",
    "0.0303 < P. rest",
    "0.031 > .",
    "2.031 > . POST /two body=4000 take=1448",
    "2.0311 > . rest=1448",
    "2.0312 > P. rest",
    "2.041 < .",
    "2.05 < P. 200 body=30",
    "2.05 > .",
    "12 > . probe",
    "12.01 < .",
    "20 > P. GET /three lost",
    "20.21 > P. again",
    "20.22 < .",
    "20.3 < P. 200 body=700",
    "20.3 > .",
    "20.4 > . POST /four body=9000 take=1448",
    "20.4001 > . rest=1448",
    "20.41 < . win=0",
    "20.46 < . win=500",
    "20.47 > . rest=1448",
    "20.48 < . ack=1",
    "20.6 < R.",
];

#[test]
fn numbers_that_wrap_change_nothing() {
    let usual = only(draw(&Parties::new(40_001), 0.0, &LIFE));
    for isn in [[u32::MAX, u32::MAX], [u32::MAX - 1, 0], [u32::MAX - 3_000, u32::MAX - 2_000], [0, u32::MAX - 5_700]] {
        let parties = Parties { isn, ..Parties::new(40_001) };
        let mut wrapped = only(draw(&parties, 0.0, &LIFE));
        // All but the numbers themselves.
        wrapped.orig.clone_from(&usual.orig);
        wrapped.resp.clone_from(&usual.resp);
        assert_eq!(wrapped, usual, "{isn:?}");
        let wrapped = only(draw(&parties, 0.0, &LIFE));
        assert_eq!(counted(&wrapped), counted(&usual), "{isn:?}");
    }
}

#[test]
fn segments_swapped_within_three_milliseconds_are_counted_the_same() {
    let packets = draw(&Parties::new(40_001), 0.0, &LIFE);
    let usual = only(packets.clone());
    for first in 4..packets.len() - 1 {
        let (one, two) = (&packets[first], &packets[first + 1]);
        let same_side = matches!((&one.content, &two.content), (Content::Tcp(a, payload), Content::Tcp(b, _))
            if a.ends == b.ends && a.payload > 0 && b.payload > 0 && !b.flags.rst() && !begins_with_a_head(payload));
        if !same_side || two.time.since(one.time) > 3 * NANOS_PER_MILLI {
            continue;
        }
        let mut swapped = packets.clone();
        let (one, two) = (one.time, two.time);
        swapped.swap(first, first + 1);
        (swapped[first].time, swapped[first + 1].time) = (one, two);
        let found = only(swapped);
        assert_eq!(bytes_and_exchanges(&found), bytes_and_exchanges(&usual), "packets {first} and {}", first + 1);
    }
}

fn begins_with_a_head(payload: &[u8]) -> bool {
    payload.starts_with(b"HTTP/") || payload.starts_with(b"POST ")
}

#[test]
fn a_four_tuple_used_again_is_a_new_connection() {
    let first = draw(&Parties::new(40_001), 0.0, &LIFE);
    let second = draw(&Parties { isn: [5, 6], ..Parties::new(40_001) }, 60.0, &LIFE);
    let (connections, _) = track([first.clone(), second].concat()).finish();
    assert_eq!(connections.len(), 2);
    let connections: Vec<Connection> = connections.iter().map(Finished::open).collect();
    assert_eq!(connections[0], only(first));
    assert_eq!(connections[1].exchanges.count, 4);
    assert_eq!(connections[1].start.since(connections[0].start), 60_000 * NANOS_PER_MILLI);
    assert_eq!(connections[1].longest_idle, connections[0].longest_idle);
}

#[test]
fn a_packet_on_two_interfaces_counts_once() {
    let packets = draw(&Parties::new(40_001), 0.0, &LIFE);
    let usual = only(packets.clone());
    // By the number of the interface, and by the hop between two devices of one interface number.
    for (interface, hop, delay) in [(1, 0, 20_000), (0, 1, 400_000), (1, 1, 4_900_000)] {
        let again = packets.iter().cloned().map(|mut packet| {
            packet.time = packet.time.plus(delay);
            packet.interface += interface;
            if let Content::Tcp(segment, _) = &mut packet.content {
                segment.ip.ttl -= hop;
            }
            packet
        });
        // Each twin behind its packet, as the kernel hands them to the capture.
        let mut both: Vec<Packet> = packets.iter().cloned().zip(again).flat_map(|(one, two)| [one, two]).collect();
        both.sort_by_key(|packet| packet.time);
        let (connections, counts) = track(both).finish();
        assert_eq!(connections.len(), 1, "{interface} {hop} {delay}");
        assert_eq!(
            counts,
            TrackCounts { segments: 30, duplicates: 30, ..TrackCounts::default() },
            "{interface} {hop} {delay}"
        );
        let first = connections[0].open();
        assert_eq!(bytes_and_exchanges(&first), bytes_and_exchanges(&usual));
        assert_eq!(first.history, usual.history);
        assert_eq!(first.resets.len(), 1);
    }
}

#[test]
fn a_copy_on_one_interface_with_an_equal_ttl_is_a_retransmission() {
    let connection = only(lines(&[&OPEN[..], &["0.02 > P. GET / id=7", "0.024 > P. again id=7", "0.03 < ."]].concat()));
    assert_eq!((connection.orig.retransmissions, connection.orig.packets), (1, 4));
    assert_eq!(connection.exchanges.last[0].request_retransmissions, 1);
    // Later than any host forwards a packet.
    let late = only(lines(&[&OPEN[..], &["0.02 > P. GET /", "0.026 > P. twin iface=1", "0.03 < ."]].concat()));
    assert_eq!(late.orig.retransmissions, 1);
}

#[test]
fn a_stream_may_begin_in_the_middle() {
    let connection = only(lines(&["0 < P. 200 body=500", "0.5 > P. GET /a", "0.51 < .", "0.6 < P. 200 body=7"]));
    assert_eq!(connection.responder.port, 8080);
    assert_eq!((connection.resp.bytes, connection.orig.bytes), (response(500) + response(7), 38));
    assert_eq!((connection.orig.gaps, connection.resp.gaps), (0, 0));
    assert_eq!(connection.handshake.syn, None);
    let answered: Vec<_> = connection.exchanges.last.iter().map(|exchange| exchange.status).collect();
    assert_eq!(answered, [Some(200)]);
    assert_eq!(connection.exchanges.last[0].target.as_deref(), Some("/a"));
}

#[test]
fn a_stream_may_begin_within_a_response() {
    let connection =
        only(lines(&["0 < P. more=500", "0.001 > .", "0.5 > P. GET /a", "0.51 < .", "0.6 < P. 200 body=7"]));
    // The peer has the lower port.
    assert_eq!(connection.responder.port, 8080);
    assert_eq!((connection.resp.bytes, connection.orig.bytes), (500 + response(7), 38));
    assert_eq!((connection.orig.gaps, connection.resp.gaps), (0, 0));
}

#[test]
fn a_stream_may_begin_with_an_acknowledgement() {
    for first in ["0 < .", "0 > ."] {
        let connection = only(lines(&[first, "0.5 > P. GET /a", "0.51 < ."]));
        assert_eq!((connection.orig.bytes, connection.orig.gaps + connection.resp.gaps), (38, 0), "{first}");
        assert_eq!(connection.exchanges.count, 1, "{first}");
    }
}

#[test]
fn requests_on_a_kept_connection_are_exchanges_with_their_idle_times() {
    let connection = only(draw(&Parties::new(40_001), 0.0, &LIFE));
    let found: Vec<_> = connection
        .exchanges
        .last
        .iter()
        .map(|exchange| {
            (
                exchange.number,
                exchange.target.as_deref(),
                exchange.idle_before.map(|idle| idle / NANOS_PER_MILLI),
                exchange.response_bytes,
                exchange.status,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, Some("/one"), None, response(5000), Some(200)),
            // 2.031 − 0.0303, the last byte of the response before it.
            (2, Some("/two"), Some(2000), response(30), Some(200)),
            // The probe at 12 s is no activity.
            (3, Some("/three"), Some(17_950), response(700), Some(200)),
            (4, Some("/four"), Some(100), 0, None),
        ]
    );
    assert_eq!(
        connection.exchanges.last[1].request_bytes(),
        4000 + "POST /two HTTP/1.1\r\nHost: api.example\r\nContent-Length: 4000\r\n\r\n".len() as u64
    );
    assert_eq!(connection.exchanges.last[1].complete(), Some(true));
    assert_eq!(connection.exchanges.last[2].request_retransmissions, 1);
    assert_eq!(connection.exchanges.longest_idle_survived, Some(17_950 * NANOS_PER_MILLI));
    assert_eq!(connection.longest_idle, 17_950 * NANOS_PER_MILLI);
    assert_eq!(connection.resp.zero_windows, 1);
    assert_eq!(connection.resp.zero_window_since, None);
}

#[test]
fn an_upload_in_many_segments_is_one_request() {
    let connection = only(lines(
        &[
            &OPEN[..],
            &["0.02 > . POST /a body=5000 take=1448", "0.03 < .", "0.04 > . rest=1448", "0.05 < .", "5 > P. rest"],
            &["5.01 < ."],
        ]
        .concat(),
    ));
    let exchange = &connection.exchanges.last[0];
    let whole = 5000 + "POST /a HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5000\r\n\r\n".len() as u64;
    assert_eq!((connection.exchanges.count, exchange.request_bytes()), (1, whole));
    assert_eq!(exchange.request_expected, Some(whole));
    assert_eq!(exchange.request_end.since(exchange.request_start), 4_980 * NANOS_PER_MILLI);
    assert_eq!(exchange.request_acked.map(|acked| acked.since(exchange.request_end)), Some(10 * NANOS_PER_MILLI));
    assert_eq!(exchange.response_start, None);
}

#[test]
fn a_hundred_continue_is_no_response() {
    let connection = only(lines(
        &[
            &OPEN[..],
            &["0.02 > P. POST /a body=500 expect take=85", "0.03 < P. 100", "0.03 > P. rest", "0.04 < ."],
            &["0.5 < P. 200 body=10"],
        ]
        .concat(),
    ));
    let exchange = &connection.exchanges.last[0];
    assert_eq!((connection.exchanges.count, exchange.status), (1, Some(200)));
    assert_eq!(exchange.response_start.map(|start| start.since(exchange.request_start)), Some(480 * NANOS_PER_MILLI));
    assert_eq!(exchange.response_bytes, response(10));
}

#[test]
fn session_tickets_of_tls13_are_no_response() {
    let handshake = ["0.02 > P. hello", "0.03 < P. server-hello ccs app=1800", "0.04 > P. ccs app=53"];
    let early = ["0.041 > P. app=300", "0.05 < P. app=250 app=250"];
    let late = ["0.041 > P. app=300", "0.06 < P. app=250", "0.0601 < P. app=250"];
    for tickets in [&early[..], &late[..]] {
        let waiting = only(lines(&[&OPEN[..], &handshake, tickets].concat()));
        let exchange = &waiting.exchanges.last[0];
        assert_eq!((waiting.exchanges.count, exchange.response_bytes), (1, 0), "{tickets:?}");
        assert_eq!(exchange.response_start, None, "{tickets:?}");
        let answered = only(lines(&[&OPEN[..], &handshake, tickets, &["0.5 < P. app=700"]].concat()));
        assert_eq!(answered.exchanges.last[0].response_bytes, 705, "{tickets:?}");
        assert_eq!(answered.exchanges.count, 1);
    }
    let connection = only(lines(&[&OPEN[..], &handshake, &early[..]].concat()));
    assert_eq!(connection.protocol, Protocol::Tls);
    assert!(connection.tls.tls13 && connection.tls.client_data && !connection.tls.server_data);
    assert_eq!(connection.names.sni.as_deref(), Some("api.example"));
}

#[test]
fn tls12_data_follows_the_finished_messages() {
    let connection = only(lines(
        &[
            &OPEN[..],
            &["0.02 > P. hello", "0.03 < P. server-hello-1.2 handshake=1800 handshake=4"],
            &["0.04 > P. handshake=70 ccs handshake=40", "0.05 < P. ccs handshake=40"],
            &["0.06 > P. app=300", "0.07 < P. app=500", "3 < P. sealed-alert", "3 < F."],
        ]
        .concat(),
    ));
    let exchange = &connection.exchanges.last[0];
    assert_eq!((connection.exchanges.count, exchange.request_bytes(), exchange.response_bytes), (1, 305, 505));
    assert!(!connection.tls.tls13 && connection.tls.server_data);
    let alert = connection.tls.alert.expect("close_notify is an alert");
    assert_eq!((alert.from, alert.code), (Direction::Responder, None));
    assert_eq!(
        connection.ending().map(|ending| (ending.by, ending.kind)),
        Some((Direction::Responder, EndingKind::Fin))
    );
}

#[test]
fn a_hello_in_two_segments_still_names_its_server() {
    let connection =
        only(lines(&[&OPEN[..], &["0.02 > . hello take=40", "0.021 > P. rest", "0.03 < P. alert=2/40"]].concat()));
    assert_eq!(connection.names.sni.as_deref(), Some("api.example"));
    assert_eq!(connection.tls.alert.and_then(|alert| alert.code), Some((2, 40)));
    assert_eq!(connection.exchanges.count, 0);
}

#[test]
fn after_the_gateways_own_fin_the_stream_goes_on_but_its_exchange_does_not() {
    let connection = only(lines(
        &[
            &OPEN[..],
            &["0.02 > P. GET /", "0.02 > F.", "0.03 < .", "1 < P. 200 body=900", "1 > .", "1.1 < F.", "1.1 > ."],
        ]
        .concat(),
    ));
    let exchange = &connection.exchanges.last[0];
    // `HttpClient` closes both ways at once: what arrives later, no call of it reads. TCP's own counts go on.
    assert_eq!((exchange.response_start, exchange.after_peer_close), (None, false));
    assert_eq!(connection.resp.bytes, response(900));
    assert_eq!(connection.ending().map(|ending| ending.by), Some(Direction::Originator));
    assert!(connection.orig.fin_acked.is_some() && connection.resp.fin_acked.is_some());
    assert_eq!((connection.orig.outstanding(), connection.resp.outstanding()), (0, 0));
}

#[test]
fn a_window_stays_zero_until_it_opens() {
    let connection =
        only(lines(&[&OPEN[..], &["0.02 > P. GET /", "0.03 < . win=0", "1 > . probe", "1.01 < . win=0"]].concat()));
    assert_eq!(connection.resp.zero_windows, 1);
    let since = connection.resp.zero_window_since.expect("it is still closed");
    assert_eq!(since.since(connection.start), 30 * NANOS_PER_MILLI);
    assert_eq!(connection.orig.retransmissions, 0);
}

#[test]
fn both_ends_may_open_at_once() {
    let connection = only(lines(&[
        "0 > S",
        "0.001 < S",
        "0.01 > S.",
        "0.011 < S.",
        "0.02 > P. GET /a",
        "0.03 < .",
        "0.04 < P. 200 body=1",
    ]));
    assert_eq!((connection.originator.port, connection.exchanges.count), (40_001, 1));
    assert_eq!((connection.orig.bytes, connection.resp.bytes), (38, response(1)));
    assert_eq!(connection.handshake.syn.map(|syn| syn.since(connection.start)), Some(0));
}

#[test]
fn a_syn_sent_again_gives_no_round_trip() {
    let connection = only(lines(&["0 > S", "1 > S", "1.01 < S.", "1.01 > ."]));
    assert_eq!((connection.handshake.syns, connection.handshake.rtt), (2, None));
    assert_eq!(connection.handshake.last_syn.map(|syn| syn.since(connection.start)), Some(1_000 * NANOS_PER_MILLI));
    let usual = only(lines(&OPEN));
    assert_eq!(usual.handshake.rtt, Some(10 * NANOS_PER_MILLI));
}

#[test]
fn a_syn_may_carry_data() {
    let connection = only(lines(&["0 > S GET /a", "0.01 < S.", "0.02 < P. 200 body=1", "0.02 > ."]));
    assert_eq!((connection.orig.bytes, connection.exchanges.count), (38, 1));
    let exchange = &connection.exchanges.last[0];
    assert_eq!((exchange.target.as_deref(), exchange.status, exchange.acked_bytes), (Some("/a"), Some(200), 38));
}

/// A RST that is not exact is answered by a challenge ACK, and the exact one that follows is the one that counts (RFC 5961,
/// section 3.2).
#[test]
fn a_challenged_reset_is_followed_by_the_exact_one() {
    let connection = only(lines(
        &[&OPEN[..], &["0.02 > P. GET /", "0.03 < .", "0.1 < R seq=101", "0.1 > .", "0.11 < R seq=1"]].concat(),
    ));
    let fits: Vec<SequenceFit> = connection.resets.iter().map(|(_, reset)| reset.fit).collect();
    assert_eq!(fits, [SequenceFit::InWindow, SequenceFit::Exact]);
    let ending = connection.ending().expect("the exact one ends it");
    assert_eq!(ending.time.since(connection.start), 110 * NANOS_PER_MILLI);
}

#[test]
fn a_reset_is_measured_against_what_was_received() {
    let begun = ["0.02 > P. GET /", "0.03 < .", "0.04 < P. 200 body=1000", "0.04 > ."];
    let sent = 1 + response(1000);
    for (seq, fit) in [
        (sent, SequenceFit::Exact),
        (sent - 1, SequenceFit::Below),
        (1, SequenceFit::Below),
        (sent + 1, SequenceFit::InWindow),
        // The gateway's window of 502 by its scale of 7.
        (sent + 502 * 128, SequenceFit::InWindow),
        (sent + 502 * 128 + 1, SequenceFit::Beyond),
    ] {
        let reset = format!("0.1 < R. seq={seq}");
        for isn in [[1, 1], [u32::MAX - 20, u32::MAX - 500]] {
            let parties = Parties { isn, ..Parties::new(40_001) };
            let connection = only(draw(&parties, 0.0, &[&OPEN[..], &begun, &[&reset]].concat()));
            assert_eq!(connection.resets[0].1.fit, fit, "{reset} {isn:?}");
        }
    }
}

#[test]
fn shapes_of_resets() {
    for (lines, shape, unacknowledged) in [
        (&["0 > S", "0.01 < R."][..], ResetShape::Refusal, 0),
        (&["0 > S", "0.01 < S.", "0.01 > .", "0.02 > P. GET /a", "0.03 < R."], ResetShape::Active, 0),
        (&["0 > S", "0.01 < S.", "0.01 > .", "0.02 > P. GET /a", "0.025 < R. crossing"], ResetShape::Active, 38),
        (&["0 > S", "0.01 < S.", "0.01 > .", "0.02 > P. GET /a", "0.03 < R"], ResetShape::Passive, 38),
        (&["0 > P. GET /a", "0.01 < R"], ResetShape::Passive, 38),
    ] {
        let connection = only(self::lines(lines));
        let (by, reset) = &connection.resets[0];
        assert_eq!(
            (*by, reset.shape, reset.unacknowledged),
            (Direction::Responder, shape, unacknowledged),
            "{lines:?}"
        );
    }
}

#[test]
fn what_was_missed_by_the_capture_is_a_gap_and_what_was_lost_is_none() {
    let missed = ["0.02 > P. GET /", "0.03 < . 200 body=3000 take=1448", "0.03 < . rest=1448 unseen", "0.03 < P. rest"];
    let connection = only(lines(&[&OPEN[..], &missed, &["0.031 > ."]].concat()));
    assert_eq!((connection.resp.gaps, connection.resp.bytes), (1, response(3000) - 1448));
    let lost =
        ["0.02 > P. GET /", "0.03 < . 200 body=3000 take=1448", "0.03 < . rest=1448 lost unseen", "0.03 < P. rest"];
    let later = ["0.031 > .", "0.24 < . again=2", "0.241 > ."];
    let connection = only(lines(&[&OPEN[..], &lost, &later].concat()));
    assert_eq!((connection.resp.gaps, connection.resp.bytes, connection.resp.retransmissions), (0, response(3000), 1));
    assert_eq!(connection.exchanges.last[0].complete(), Some(true));
}

/// The last segment of a response is lost and its FIN is not: what comes again fills the hole before the FIN.
#[test]
fn bytes_that_come_after_their_fin_are_the_streams() {
    let response_lines =
        ["0.02 > P. GET /", "0.03 < . 200 body=2000 take=1448", "0.0302 < P. rest lost unseen", "0.0303 < F."];
    let later = ["0.0304 > . ack=1449", "0.24 < P. again", "0.241 > ."];
    let connection = only(lines(&[&OPEN[..], &response_lines, &later].concat()));
    assert_eq!((connection.resp.bytes, connection.resp.retransmissions, connection.resp.gaps), (response(2000), 1, 0));
    assert_eq!(connection.exchanges.last[0].complete(), Some(true));
    // Never sent again, it never ended the stream.
    let connection = only(lines(&[&OPEN[..], &response_lines, &later[..1]].concat()));
    assert_eq!((connection.peer_close(), connection.exchanges.last[0].complete()), (None, Some(false)));
}

/// Numbers, bytes, exchanges and resets: what later stages count.
fn counted(connection: &Connection) -> (Vec<u64>, String) {
    let sides = [&connection.orig, &connection.resp].map(|side| {
        vec![
            side.packets,
            side.bytes,
            side.retransmissions,
            u64::from(side.gaps),
            side.high as u64,
            side.acked as u64,
            u64::from(side.zero_windows),
        ]
    });
    (sides.concat(), format!("{:?} {:?}", connection.exchanges, connection.resets))
}

fn bytes_and_exchanges(connection: &Connection) -> Vec<u64> {
    let mut found = vec![
        connection.orig.bytes,
        connection.resp.bytes,
        connection.orig.retransmissions,
        connection.resp.retransmissions,
        u64::from(connection.orig.gaps + connection.resp.gaps),
        connection.exchanges.count,
    ];
    for exchange in &connection.exchanges.last {
        found.extend([exchange.request_bytes(), exchange.acked_bytes, exchange.response_bytes]);
        found.extend([u64::from(exchange.status.unwrap_or(0)), u64::from(exchange.request_retransmissions)]);
        found.push(exchange.request_expected.unwrap_or(0));
        found.push(exchange.response_expected.unwrap_or(0));
    }
    found
}

/// Bytes of a response with such a body: `HTTP/1.1 200 Status`, `Content-Length: …` and the blank line before it.
fn response(body: u64) -> u64 {
    let head = "HTTP/1.1 200 Status\r\nContent-Length: \r\n\r\n".len() + body.to_string().len();
    head as u64 + body
}

fn lines(lines: &[&str]) -> Vec<Packet> {
    draw(&Parties::new(40_001), 0.0, lines)
}

/// The only connection of packets in the order in which they stand.
fn only(packets: impl AsRef<[Packet]>) -> Connection {
    let (mut connections, _) = track_in_order(packets.as_ref()).finish();
    assert_eq!(connections.len(), 1, "{connections:#?}");
    connections.remove(0).open()
}
