//! The story of a call as far as its row tells it, for calls whose packets were not read back.

use crate::{
    attribute::verdict::{Cause, Health, Responsible},
    report::{
        review::{endpoint_name, text::span},
        rows::ErrorRow,
        story::{Fact, Possible, Story},
        words::{rule, tells},
    },
};

/// Log, connection, facts and verdict, without a ladder.
pub(super) fn story_of(row: &ErrorRow) -> Story {
    let end = |address: Option<std::net::IpAddr>, port: Option<u16>| {
        address.zip(port).map(|(address, port)| endpoint_name(&address.to_string(), port))
    };
    Story {
        error_id: row.error_id.clone(),
        log_time_ns: row.log_time.nanos(),
        node: row.node.clone(),
        log_file: row.log_file.clone(),
        log_line: row.log_line,
        service: row.service.clone(),
        url: row.url.clone(),
        host: row.host.clone(),
        port: row.port,
        symptom: row.symptom.word().to_owned(),
        message: row.message.clone(),
        r#match: row.r#match.to_owned(),
        connection_id: row.connection_id.clone(),
        gateway: end(row.gateway_ip, row.gateway_port),
        peer: end(row.peer_ip, row.peer_port),
        facts: facts(row),
        cause: row.cause.word().to_owned(),
        rule: rule(row.cause).to_owned(),
        responsible: row.responsible.map(|side| Responsible::word(side).to_owned()),
        confidence: row.confidence,
        health: row.health.map(|health| Health::word(health).to_owned()),
        explanation: row.explanation.clone(),
        also_possible: row.also_possible.iter().map(|cause| possible(*cause)).collect(),
        wireshark_filter: row.wireshark_filter.clone(),
        ..Story::default()
    }
}

fn possible(cause: Cause) -> Possible {
    Possible { cause: cause.word().to_owned(), tells: tells(cause).to_owned() }
}

fn facts(row: &ErrorRow) -> Vec<Fact> {
    let count = |value: Option<u64>| value.map(|value| value.to_string());
    let seconds = |value: Option<f64>| value.map(span);
    let millis = |value: Option<f64>| value.map(|value| span(value / 1e3));
    let ended =
        row.ending.map(|ending| row.ended_by.map_or_else(|| ending.to_owned(), |by| format!("{ending} of the {by}")));
    [
        ("lag of the log line", millis(row.lag_ms)),
        ("candidates", Some(row.candidates.to_string())),
        ("margin", row.margin.map(|margin| format!("{margin:.2} nats"))),
        ("exchange on the connection", count(row.exchange)),
        ("idle before the request", seconds(row.idle_before_s)),
        ("wait", seconds(row.wait_s)),
        ("request bytes", count(row.request_bytes)),
        ("of these acknowledged", count(row.acked_bytes)),
        ("response bytes", count(row.response_bytes)),
        ("retransmissions", count(row.retransmissions)),
        ("round trip of the handshake", millis(row.handshake_rtt_ms)),
        ("ended by", ended),
        (
            "ending frame",
            row.ending_frame
                .map(|frame| format!("{frame} of {}", row.capture_file.as_deref().unwrap_or("the capture"))),
        ),
        (
            "peer had closed before",
            row.peer_closed_before_send.map(|closed| if closed { "yes" } else { "no" }.to_owned()),
        ),
        ("shape of the reset", row.reset_shape.map(str::to_owned)),
        ("TTL of the reset", count(row.reset_ttl)),
        ("usual TTL of the peer", count(row.peer_ttl)),
        ("delay of the reset", millis(row.reset_delay_ms)),
        ("tests of its origin", (!row.origin_tests.is_empty()).then(|| row.origin_tests.join(", "))),
        ("earlier connections", (!row.earlier_connections.is_empty()).then(|| row.earlier_connections.join(", "))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(Fact { name: name.to_owned(), value: value? }))
    .collect()
}
