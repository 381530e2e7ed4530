//! A scenario's file: what the log says, what the capture shows, and the verdict that is right.

use serde::Deserialize;

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What happened, and why the verdict is right.
    pub(crate) what: String,
    /// The peer's address; `10.0.0.9` where nothing else is said.
    pub(crate) peer: Option<std::net::IpAddr>,
    #[serde(default = "default_port")]
    pub(crate) port: u16,
    /// TTL of the peer's segments at the capture.
    #[serde(default = "default_ttl")]
    pub(crate) peer_ttl: u8,
    #[serde(default = "yes")]
    pub(crate) timestamps: bool,
    /// Initial sequence numbers of gateway and peer.
    pub(crate) isn: Option<[u32; 2]>,
    /// What the captures cover.
    #[serde(default = "default_span")]
    pub(crate) span: [f64; 2],
    /// Log clock less capture clock in seconds.
    #[serde(default)]
    pub(crate) clock_offset: f64,
    /// Whether the offset has to be found out.
    #[serde(default)]
    pub(crate) estimate_clock: bool,
    /// Whether the name of the host is known to the user.
    #[serde(default = "yes")]
    pub(crate) in_hosts_file: bool,
    /// Groups of connections without a failure.
    #[serde(default)]
    pub(crate) healthy: Vec<Healthy>,
    #[serde(default)]
    pub(crate) dns: Vec<Dns>,
    #[serde(default)]
    pub(crate) connection: Vec<Connection>,
    /// The failed calls, in order of their lines.
    pub(crate) call: Vec<Call>,
}

/// Connections that teach what is usual with the peer. They begin a hundred seconds before the scenario, one after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Healthy {
    pub(crate) count: u16,
    #[serde(default = "default_rtt")]
    pub(crate) rtt_ms: f64,
    /// Idle times, each followed by one more exchange.
    #[serde(default)]
    pub(crate) idle_s: Vec<f64>,
    /// After so long without data the peer closes; else the gateway does.
    pub(crate) peer_closes_after_s: Option<f64>,
    /// The first request is lost once and sent again.
    #[serde(default)]
    pub(crate) lossy: bool,
    /// How long each response takes beyond the round trip.
    #[serde(default)]
    pub(crate) takes_s: f64,
    #[serde(default = "default_begin")]
    pub(crate) at: f64,
}

/// A question to the resolver.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dns {
    pub(crate) at: f64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) addresses: Vec<std::net::IpAddr>,
    /// The answer's code; without it nothing came back.
    pub(crate) rcode: Option<u8>,
}

/// A connection, packet by packet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    #[serde(default)]
    pub(crate) at: f64,
    /// The gateway's port; by default 40001 and up in their order.
    pub(crate) gateway_port: Option<u16>,
    /// Other initial sequence numbers than the scenario's.
    pub(crate) isn: Option<[u32; 2]>,
    /// Another originator than the gateway.
    pub(crate) client: Option<std::net::IpAddr>,
    /// Another peer than the scenario's.
    pub(crate) peer: Option<std::net::IpAddr>,
    pub(crate) packets: Vec<String>,
}

/// A failed call as the log reports it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    /// When the line was written, on the log's clock less its offset.
    pub(crate) at: f64,
    #[serde(default = "default_url")]
    pub(crate) url: String,
    /// The reason behind the URL.
    pub(crate) error: String,
    /// When the thread began, if the log says so.
    pub(crate) processing: Option<f64>,
    /// When the thread began the request before, if the log says so.
    pub(crate) request_before: Option<f64>,
    /// How long the call took, in milliseconds, as a line of its own says with the error's.
    pub(crate) took_ms: Option<u64>,
    /// Attempts that `HttpClient` repeated by itself.
    #[serde(default)]
    pub(crate) retries: Vec<Retry>,
    pub(crate) expect: Expect,
}

/// A retry line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    pub(crate) at: f64,
    pub(crate) error: String,
}

/// The right verdict. What is not named may be anything.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) cause: String,
    #[serde(default)]
    pub(crate) also_possible: Vec<String>,
    #[serde(default)]
    pub(crate) not_possible: Vec<String>,
    pub(crate) responsible: Option<String>,
    pub(crate) health: Option<String>,
    pub(crate) min_confidence: Option<f64>,
    pub(crate) max_confidence: Option<f64>,
    #[serde(rename = "match")]
    pub(crate) matched: Option<String>,
    pub(crate) symptom: Option<String>,
    /// Which of the scenario's connections carried the call, from 1; 0 for none.
    pub(crate) connection: Option<u16>,
    /// Connections of earlier attempts, from 1.
    pub(crate) earlier: Option<Vec<u16>>,
    pub(crate) ended_by: Option<String>,
    pub(crate) ending: Option<String>,
    pub(crate) reset_shape: Option<String>,
    pub(crate) reset_ttl: Option<u8>,
    pub(crate) exchange: Option<u64>,
    pub(crate) idle_before_s: Option<f64>,
    pub(crate) wait_s: Option<f64>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) acked_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) retransmissions: Option<u64>,
    pub(crate) peer_closed_before_send: Option<bool>,
    /// Pieces of the explanation.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// Pieces that it must not have.
    #[serde(default)]
    pub(crate) says_not: Vec<String>,
}

/// The gateway port of a scenario's first connection; background ones have lower ports.
pub(crate) const FIRST_PORT: u16 = 40_001;

const fn default_port() -> u16 {
    8080
}

const fn default_ttl() -> u8 {
    57
}

const fn default_rtt() -> f64 {
    10.0
}

const fn default_begin() -> f64 {
    -100.0
}

const fn default_span() -> [f64; 2] {
    [-200.0, 600.0]
}

const fn yes() -> bool {
    true
}

fn default_url() -> String {
    "http://api.example:8080/a".into()
}
