//! The rows of every table, as plain values: what the stages before found, ready to be written.
//!
//! A field's unit is in its name; `None` is unknown and is written as an empty cell. Column order and words are
//! [`super::schema`]'s.

use std::net::IpAddr;

use wirecause_parsers::{log::Symptom, time::Timestamp};

use crate::attribute::verdict::{Cause, Health, Responsible};

/// One failed call: a row of `errors.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorRow {
    /// Hash of the log file's content and the line.
    pub error_id: String,
    /// When the log says the call failed, UTC, by the log's clock.
    pub log_time: Timestamp,
    /// The gateway node.
    pub node: String,
    /// The log file, relative to the path given.
    pub log_file: String,
    /// First line of the entry.
    pub log_line: u64,
    /// Thread as written.
    pub thread: Option<String>,
    /// Service as written.
    pub service: Option<String>,
    /// URL as written.
    pub url: String,
    /// The URL's host.
    pub host: String,
    /// The URL's port, or its scheme's.
    pub port: u16,
    /// Kind of failure by the log.
    pub symptom: Symptom,
    /// The reason as logged.
    pub message: String,
    /// How sure the join is: `certain`, `likely`, `ambiguous`, `none`.
    pub r#match: &'static str,
    /// Connections that could explain the error.
    pub candidates: u64,
    /// Score of the chosen candidate above the second best, in nats.
    pub margin: Option<f64>,
    /// Log time less the anchor on the wire, both on the capture's clock, in ms.
    pub lag_ms: Option<f64>,
    /// Ids of connections that earlier attempts of the call used.
    pub earlier_connections: Vec<String>,
    /// Community ID and start time of the connection.
    pub connection_id: Option<String>,
    /// The gateway's address on it.
    pub gateway_ip: Option<IpAddr>,
    /// The gateway's port on it.
    pub gateway_port: Option<u16>,
    /// The peer's address.
    pub peer_ip: Option<IpAddr>,
    /// The peer's port.
    pub peer_port: Option<u16>,
    /// The capture file that holds the ending.
    pub capture_file: Option<String>,
    /// Frame number of the ending in that file.
    pub ending_frame: Option<u64>,
    /// When the connection ended, by the capture's clock.
    pub ending_time: Option<Timestamp>,
    /// A Wireshark display filter that shows the connection.
    pub wireshark_filter: Option<String>,
    /// The exchange's number on its connection, from 1.
    pub exchange: Option<u64>,
    /// Idle time before the exchange, in s.
    pub idle_before_s: Option<f64>,
    /// From the last request byte to the ending, in s.
    pub wait_s: Option<f64>,
    /// Distinct request bytes sent.
    pub request_bytes: Option<u64>,
    /// Of these, bytes the peer acknowledged.
    pub acked_bytes: Option<u64>,
    /// Distinct response bytes received.
    pub response_bytes: Option<u64>,
    /// Retransmitted segments within the exchange, both directions.
    pub retransmissions: Option<u64>,
    /// SYN to SYN-ACK, in ms.
    pub handshake_rtt_ms: Option<f64>,
    /// Who ended the connection: `gateway`, `peer`, `path`, or empty.
    pub ended_by: Option<&'static str>,
    /// By what: `fin`, `rst`, `silence`, `icmp`.
    pub ending: Option<&'static str>,
    /// Whether the peer's FIN or RST arrived before the gateway sent its last request.
    pub peer_closed_before_send: Option<bool>,
    /// `active`, `passive`, `refusal` or `other`.
    pub reset_shape: Option<&'static str>,
    /// TTL of the reset.
    pub reset_ttl: Option<u64>,
    /// The usual TTL of the peer's other segments.
    pub peer_ttl: Option<u64>,
    /// From the segment that the reset answers to the reset, in ms.
    pub reset_delay_ms: Option<f64>,
    /// Names of the tests that spoke about the reset's origin.
    pub origin_tests: Vec<&'static str>,
    /// The verdict.
    pub cause: Cause,
    /// Other causes that the capture cannot exclude.
    pub also_possible: Vec<Cause>,
    /// Whose side it is.
    pub responsible: Option<Responsible>,
    /// Probability that `cause` is right, 0 to 1.
    pub confidence: f64,
    /// How the ending looks by the rules of TCP.
    pub health: Option<Health>,
    /// A sentence or two for an engineer.
    pub explanation: String,
}

/// One TCP connection: a row of `connections.csv`. Words and letters are Zeek's.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionRow {
    /// Community ID and start time.
    pub connection_id: String,
    /// The gateway node.
    pub node: String,
    /// First packet.
    pub start_time: Timestamp,
    /// Last packet.
    pub end_time: Timestamp,
    /// Originator: who sent the SYN.
    pub orig_ip: IpAddr,
    /// Its port.
    pub orig_port: u16,
    /// Responder.
    pub resp_ip: IpAddr,
    /// Its port.
    pub resp_port: u16,
    /// Names of the responder: SNI, Host, DNS.
    pub names: Vec<String>,
    /// Zeek's `conn_state`.
    pub state: &'static str,
    /// Zeek's `history`.
    pub history: String,
    /// Packets captured from the originator, duplicates excluded.
    pub orig_packets: u64,
    /// Packets captured from the responder.
    pub resp_packets: u64,
    /// Distinct payload bytes from the originator.
    pub orig_bytes: u64,
    /// Distinct payload bytes from the responder.
    pub resp_bytes: u64,
    /// Retransmitted segments from the originator.
    pub orig_retransmissions: u64,
    /// Retransmitted segments from the responder.
    pub resp_retransmissions: u64,
    /// SYN to SYN-ACK, in ms.
    pub handshake_rtt_ms: Option<f64>,
    /// Requests seen.
    pub exchanges: u64,
    /// Longest time without any segment, in s.
    pub longest_idle_s: Option<f64>,
    /// Who ended it: `originator`, `responder`, or empty.
    pub ended_by: Option<&'static str>,
    /// By what: `fin`, `rst`, `silence`, `icmp`.
    pub ending: Option<&'static str>,
    /// When.
    pub ending_time: Option<Timestamp>,
    /// Sequence ranges that the capture missed.
    pub gaps: u64,
    /// File of the first frame.
    pub capture_file: String,
    /// First frame.
    pub first_frame: u64,
    /// Frame of the ending, in the file that holds it.
    pub ending_frame: Option<u64>,
    /// A Wireshark display filter that shows it.
    pub wireshark_filter: String,
}

/// One pattern of the population: a row of `findings.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingRow {
    /// `idle-timeout`, `response-timeout`, `peer-restart`, `single-backend`, `all-backends`, `periodic`, `reset-origin`,
    /// `clock-offset`, `coverage`, `silent-retries`, `between-points`.
    pub finding: &'static str,
    /// The gateway node.
    pub node: String,
    /// Name of the endpoint concerned, or empty.
    pub host: Option<String>,
    /// Its address and port, or empty.
    pub peer: Option<String>,
    /// Observations that carry the finding.
    pub count: u64,
    /// Failed calls that it concerns.
    pub calls: u64,
    /// These calls, by their index in the table of errors, in order. No column: the page and the evidence show them.
    pub members: Vec<usize>,
    /// First observation.
    pub first_time: Option<Timestamp>,
    /// Last observation.
    pub last_time: Option<Timestamp>,
    /// Measured value, or lower end of its bracket.
    pub value_low: Option<f64>,
    /// Upper end of the bracket, or the same value.
    pub value_high: Option<f64>,
    /// Unit of both: `s`, `ms`, `share`, or empty.
    pub unit: Option<&'static str>,
    /// One sentence with the measured values.
    pub statement: String,
    /// One sentence that names a setting to change.
    pub advice: Option<String>,
}

/// One cause at one endpoint: a row of `causes.csv`, counted from the rows of `errors.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseRow {
    /// The cause's word.
    pub cause: String,
    /// Host of the endpoint, as the URLs name it.
    pub host: String,
    /// Its port.
    pub port: u64,
    /// Failed calls.
    pub count: u64,
    /// Their part of all failed calls, 0 to 1.
    pub share: f64,
    /// The first of them, by the log's clock.
    pub first_time: Timestamp,
    /// The last of them.
    pub last_time: Timestamp,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with nothing known that may be unknown.
    pub(crate) fn error_row() -> ErrorRow {
        ErrorRow {
            error_id: "0123456789abcdef".to_owned(),
            log_time: Timestamp::from_nanos(0),
            node: "gateway".to_owned(),
            log_file: "ssg.log".to_owned(),
            log_line: 1,
            thread: None,
            service: None,
            url: "http://h:8080/".to_owned(),
            host: "h".to_owned(),
            port: 8080,
            symptom: Symptom::ConnectionReset,
            message: "Connection reset".to_owned(),
            r#match: "none",
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
}
