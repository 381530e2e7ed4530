//! From what the stages found to rows: names, ids and units of the tables.

use std::{collections::BTreeSet, net::IpAddr};

use wirecause_parsers::{log::FailedCall, packet::Endpoint, time::Timestamp};

use crate::{
    attribute::{Attribution, evidence::Evidence, findings::Finding, verdict::Cause},
    join::Match,
    track::{Connection, Direction, FrameId, connection::EndingKind},
};

use super::{
    community_id::connection_id,
    error_id::{LogDigest, error_id},
    filter::wireshark_filter,
    rows::{ConnectionRow, ErrorRow, FindingRow},
};

/// Names of files and the node, which no stage before needs.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The gateway node.
    pub node: &'a str,
    /// Names of the capture files by index.
    pub captures: &'a [String],
}

/// The row of a call with what the log says of it.
pub fn call_row(places: Places<'_>, call: FailedCall, log_file: &str, digest: &LogDigest) -> ErrorRow {
    ErrorRow {
        error_id: error_id(digest, call.entry.first_line),
        log_time: call.time,
        node: places.node.to_owned(),
        log_file: log_file.to_owned(),
        log_line: call.entry.first_line,
        thread: call.thread.as_deref().map(str::to_owned),
        service: call.service.as_deref().map(str::to_owned),
        url: call.url,
        host: call.failure.target.host.clone(),
        port: call.failure.target.port,
        symptom: call.failure.symptom,
        message: call.failure.message.clone(),
        r#match: crate::join::Certainty::None.word(),
        candidates: 0,
        margin: None,
        lag_ms: None,
        earlier_connections: Vec::new(),
        connection_id: None,
        gateway_ip: None,
        gateway_port: None,
        peer_ip: None,
        peer_port: None,
        capture_file: None,
        ending_frame: None,
        ending_time: None,
        wireshark_filter: None,
        exchange: None,
        idle_before_s: None,
        wait_s: None,
        request_bytes: None,
        acked_bytes: None,
        response_bytes: None,
        retransmissions: None,
        handshake_rtt_ms: None,
        ended_by: None,
        ending: None,
        peer_closed_before_send: None,
        reset_shape: None,
        reset_ttl: None,
        peer_ttl: None,
        reset_delay_ms: None,
        origin_tests: Vec::new(),
        cause: Cause::Undetermined,
        also_possible: Vec::new(),
        responsible: None,
        confidence: 0.0,
        health: None,
        explanation: String::new(),
    }
}

/// Adds connection, evidence and verdict to a call's row. Connections are those of the call and of its earlier attempts, as they may be shown.
pub fn verdict_row(
    row: ErrorRow,
    places: Places<'_>,
    found: &Match,
    (connection, earlier): (Option<&Connection>, &[Connection]),
    attribution: Attribution,
) -> ErrorRow {
    let row = match connection {
        Some(connection) => connection_cells(row, places, connection),
        None => row,
    };
    let row = evidence_cells(row, &attribution.evidence);
    ErrorRow {
        r#match: found.certainty.word(),
        candidates: found.candidates.len() as u64,
        margin: found.margin(),
        lag_ms: attribution.evidence.lag.map(millis),
        earlier_connections: earlier.iter().map(id_of).collect(),
        cause: attribution.cause,
        also_possible: attribution.also_possible,
        responsible: attribution.responsible,
        confidence: attribution.confidence,
        health: attribution.evidence.health,
        explanation: attribution.explanation,
        ..row
    }
}

fn connection_cells(row: ErrorRow, places: Places<'_>, connection: &Connection) -> ErrorRow {
    let ending = connection.ending();
    let file = ending.map_or(connection.first_frame, |ending| ending.frame);
    ErrorRow {
        connection_id: Some(id_of(connection)),
        gateway_ip: Some(connection.originator.address),
        gateway_port: Some(connection.originator.port),
        peer_ip: Some(connection.responder.address),
        peer_port: Some(connection.responder.port),
        capture_file: places.captures.get(file.file() as usize).cloned(),
        ending_frame: ending.map(|ending| ending.frame.number()),
        ending_time: ending.map(|ending| ending.time),
        wireshark_filter: Some(filter_of(connection)),
        handshake_rtt_ms: connection.handshake.rtt.map(millis),
        ..row
    }
}

fn evidence_cells(row: ErrorRow, evidence: &Evidence) -> ErrorRow {
    ErrorRow {
        exchange: evidence.exchange,
        idle_before_s: evidence.idle_before.map(seconds),
        wait_s: evidence.wait.map(seconds),
        request_bytes: evidence.request_bytes,
        acked_bytes: evidence.acked_bytes,
        response_bytes: evidence.response_bytes,
        retransmissions: evidence.retransmissions,
        ended_by: evidence.ended_by,
        ending: evidence.ending,
        peer_closed_before_send: evidence.peer_closed_before_send,
        reset_shape: evidence.reset_shape,
        reset_ttl: evidence.reset_ttl.map(u64::from),
        peer_ttl: evidence.peer_ttl.map(u64::from),
        reset_delay_ms: evidence.reset_delay.map(millis),
        origin_tests: evidence.origin.clone(),
        ..row
    }
}

/// The row of a connection; `by_address` are names by the responder's address.
pub fn connection_row(
    places: Places<'_>,
    connection: &Connection,
    by_address: &std::collections::BTreeMap<IpAddr, BTreeSet<String>>,
) -> ConnectionRow {
    let ending = connection.ending();
    let names = &connection.names;
    let shown: BTreeSet<String> = [names.sni.as_deref(), names.host.as_deref()]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .chain(by_address.get(&connection.responder.address).into_iter().flatten().cloned())
        .collect();
    let file = |frame: FrameId| places.captures.get(frame.file() as usize).cloned().unwrap_or_default();
    ConnectionRow {
        connection_id: id_of(connection),
        node: places.node.to_owned(),
        start_time: connection.start,
        end_time: connection.end,
        orig_ip: connection.originator.address,
        orig_port: connection.originator.port,
        resp_ip: connection.responder.address,
        resp_port: connection.responder.port,
        names: shown.into_iter().collect(),
        state: connection.state().word(),
        history: connection.history.clone(),
        orig_packets: connection.orig.packets,
        resp_packets: connection.resp.packets,
        orig_bytes: connection.orig.bytes,
        resp_bytes: connection.resp.bytes,
        orig_retransmissions: connection.orig.retransmissions,
        resp_retransmissions: connection.resp.retransmissions,
        handshake_rtt_ms: connection.handshake.rtt.map(millis),
        exchanges: connection.exchanges.count,
        longest_idle_s: Some(seconds(connection.longest_idle)),
        ended_by: ending.map(|ending| match ending.by {
            Direction::Originator => "originator",
            Direction::Responder => "responder",
        }),
        ending: ending.map(|ending| match ending.kind {
            EndingKind::Fin => "fin",
            EndingKind::Rst => "rst",
        }),
        ending_time: ending.map(|ending| ending.time),
        gaps: u64::from(connection.orig.gaps + connection.resp.gaps),
        capture_file: file(connection.first_frame),
        first_frame: connection.first_frame.number(),
        ending_frame: ending.map(|ending| ending.frame.number()),
        wireshark_filter: filter_of(connection),
    }
}

/// The row of a finding.
pub fn finding_row(places: Places<'_>, finding: Finding) -> FindingRow {
    FindingRow {
        finding: finding.kind,
        node: places.node.to_owned(),
        host: finding.host,
        peer: finding.peer,
        count: finding.count,
        calls: finding.calls,
        members: finding.members,
        first_time: finding.first,
        last_time: finding.last,
        value_low: finding.low,
        value_high: finding.high,
        unit: finding.unit,
        statement: finding.statement,
        advice: finding.advice,
    }
}

fn id_of(connection: &Connection) -> String {
    let (one, other) = ends(connection);
    connection_id(one, other, connection.start)
}

fn filter_of(connection: &Connection) -> String {
    let (one, other) = ends(connection);
    wireshark_filter(one, other, connection.start, connection.end.max(Timestamp::default()))
}

fn ends(connection: &Connection) -> ((IpAddr, u16), (IpAddr, u16)) {
    let pair = |end: Endpoint| (end.address, end.port);
    (pair(connection.originator), pair(connection.responder))
}

fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
