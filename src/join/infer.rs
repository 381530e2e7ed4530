//! Addresses of hosts that nothing names: from the pattern of their errors against the endings on the wire.
//!
//! Where neither a hosts file nor the log, a connection or a DNS answer tells what a host's address is (a capture cut short before the
//! names, a resolver asked before the capture began), the peer on the URL's port whose endings the host's errors follow is taken for
//! it, and marked as inferred.

use std::collections::{BTreeMap, BTreeSet};

use wirecause_parsers::packet::Endpoint as Peer;

use super::{
    anchor::AnchorKind,
    candidates::Endpoint,
    clock::{Clock, ClockSource},
    engine::Pass,
    timeouts::Timeouts,
};

/// Gives endpoints without an address the connections of the peer that their errors fit, where one fits clearly.
pub(super) fn infer(pass: &Pass<'_>, given: Option<&Clock>) -> Vec<Endpoint> {
    let mut endpoints = pass.endpoints.to_vec();
    let unnamed: Vec<usize> = (0..endpoints.len()).filter(|index| is_unnamed(&endpoints[*index])).collect();
    if unnamed.is_empty() {
        return endpoints;
    }
    let free = free_peers(pass);
    let mut trial = endpoints.clone();
    for index in &unnamed {
        let port = trial[*index].target.port;
        trial[*index].connections = free
            .iter()
            .filter(|(peer, _)| peer.port == port)
            .flat_map(|(_, connections)| connections)
            .copied()
            .collect();
    }
    let pairs: usize = unnamed.iter().map(|index| trial[*index].calls.len() * trial[*index].connections.len()).sum();
    if pairs > MOST_PAIRS {
        return endpoints;
    }
    let trial = Pass { endpoints: &trial, ..*pass };
    let clock = given.cloned().unwrap_or_else(|| trial.estimate_clock());
    if clock.source == ClockSource::Assumed {
        return endpoints;
    }
    for (index, peer) in fitting(&trial, &unnamed, &clock) {
        endpoints[index].connections.clone_from(&free[&peer]);
        endpoints[index].addresses = BTreeSet::from([peer.address]);
        endpoints[index].inferred = true;
    }
    endpoints
}

fn is_unnamed(endpoint: &Endpoint) -> bool {
    endpoint.connections.is_empty() && endpoint.addresses.is_empty()
}

/// Connections by peer, of peers that belong to no named endpoint.
fn free_peers(pass: &Pass<'_>) -> BTreeMap<Peer, Vec<usize>> {
    let named: BTreeSet<Peer> = pass
        .endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.connections)
        .map(|connection| pass.connections[*connection].responder)
        .collect();
    let mut free: BTreeMap<Peer, Vec<usize>> = BTreeMap::new();
    for (index, connection) in pass.connections.iter().enumerate() {
        if !named.contains(&connection.responder) {
            free.entry(connection.responder).or_default().push(index);
        }
    }
    free
}

/// Endpoints with the peer that their calls fit, best first; a peer serves one.
fn fitting(trial: &Pass<'_>, unnamed: &[usize], clock: &Clock) -> Vec<(usize, Peer)> {
    let mut ranked: Vec<(usize, usize, usize, Peer)> = Vec::new();
    for index in unnamed {
        let endpoint = &trial.endpoints[*index];
        let mut calls_of: BTreeMap<Peer, BTreeSet<usize>> = BTreeMap::new();
        for call in &endpoint.calls {
            for connection in &endpoint.connections {
                let line = clock.to_capture(trial.calls[*call].time);
                let follows = trial.anchors(*call, *connection, &Timeouts::default()).any(|anchor| {
                    anchor.kind == AnchorKind::Event && (EARLIEST..=LATEST).contains(&line.since(anchor.time))
                });
                if follows {
                    calls_of.entry(trial.connections[*connection].responder).or_default().insert(*call);
                }
            }
        }
        let mut counts: Vec<(usize, Peer)> = calls_of.into_iter().map(|(peer, calls)| (calls.len(), peer)).collect();
        counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let second = counts.get(1).map_or(0, |(count, _)| *count);
        ranked.extend(counts.into_iter().take(2).map(|(count, peer)| (count, second, *index, peer)));
    }
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(&b.2)).then(a.3.cmp(&b.3)));
    let (mut done, mut taken, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (count, second, index, peer) in ranked {
        // Once the best peer of a host belongs to another, the second best is no clear answer.
        let clear = count >= LEAST_CALLS && count >= 2 * second;
        if clear && !done.contains(&index) && taken.insert(peer) {
            done.insert(index);
            found.push((index, peer));
        }
    }
    found
}

/// Pairs of calls and connections that are tried at most: beyond, the names are better given.
const MOST_PAIRS: usize = 20_000_000;
/// Calls that must follow endings of the peer; fewer may do so by chance.
const LEAST_CALLS: usize = 3;
/// A line that follows its event at once lies within these bounds, ns.
const EARLIEST: i64 = -5_000_000;
/// As above.
const LATEST: i64 = 40_000_000;
