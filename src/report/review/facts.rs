//! What the review tells beyond the rows of the tables: plain values, taken from the stages' results once they are there.

use wirecause_parsers::time::Timestamp;

use crate::{
    join::{Joined, clock::ClockSource},
    track::Connection,
};

/// Facts about the run as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The log's clock against the capture's.
    pub clock: ClockFacts,
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClockFacts {
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

impl Facts {
    /// Gathers what join and tracking found. `calls` are the stamps of all calls in the order of the table of errors.
    pub fn new(joined: &Joined, connections: &[Connection], calls: &[Timestamp], lanes: Vec<Lane>) -> Self {
        let survived = connections.iter().flat_map(|connection| &connection.exchanges.last);
        let survived = survived.filter(|exchange| exchange.response_start.is_some());
        let endpoints = joined.endpoints.iter().zip(&joined.timeouts).map(|(endpoint, timeouts)| EndpointFacts {
            host: endpoint.target.host.clone(),
            port: endpoint.target.port,
            connections: endpoint.connections.len() as u64,
            read_timeout_s: timeouts.read.map(seconds),
            connect_timeout_s: timeouts.connect.map(seconds),
            inferred: endpoint.inferred,
        });
        let mut endpoints: Vec<_> = endpoints.collect();
        endpoints.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        Self {
            clock: clock_facts(joined),
            call_times: calls.iter().map(|time| joined.clock.to_capture(*time)).collect(),
            idle_survived: survived.filter_map(|exchange| exchange.idle_before).map(seconds).collect(),
            endpoints,
            lanes: lanes
                .into_iter()
                .map(|lane| match lane.span {
                    Some((first, last)) if lane.is_log => {
                        Lane { span: Some((joined.clock.to_capture(first), joined.clock.to_capture(last))), ..lane }
                    }
                    _ => lane,
                })
                .collect(),
        }
    }
}

fn clock_facts(joined: &Joined) -> ClockFacts {
    let (low, high) = joined.clock.range();
    ClockFacts {
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
