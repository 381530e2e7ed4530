//! The columns of `errors.csv`: one row per failed call.

use std::borrow::Cow;

use super::{Column, Table, address, count, flag, list, maybe, millis, seconds, share, some, text, time};
use crate::{attribute::verdict::Health, attribute::verdict::Responsible, report::rows::ErrorRow};

/// One row per failed call, sorted by `log_time`, `node`, `log_file`, `log_line`.
pub static ERRORS: Table<ErrorRow> = Table { name: "errors", columns: COLUMNS };

/// The columns that the log alone fills: what `wirecause errors` prints.
pub static CALLS: Table<ErrorRow> = Table { name: "calls", columns: COLUMNS.split_at(LOG_COLUMNS).0 };

/// Columns before those of the join.
const LOG_COLUMNS: usize = 12;

const COLUMNS: &[Column<ErrorRow>] = &[
    text("error_id", "hash of the log file's content and the line: 16 hex digits", |r| some(&r.error_id)),
    time("log_time", "when the log says that the call failed, by the log's clock", |r| Some(r.log_time)),
    text("node", "the gateway node", |r| some(&r.node)),
    text("log_file", "the log file, relative to the PATH given", |r| some(&r.log_file)),
    count("log_line", "first line of the entry that reports the call", |r| Some(r.log_line)),
    text("thread", "the thread as logged", |r| maybe(r.thread.as_deref())),
    text("service", "the service as logged", |r| maybe(r.service.as_deref())),
    text("url", "the URL as logged", |r| some(&r.url)),
    text("host", "the URL's host", |r| some(&r.host)),
    count("port", "the URL's port, or its scheme's", |r| Some(u64::from(r.port))),
    text("symptom", "kind of failure by the log's text", |r| some(r.symptom.word())),
    text("message", "the reason as logged", |r| some(&r.message)),
    text("match", "how sure the join is: `certain`, `likely`, `ambiguous`, `none`", |r| some(r.r#match)),
    count("candidates", "connections that could explain the error", |r| Some(r.candidates)),
    share("margin", "score of the chosen connection above the second best, in nats", |r| r.margin),
    millis("lag_ms", "log time less the event on the wire, clock offset taken out", |r| r.lag_ms),
    list("earlier_connections", "connections that earlier attempts of the call used", |r| {
        r.earlier_connections.iter().map(|id| Cow::Borrowed(id.as_str())).collect()
    }),
    text("connection_id", "Community ID and start time of the connection", |r| maybe(r.connection_id.as_deref())),
    text("gateway_ip", "the gateway's address", |r| address(r.gateway_ip)),
    count("gateway_port", "the gateway's port", |r| r.gateway_port.map(u64::from)),
    text("peer_ip", "the peer's address", |r| address(r.peer_ip)),
    count("peer_port", "the peer's port", |r| r.peer_port.map(u64::from)),
    text("capture_file", "the capture file that holds the ending", |r| maybe(r.capture_file.as_deref())),
    count("ending_frame", "Wireshark's frame number of the ending in that file", |r| r.ending_frame),
    time("ending_time", "when the connection ended, by the capture's clock", |r| r.ending_time),
    text("wireshark_filter", "a display filter that shows the connection", |r| maybe(r.wireshark_filter.as_deref())),
    count("exchange", "the exchange's number on its connection, from 1", |r| r.exchange),
    seconds("idle_before_s", "idle time of the connection before the request", |r| r.idle_before_s),
    seconds("wait_s", "from the last request byte to the ending", |r| r.wait_s),
    count("request_bytes", "distinct request bytes sent", |r| r.request_bytes),
    count("acked_bytes", "of these, bytes that the peer acknowledged", |r| r.acked_bytes),
    count("response_bytes", "distinct response bytes received", |r| r.response_bytes),
    count("retransmissions", "segments of the exchange sent again, both directions", |r| r.retransmissions),
    millis("handshake_rtt_ms", "from SYN to SYN-ACK", |r| r.handshake_rtt_ms),
    text("ended_by", "who ended the connection: `gateway`, `peer`, `path`", |r| maybe(r.ended_by)),
    text("ending", "by what: `fin`, `rst`, `silence`, `icmp`", |r| maybe(r.ending)),
    flag("peer_closed_before_send", "the peer's FIN or RST came before the gateway's last request left", |r| {
        r.peer_closed_before_send
    }),
    text("reset_shape", "`active`, `passive`, `refusal` or `other`", |r| maybe(r.reset_shape)),
    count("reset_ttl", "TTL of the reset", |r| r.reset_ttl),
    count("peer_ttl", "usual TTL of the peer's other segments", |r| r.peer_ttl),
    millis("reset_delay_ms", "from the segment that the reset answers to the reset", |r| r.reset_delay_ms),
    list(
        "origin_tests",
        "tests that spoke about the reset's origin: `ttl`, `rtt`, `ip-id`, `options`, `window`, `data-after`, \
         `segments-after`, `segments-right-behind`, `sequence`, `reset-numbers`, `other-point-never-saw-it`, `other-point-saw-it`; as hints \
         `reset-text`, `window-code`",
        |r| r.origin_tests.iter().map(|test| Cow::Borrowed(*test)).collect(),
    ),
    text("cause", "what on the network ended the call", |r| some(r.cause.word())),
    list("also_possible", "causes that the capture cannot exclude", |r| {
        r.also_possible.iter().map(|cause| Cow::Borrowed(cause.word())).collect()
    }),
    text("responsible", "whose side it is: `backend`, `path`, `network`, `gateway`, `dns`", |r| {
        maybe(r.responsible.map(Responsible::word))
    }),
    share("confidence", "probability that `cause` is right", |r| Some(r.confidence)),
    text("health", "the ending by TCP's rules: `healthy`, `legal-but-harmful`, `abrupt`, `silent`", |r| {
        maybe(r.health.map(Health::word))
    }),
    text("explanation", "what happened, with measured values and frame numbers", |r| some(&r.explanation)),
];
