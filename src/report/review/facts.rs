//! What the review tells beyond the rows of the tables: plain values, taken from the stages' results once they are there.

use std::collections::BTreeMap;

use serde::Serialize;
use wirecause_parsers::time::Timestamp;

use crate::{
    join::{Joined, clock::ClockSource},
    track::Finished,
};

/// Facts about the run as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The log's clock against the capture's, by gateway.
    pub clocks: Vec<ClockFacts>,
    /// When each call's line was written, on the capture's clock, in the order of the table of errors.
    pub call_times: Vec<Timestamp>,
    /// Idle times before requests that were answered, in s: of the last exchanges of every connection.
    pub idle_survived: Vec<f64>,
    /// Connections of each endpoint, in order of host and port.
    pub endpoints: Vec<EndpointFacts>,
    /// Files with the time that they cover.
    pub lanes: Vec<Lane>,
}

/// The log's clock against the capture's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClockFacts {
    /// The gateway whose log it is.
    #[serde(skip)]
    pub node: String,
    /// `given`, `estimated` or `assumed`.
    pub source: &'static str,
    /// The smallest and the largest offset over the log, log less capture, in s.
    pub range_s: (f64, f64),
    /// Half width of the interval that holds it, in s.
    pub uncertainty_s: f64,
    /// Calls that carry the estimate.
    pub pairs: u64,
}

/// What is known of an endpoint besides its calls.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointFacts {
    /// Host as the URLs name it.
    pub host: String,
    /// Port as the URLs name it.
    pub port: u16,
    /// Connections to it in the captures.
    pub connections: u64,
    /// The gateway's read timeout, in s, as far as learned.
    pub read_timeout_s: Option<f64>,
    /// The gateway's connect timeout, in s, as far as learned.
    pub connect_timeout_s: Option<f64>,
    /// Whether its address was inferred from the pattern of its errors.
    pub inferred: bool,
}

/// A file and the time that it covers, on the capture's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The file.
    pub name: String,
    /// Whether it is a log.
    pub is_log: bool,
    /// First and last time in it.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Records or frames in it.
    pub count: u64,
    /// Long times without any frame.
    pub silences: Vec<(Timestamp, Timestamp)>,
    /// Frames that the interfaces dropped, where the file says so.
    pub dropped: Option<u64>,
}

/// What is known of one gateway.
#[derive(Clone, Debug)]
pub struct NodeFacts<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its join.
    pub joined: &'a Joined,
    /// Its connections.
    pub connections: &'a [Finished],
    /// Its logs, by their own clock.
    pub lanes: Vec<Lane>,
}

impl Facts {
    /// Gathers what join and tracking found. `calls` are gateway and stamp of all calls in the order of the table of errors; `captures`
    /// are those of all gateways.
    pub fn new(
        nodes: Vec<NodeFacts<'_>>,
        calls: impl Iterator<Item = (usize, Timestamp)>,
        captures: Vec<Lane>,
    ) -> Self {
        let connections = nodes.iter().flat_map(|node| node.connections);
        Self {
            clocks: nodes.iter().map(clock_facts).collect(),
            call_times: calls.map(|(node, time)| nodes[node].joined.clock.to_capture(time)).collect(),
            idle_survived: connections.flat_map(idle_survived).collect(),
            endpoints: endpoints(&nodes),
            lanes: nodes.into_iter().flat_map(on_capture_clock).chain(captures).collect(),
        }
    }
}

/// Idle times before requests that were answered, in seconds.
fn idle_survived(connection: &Finished) -> Vec<f64> {
    let connection = connection.open();
    let answered = connection.exchanges.last.iter().filter(|exchange| exchange.response_start.is_some());
    answered.filter_map(|exchange| exchange.idle_before).map(seconds).collect()
}

/// Endpoints in order of host and port. What several gateways call is one; the first that learned a timeout tells it.
fn endpoints(nodes: &[NodeFacts<'_>]) -> Vec<EndpointFacts> {
    let mut all: BTreeMap<(String, u16, String), EndpointFacts> = BTreeMap::new();
    for (endpoint, timeouts) in nodes.iter().flat_map(|node| node.joined.endpoints.iter().zip(&node.joined.timeouts)) {
        let target = &endpoint.target;
        let own = EndpointFacts {
            host: target.host.clone(),
            port: target.port,
            connections: endpoint.connections.len() as u64,
            read_timeout_s: timeouts.read.map(seconds),
            connect_timeout_s: timeouts.connect.map(seconds),
            inferred: endpoint.inferred,
        };
        let key = (target.host.clone(), target.port, target.scheme.clone());
        all.entry(key)
            .and_modify(|known| {
                known.connections += own.connections;
                known.read_timeout_s = known.read_timeout_s.or(own.read_timeout_s);
                known.connect_timeout_s = known.connect_timeout_s.or(own.connect_timeout_s);
                known.inferred |= own.inferred;
            })
            .or_insert(own);
    }
    all.into_values().collect()
}

fn on_capture_clock(node: NodeFacts<'_>) -> impl Iterator<Item = Lane> + use<> {
    let clock = node.joined.clock.clone();
    node.lanes.into_iter().map(move |lane| Lane {
        span: lane.span.map(|(first, last)| (clock.to_capture(first), clock.to_capture(last))),
        ..lane
    })
}

fn clock_facts(node: &NodeFacts<'_>) -> ClockFacts {
    let joined = node.joined;
    let (low, high) = joined.clock.range();
    ClockFacts {
        node: node.name.to_owned(),
        source: match joined.clock.source {
            ClockSource::Given => "given",
            ClockSource::Estimated => "estimated",
            ClockSource::Assumed => "assumed",
        },
        range_s: (seconds(low), seconds(high)),
        uncertainty_s: seconds(joined.clock.uncertainty),
        pairs: joined.clock.pairs as u64,
    }
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
