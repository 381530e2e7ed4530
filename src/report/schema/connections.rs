//! The columns of `connections.csv`: one row per TCP connection. Words and letters are Zeek's.

use std::borrow::Cow;

use super::{Column, Table, address, count, list, maybe, millis, seconds, some, text, time};
use crate::report::rows::ConnectionRow;

/// One row per TCP connection, sorted by `start_time`, `connection_id`.
pub static CONNECTIONS: Table<ConnectionRow> = Table { name: "connections", columns: COLUMNS };

const COLUMNS: &[Column<ConnectionRow>] = &[
    text("connection_id", "Community ID and start time", |r| some(&r.connection_id)),
    text("node", "the gateway node", |r| some(&r.node)),
    time("start_time", "first packet", |r| Some(r.start_time)),
    time("end_time", "last packet", |r| Some(r.end_time)),
    text("orig_ip", "address of the originator, who sent the SYN", |r| address(Some(r.orig_ip))),
    count("orig_port", "its port", |r| Some(u64::from(r.orig_port))),
    text("resp_ip", "address of the responder", |r| address(Some(r.resp_ip))),
    count("resp_port", "its port", |r| Some(u64::from(r.resp_port))),
    list("names", "names of the responder by SNI, Host and DNS", |r| {
        r.names.iter().map(|name| Cow::Borrowed(name.as_str())).collect()
    }),
    text("state", "Zeek's `conn_state`", |r| some(r.state)),
    text("history", "Zeek's `history`", |r| some(&r.history)),
    count("orig_packets", "packets from the originator, duplicates excluded", |r| Some(r.orig_packets)),
    count("resp_packets", "packets from the responder", |r| Some(r.resp_packets)),
    count("orig_bytes", "distinct payload bytes from the originator", |r| Some(r.orig_bytes)),
    count("resp_bytes", "distinct payload bytes from the responder", |r| Some(r.resp_bytes)),
    count("orig_retransmissions", "segments that the originator sent again", |r| Some(r.orig_retransmissions)),
    count("resp_retransmissions", "segments that the responder sent again", |r| Some(r.resp_retransmissions)),
    millis("handshake_rtt_ms", "from SYN to SYN-ACK", |r| r.handshake_rtt_ms),
    count("exchanges", "requests seen", |r| Some(r.exchanges)),
    seconds("longest_idle_s", "longest time without a segment", |r| r.longest_idle_s),
    text("ended_by", "who ended it: `originator`, `responder`", |r| maybe(r.ended_by)),
    text("ending", "by what: `fin`, `rst`, `silence`, `icmp`", |r| maybe(r.ending)),
    time("ending_time", "when it ended", |r| r.ending_time),
    count("gaps", "ranges of sequence numbers that the capture missed", |r| Some(r.gaps)),
    text("capture_file", "the file of the first frame, relative to the PATH given", |r| some(&r.capture_file)),
    count("first_frame", "Wireshark's number of the first frame", |r| Some(r.first_frame)),
    count("ending_frame", "that of the ending, in the file that holds it", |r| r.ending_frame),
    text("wireshark_filter", "a display filter that shows the connection", |r| some(&r.wireshark_filter)),
];
