//! The story of one failed call: what the log says, what the wire showed in order of time, and why the verdict is what it is.
//!
//! A story is plain data that needs nothing beside it: neither tables nor captures. A run leaves one line of JSON for each call in
//! `stories.jsonl`, in the order of the table of errors; `explain` reads that file, and the page shows the same values. Texts come
//! from logs and packets as they are: whoever shows them makes them safe for where they go.

use serde::{Deserialize, Serialize};

/// The file of a run's stories: one JSON object per line, in the order of the table of errors.
pub const STORIES: &str = "stories.jsonl";

/// One failed call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// The call's id, as in the table of errors.
    pub error_id: String,
    /// When the log says that the call failed, by the log's clock, in nanoseconds since 1970-01-01T00:00:00Z.
    pub log_time_ns: i64,
    /// The log's clock less the capture's at that time, in nanoseconds: `log_time_ns - clock_offset_ns` lies on the events' clock.
    pub clock_offset_ns: i64,
    /// The gateway node.
    pub node: String,
    /// The log file, relative to the PATH given.
    pub log_file: String,
    /// First line of the entry in it, from 1.
    pub log_line: u64,
    /// The lines of the entry as they stand in the log, without their line ends; empty where the log cannot be read again, as
    /// with standard input.
    pub log_entry: Vec<String>,
    /// Lines of the entry that are left out of `log_entry`, at its end.
    pub log_lines_left_out: u64,
    /// The service as logged.
    pub service: Option<String>,
    /// The URL as logged.
    pub url: String,
    /// The endpoint: the URL's host.
    pub host: String,
    /// The endpoint: the URL's port, or its scheme's.
    pub port: u16,
    /// Kind of failure by the log.
    pub symptom: String,
    /// The reason as logged.
    pub message: String,
    /// How sure the join is: `certain`, `likely`, `ambiguous`, `none`.
    pub r#match: String,
    /// Community ID and start time of the connection; `None` where the call was joined to none.
    pub connection_id: Option<String>,
    /// The gateway's end of the connection, such as `10.0.0.1:40000` or `[fd00::1]:40000`.
    pub gateway: Option<String>,
    /// The peer's end.
    pub peer: Option<String>,
    /// The ladder, in order of time: at most 48 packets of the connection, the resolver's answers, ICMP errors, and the log line.
    pub events: Vec<LadderEvent>,
    /// Packets of the connection that the ladder leaves out.
    pub packets_left_out: u64,
    /// Index in `events` before which packets are left out: between the handshake and the last exchanges.
    pub gap_before: Option<usize>,
    /// Measured facts, in the order in which they are best read.
    pub facts: Vec<Fact>,
    /// The verdict, which is also the name of the rule that decided.
    pub cause: String,
    /// What that rule looks for, in one sentence.
    pub rule: String,
    /// Whose side it is: `backend`, `path`, `network`, `gateway`, `dns`.
    pub responsible: Option<String>,
    /// Probability that `cause` is right, 0 to 1.
    pub confidence: f64,
    /// How the ending looks by TCP's rules.
    pub health: Option<String>,
    /// What happened, with measured values and frame numbers.
    pub explanation: String,
    /// What else the capture cannot exclude.
    pub also_possible: Vec<Possible>,
    /// A Wireshark display filter that shows the connection.
    pub wireshark_filter: Option<String>,
    /// The evidence file, relative to the output directory, such as `evidence/0123456789abcdef.pcapng`; `None` where the call
    /// has none of its own.
    pub evidence: Option<String>,
}

/// One event of the ladder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderEvent {
    /// When, by the capture's clock, in nanoseconds since 1970-01-01T00:00:00Z. The log line is moved onto that clock.
    pub time_ns: i64,
    /// From whom to whom.
    pub who: Who,
    /// The frame's number in its file (Wireshark's `frame.number`); `None` for the log line, and where it was not kept.
    pub frame: Option<u64>,
    /// The capture file that holds the frame, relative to the PATH given.
    pub capture_file: Option<String>,
    /// TCP flags as words, such as `SYN ACK`; empty for what is no segment.
    pub flags: String,
    /// Offset of the first sequence number in its sender's stream: 0 for a SYN, 1 for the first byte, and for the first one seen
    /// where the capture began later.
    pub seq: Option<i64>,
    /// What it acknowledges of the other stream, as such an offset; `None` without the ACK flag.
    pub ack: Option<i64>,
    /// Payload bytes on the wire.
    pub payload: Option<u32>,
    /// The window field as it stands in the header.
    pub window: Option<u16>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// IPv4 identification; told of resets alone.
    pub ip_id: Option<u16>,
    /// Payload that was sent before.
    pub retransmission: bool,
    /// What there is to see in it, in a few words.
    pub note: Option<String>,
    /// Whether the verdict rests on it.
    pub decides: bool,
}

/// From whom to whom an event goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// A segment from the gateway to the peer.
    #[default]
    GatewayToPeer,
    /// A segment from the peer to the gateway.
    PeerToGateway,
    /// From a third party to the gateway: an ICMP error, a resolver's answer, or the question to it.
    Path,
    /// A line of the gateway's log.
    Log,
}

/// A measured fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What was measured, such as `idle before the request`.
    pub name: String,
    /// The value with its unit, such as `5.012 s`.
    pub value: String,
}

/// A cause that the capture cannot exclude.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Possible {
    /// The cause.
    pub cause: String,
    /// What would tell, in one sentence.
    pub tells: String,
}

/// How much of logs and packets the output shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disclosure {
    /// URLs and addresses in full, and evidence with its payload: a page says so.
    #[default]
    Full,
    /// No query strings, no user information, stable names for hosts and addresses, no payload.
    Redacted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_one_line_and_comes_back_as_it_went() {
        let story = Story {
            error_id: "0123456789abcdef".to_owned(),
            message: "Connection\nreset\u{2028}\"</script>".to_owned(),
            events: vec![LadderEvent { who: Who::Log, frame: None, ..LadderEvent::default() }],
            facts: vec![Fact { name: "idle before the request".to_owned(), value: "5.012 s".to_owned() }],
            confidence: 0.9,
            ..Story::default()
        };
        let line = serde_json::to_string(&story).unwrap();
        assert!(!line.contains('\n') && line.contains(r#""who":"log""#), "{line}");
        assert_eq!(serde_json::from_str::<Story>(&line).unwrap(), story);
    }
}
