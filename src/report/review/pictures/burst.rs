//! The connections of one burst, side by side.
//!
//! The burst is the restart of a peer that a finding names; without one, the second in which most calls of one peer failed.

use std::{collections::BTreeMap, net::IpAddr};

use wirecause_parsers::time::Timestamp;

use crate::report::{
    review::{Material, endpoint_name},
    rows::{ConnectionRow, ErrorRow},
    visible::visible,
};

use super::line_time;

/// The series.
#[derive(Clone, Debug, PartialEq)]
pub struct Burst {
    /// Whose connections.
    pub peer: String,
    /// First and last ending of the burst.
    pub at: (Timestamp, Timestamp),
    /// The time axis.
    pub span: (Timestamp, Timestamp),
    /// The connections in order of their start.
    pub bars: Vec<Bar>,
    /// Connections of the same time that are left out.
    pub left_out: usize,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The gateway's port.
    pub port: u16,
    /// First packet.
    pub start: Timestamp,
    /// Last packet.
    pub end: Timestamp,
    /// How it ended, and when.
    pub ending: Ending,
    /// When, if it did.
    pub ended: Option<Timestamp>,
    /// When the log reported a failed call on it.
    pub line: Option<Timestamp>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The peer's RST.
    PeerReset,
    /// The peer's FIN.
    PeerFin,
    /// The gateway's RST.
    GatewayReset,
    /// The gateway's FIN.
    GatewayFin,
    /// No ending was seen.
    Open,
}

impl Ending {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::PeerReset, Self::PeerFin, Self::GatewayReset, Self::GatewayFin, Self::Open];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::PeerReset => "RST of the peer",
            Self::PeerFin => "FIN of the peer",
            Self::GatewayReset => "RST of the gateway",
            Self::GatewayFin => "FIN of the gateway",
            Self::Open => "no ending seen",
        }
    }

    fn of(row: &ConnectionRow) -> Self {
        match (row.ended_by, row.ending) {
            (Some("responder"), Some("rst")) => Self::PeerReset,
            (Some("responder"), Some("fin")) => Self::PeerFin,
            (_, Some("rst")) => Self::GatewayReset,
            (_, Some("fin")) => Self::GatewayFin,
            _ => Self::Open,
        }
    }
}

impl Burst {
    /// Finds a burst and its connections; `None` where no call was joined to any.
    pub fn new(material: &Material<'_>) -> Option<Self> {
        let calls = restart(material).or_else(|| densest(material))?;
        let first_call = material.errors.get(*calls.first()?)?;
        let (address, port) = (first_call.peer_ip?, first_call.peer_port?);
        let ends = || calls.iter().filter_map(|call| material.errors.get(*call)?.ending_time);
        let (first, last) = (ends().min()?, ends().max()?);
        let mut of_time: Vec<&ConnectionRow> = material
            .connections
            .iter()
            .filter(|row| (row.resp_ip, row.resp_port) == (address, port))
            .filter(|row| row.start_time <= last.plus(AFTER) && row.end_time >= first.plus(-SHORTLY))
            .collect();
        // What ended in the burst comes first, so that leaving out hits the bystanders.
        let in_burst = |row: &ConnectionRow| row.ending_time.is_some_and(|time| (first..=last).contains(&time));
        of_time.sort_by_key(|row| !in_burst(row));
        let left_out = of_time.len().saturating_sub(MOST_BARS);
        of_time.truncate(MOST_BARS);
        of_time.sort_by(|a, b| (a.start_time, &a.connection_id).cmp(&(b.start_time, &b.connection_id)));
        let lines: BTreeMap<&str, Timestamp> = material
            .errors
            .iter()
            .enumerate()
            .filter_map(|(call, row)| Some((row.connection_id.as_deref()?, line_time(material, call))))
            .collect();
        let earliest = of_time.iter().map(|row| row.start_time).min()?;
        let latest = of_time.iter().map(|row| row.end_time).max()?;
        Some(Self {
            peer: visible(&format!("{} ({})", first_call.host, peer_name(address, port))).into_owned(),
            at: (first, last),
            span: (earliest.max(first.plus(-BEFORE)), latest.min(last.plus(AFTER)).max(last.plus(SHORTLY))),
            bars: of_time
                .into_iter()
                .map(|row| Bar {
                    port: row.orig_port,
                    start: row.start_time,
                    end: row.end_time,
                    ending: Ending::of(row),
                    ended: row.ending_time,
                    line: lines.get(row.connection_id.as_str()).copied(),
                })
                .collect(),
            left_out,
        })
    }
}

fn peer_name(address: IpAddr, port: u16) -> String {
    endpoint_name(&address.to_string(), port)
}

/// The calls of the restart that concerns most.
fn restart(material: &Material<'_>) -> Option<Vec<usize>> {
    let finding = material.findings.iter().find(|finding| finding.finding == "peer-restart")?;
    (!finding.members.is_empty()).then(|| finding.members.clone())
}

/// The calls of the second in which most calls to one peer ended.
fn densest(material: &Material<'_>) -> Option<Vec<usize>> {
    let mut of_peer: BTreeMap<(IpAddr, u16), Vec<(Timestamp, usize)>> = BTreeMap::new();
    let ended = |row: &ErrorRow| Some(((row.peer_ip?, row.peer_port?), row.ending_time?));
    for (call, row) in material.errors.iter().enumerate() {
        if let Some((peer, time)) = ended(row) {
            of_peer.entry(peer).or_default().push((time, call));
        }
    }
    let mut best: Option<&[(Timestamp, usize)]> = None;
    for calls in of_peer.values_mut() {
        calls.sort_unstable();
    }
    for calls in of_peer.values() {
        let mut from = 0;
        for to in 0..calls.len() {
            while calls[to].0.since(calls[from].0) > WINDOW {
                from += 1;
            }
            let window = &calls[from..=to];
            if best.is_none_or(|best| window.len() > best.len()) {
                best = Some(window);
            }
        }
    }
    Some(best?.iter().map(|(_, call)| *call).collect())
}

/// Endings within this time are one burst, ns.
const WINDOW: i64 = 1_000_000_000;
/// Time shown before the burst at most, ns.
const BEFORE: i64 = 10_000_000_000;
/// Time shown after it at most, ns: a process that comes back does so within seconds.
const AFTER: i64 = 4_000_000_000;
/// A connection that ended less than this before the burst is shown, ns.
const SHORTLY: i64 = 200_000_000;
/// Bars that a reader can still tell apart.
const MOST_BARS: usize = 36;
