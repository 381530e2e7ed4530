//! What the population shows: patterns over many calls, each with its measured values and one sentence of advice.

pub mod between;
pub mod bursts;
pub mod timeouts;
pub mod whole;

use wirecause_parsers::time::Timestamp;

use crate::track::Finished;

use super::decide::{Background, Brief};

/// One pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its kind, as the `finding` column words it.
    pub kind: &'static str,
    /// Host of the endpoint concerned.
    pub host: Option<String>,
    /// Address and port of the peer concerned.
    pub peer: Option<String>,
    /// Observations that carry it.
    pub count: u64,
    /// Failed calls that it concerns.
    pub calls: u64,
    /// These calls, by their index, in order.
    pub members: Vec<usize>,
    /// First observation.
    pub first: Option<Timestamp>,
    /// Last observation.
    pub last: Option<Timestamp>,
    /// Measured value, or the lower end of its bracket.
    pub low: Option<f64>,
    /// Upper end of the bracket, or the same value.
    pub high: Option<f64>,
    /// Unit of both.
    pub unit: Option<&'static str>,
    /// What was measured.
    pub statement: String,
    /// What to change.
    pub advice: Option<String>,
}

/// What the findings are made from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Calls, connections and the join.
    pub background: Background<'a>,
    /// The verdicts, one per call.
    pub verdicts: &'a [Brief],
    /// First and last stamp of the logs, by their own clock.
    pub log_span: Option<(Timestamp, Timestamp)>,
    /// Spans of the captures that stand for themselves, in order of time.
    pub capture_spans: &'a [(Timestamp, Timestamp)],
    /// Attempts that `HttpClient` repeated with success.
    pub silent_retries: &'a [Timestamp],
}

/// All findings, most calls first.
pub fn findings(material: &Material<'_>) -> Vec<Finding> {
    let mut all = timeouts::idle(material);
    all.extend(timeouts::response(material));
    all.extend(bursts::restarts(material));
    all.extend(bursts::periodic(material));
    all.extend(whole::concentration(material));
    all.extend(whole::reset_origins(material));
    all.extend(whole::clock_offset(material));
    all.extend(whole::coverage(material));
    all.extend(between::between_points(material));
    all.extend(whole::silent_retries(material));
    all.sort_by(|a, b| {
        b.calls.cmp(&a.calls).then(a.kind.cmp(b.kind)).then(a.peer.cmp(&b.peer)).then(a.host.cmp(&b.host))
    });
    all
}

impl Material<'_> {
    /// The connection that a call was joined to.
    fn connection(&self, call: usize) -> Option<&Finished> {
        self.background.joined.matches[call].connection().map(|index| &self.background.connections[index])
    }

    /// The calls of every peer, by its address and port as text, in order, with the host that the first of them names.
    fn calls_by_peer(&self) -> std::collections::BTreeMap<wirecause_parsers::packet::Endpoint, (String, Vec<usize>)> {
        let mut peers = std::collections::BTreeMap::new();
        for (call, failed) in self.background.calls.iter().enumerate() {
            if let Some(connection) = self.connection(call) {
                let peer = connection.head().responder;
                let entry = peers.entry(peer).or_insert_with(|| (failed.failure.target.host.clone(), Vec::new()));
                entry.1.push(call);
            }
        }
        peers
    }

    /// When the call's line was written, on the capture's clock.
    fn line(&self, call: usize) -> Timestamp {
        self.background.joined.clock.to_capture(self.background.calls[call].time)
    }
}

/// Seconds of a span in ns.
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
