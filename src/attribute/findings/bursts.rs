//! Patterns in time: many connections that end at once, and failures that come back at equal intervals.

use std::collections::BTreeMap;

use rayon::prelude::*;
use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use crate::{
    attribute::findings::{Finding, Material, seconds},
    track::{Connection, Direction, connection::EndingKind},
};

/// Peers that ended many connections of different age within an instant, and refused new ones right after.
pub(super) fn restarts(material: &Material<'_>) -> Vec<Finding> {
    let connections = material.background.connections.par_iter();
    let refused = connections.clone().filter(|connection| connection.was_refused());
    let refused = refused.filter_map(|connection| Some((connection.head().responder, refusal(&connection.open())?)));
    let mut refusals: BTreeMap<Endpoint, Vec<Timestamp>> = BTreeMap::new();
    for (peer, refused) in refused.collect::<Vec<_>>() {
        refusals.entry(peer).or_default().push(refused);
    }
    for refused in refusals.values_mut() {
        refused.sort_unstable();
    }
    let ended = connections.enumerate().filter_map(|(index, connection)| {
        let head = connection.head();
        // Of a restart only endings tell that a refusal follows.
        let of_peer = refusals.get(&head.responder)?;
        let later = of_peer.get(of_peer.partition_point(|refused| *refused < head.start))?;
        let is_near = later.since(head.end) <= REFUSALS_WITHIN + AT_ONCE;
        let ended = is_near.then(|| ended_by_peer(&connection.open())).flatten()?;
        Some((head.responder, (ended, index)))
    });
    let mut endings: BTreeMap<Endpoint, Vec<(Timestamp, usize)>> = BTreeMap::new();
    for (peer, ended) in ended.collect::<Vec<_>>() {
        endings.entry(peer).or_default().push(ended);
    }
    let matches = material.background.joined.matches.iter().enumerate();
    let mut joined: Vec<(usize, usize)> =
        matches.filter_map(|(call, found)| Some((found.connection()?, call))).collect();
    joined.sort_unstable();
    let mut found = Vec::new();
    for (peer, mut of_peer) in endings {
        of_peer.sort_unstable();
        let refused = refusals.get(&peer).map_or(&[][..], Vec::as_slice);
        let mut start = 0;
        while start < of_peer.len() {
            let length =
                of_peer[start..].iter().take_while(|(time, _)| time.since(of_peer[start].0) <= AT_ONCE).count();
            let burst = &of_peer[start..start + length];
            if length >= LEAST_BURST
                && let Some(finding) = restart(material, peer, burst, (refused, &joined))
            {
                found.push(finding);
            }
            start += length.max(1);
        }
    }
    found
}

fn restart(
    material: &Material<'_>,
    peer: Endpoint,
    burst: &[(Timestamp, usize)],
    (refused, joined): (&[Timestamp], &[(usize, usize)]),
) -> Option<Finding> {
    let (first, last) = (burst.first()?.0, burst.last()?.0);
    let after: Vec<Timestamp> =
        refused.iter().copied().filter(|time| (0..=REFUSALS_WITHIN).contains(&time.since(first))).collect();
    if after.is_empty() {
        return None;
    }
    let of = |connection: usize| {
        let from = joined.partition_point(|(other, _)| *other < connection);
        joined[from..].iter().take_while(move |(other, _)| *other == connection).map(|(_, call)| *call)
    };
    let mut calls: Vec<usize> = burst.iter().flat_map(|(_, connection)| of(*connection)).collect();
    calls.sort_unstable();
    let host = calls.first().map(|call| material.background.calls[*call].failure.target.host.clone());
    let name = host.clone().unwrap_or_else(|| peer.to_string());
    let refused_until = after.last().map_or(0.0, |last| seconds(last.since(first)));
    Some(Finding {
        kind: "peer-restart",
        peer: Some(peer.to_string()),
        count: burst.len() as u64,
        calls: calls.len() as u64,
        members: calls.clone(),
        first: Some(first),
        last: Some(last),
        low: Some(seconds(last.since(first)) * 1e3),
        high: Some(seconds(last.since(first)) * 1e3),
        unit: Some("ms"),
        statement: format!(
            "{name} ({peer}) ended {} connections within {:.1} ms at {first} and refused {} new ones up to {refused_until:.1} s after: \
             its process went away; {} calls were under way.",
            burst.len(),
            seconds(last.since(first)) * 1e3,
            after.len(),
            calls.len()
        ),
        advice: Some(format!(
            "Take {name} out of the balancer and let it finish its requests before it is stopped; compare the time with deployments and \
             crashes there."
        )),
        host,
    })
}

/// When the peer ended the connection that it had accepted.
fn ended_by_peer(connection: &Connection) -> Option<Timestamp> {
    let ending = connection.ending().filter(|ending| ending.by == Direction::Responder)?;
    refusal(connection).is_none().then_some(ending.time)
}

/// When the peer refused the connection.
fn refusal(connection: &Connection) -> Option<Timestamp> {
    connection.reset_by(Direction::Responder).filter(|_| connection.is_refused()).map(|reset| reset.time)
}

/// Endpoints whose failures come in bursts at equal intervals.
pub(super) fn periodic(material: &Material<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (peer, (host, calls)) in material.calls_by_peer() {
        let mut times: Vec<Timestamp> = calls
            .par_iter()
            .filter_map(|call| material.connection(*call)?.open().ending())
            .filter(|ending| ending.kind == EndingKind::Rst || ending.by == Direction::Responder)
            .map(|ending| ending.time)
            .collect();
        times.sort_unstable();
        times.dedup_by(|later, earlier| later.since(*earlier) < SAME_BURST);
        let gaps: Vec<i64> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        if gaps.len() < LEAST_PERIODS {
            continue;
        }
        let mean = gaps.iter().sum::<i64>() / gaps.len() as i64;
        let regular = gaps.iter().all(|gap| (gap - mean).abs() <= mean / REGULAR);
        if !regular {
            continue;
        }
        let period = seconds(mean);
        found.push(Finding {
            kind: "periodic",
            host: Some(host.clone()),
            peer: Some(peer.to_string()),
            count: times.len() as u64,
            calls: calls.len() as u64,
            members: calls.clone(),
            first: times.first().copied(),
            last: times.last().copied(),
            low: gaps.iter().min().map(|gap| seconds(*gap)),
            high: gaps.iter().max().map(|gap| seconds(*gap)),
            unit: Some("s"),
            statement: format!("Failures of {host} ({peer}) come every {period:.1} s, {} times in a row.", times.len()),
            advice: Some(format!("Look for a job or a health check with a period of {period:.1} s near {host}.")),
        });
    }
    found
}

/// Connections that end within this time end at once, ns.
pub const AT_ONCE: i64 = 100_000_000;
/// Connections that make a burst.
pub const LEAST_BURST: usize = 5;
/// A process that was stopped refuses new connections within this time, ns.
pub const REFUSALS_WITHIN: i64 = 30_000_000_000;
/// Failures this close are one burst, ns.
const SAME_BURST: i64 = 1_000_000_000;
/// Equal intervals that make a period.
pub const LEAST_PERIODS: usize = 5;
/// Intervals may differ from their mean by one in so many.
const REGULAR: i64 = 10;
