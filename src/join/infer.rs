//! Addresses of hosts that nothing names: from the pattern of their errors against the endings on the wire.
//!
//! Where neither a hosts file nor the log, a connection or a DNS answer tells what a host's address is (a capture cut short before the
//! names, a resolver asked before the capture began), the peer on the URL's port whose endings the host's errors follow, or which reset what lay
//! idle before them, is taken for it, and marked as inferred.

use std::collections::{BTreeMap, BTreeSet};

use wirecause_parsers::{log::Symptom, packet::Endpoint as Peer, time::Timestamp};

use crate::track::{Finished, Names};

use super::{
    anchor::AnchorKind,
    candidates::{Endpoint, own_names},
    clock::{Clock, ClockSource},
    engine::Pass,
    near::{Near, Place, kind},
};

/// Connections by peer, of the peers that come into question; the second are those of the endpoints that have a name.
type Peers = fn(&Pass<'_>, &BTreeSet<Peer>) -> BTreeMap<Peer, Vec<u32>>;

/// How many calls of an endpoint fit each peer's connections.
type Fit = fn(&Pass<'_>, &Endpoint, &Near, &Clock) -> BTreeMap<Peer, usize>;

/// Gives endpoints without an address the connections of the peer that their errors fit, where one fits clearly. `near` are the anchors of those
/// that have one.
pub(super) fn infer(pass: &Pass<'_>, near: &[Near], given: Option<&Clock>) -> Vec<Endpoint> {
    let mut endpoints = pass.endpoints.to_vec();
    let mut clock = given.cloned();
    // A peer that no name has comes first; then one that serves a named endpoint may serve a second name. What fits later weighs less.
    let steps: [(Peers, Fit); 3] = [(free_peers, at_once), (shared_peers, at_once), (free_peers, left_idle)];
    for (peers, fit) in steps {
        let unnamed: Vec<usize> = (0..endpoints.len()).filter(|index| endpoints[*index].is_unnamed()).collect();
        if unnamed.is_empty() {
            break;
        }
        let peers = peers(pass, &named_peers(pass.connections, &endpoints));
        let trial = Pass { endpoints: &endpoints, ..*pass };
        for (index, peer) in among(&trial, near, (&unnamed, fit), &peers, &mut clock) {
            endpoints[index].connections.clone_from(&peers[&peer]);
            endpoints[index].addresses = BTreeSet::from([peer.address]);
            endpoints[index].inferred = true;
        }
    }
    endpoints
}

/// The unnamed endpoints whose errors fit one of `peers`, with that peer. The clock is estimated where it is not known; the more endpoints are tried, the
/// surer it is, so that the first estimate stays.
fn among(
    pass: &Pass<'_>,
    near: &[Near],
    (unnamed, fit): (&[usize], Fit),
    peers: &BTreeMap<Peer, Vec<u32>>,
    known: &mut Option<Clock>,
) -> Vec<(usize, Peer)> {
    let mut trial = pass.endpoints.to_vec();
    for index in unnamed {
        let port = trial[*index].target.port;
        trial[*index].connections = peers
            .iter()
            .filter(|(peer, _)| peer.port == port)
            .flat_map(|(_, connections)| connections)
            .copied()
            .collect();
    }
    let pairs: usize = unnamed.iter().map(|index| trial[*index].calls.len() * trial[*index].connections.len()).sum();
    if pairs > MOST_PAIRS {
        return Vec::new();
    }
    let trial = Pass { endpoints: &trial, ..*pass };
    let near = trial.near_again(near, |endpoint| unnamed.contains(&endpoint));
    if known.is_none() {
        *known = Some(trial.estimate_clock(&near)).filter(|clock| clock.source != ClockSource::Assumed);
    }
    known.as_ref().map_or_else(Vec::new, |clock| fitting(&trial, &near, (unnamed, fit), clock))
}

/// Peers of the endpoints.
fn named_peers(connections: &[Finished], endpoints: &[Endpoint]) -> BTreeSet<Peer> {
    let of_endpoints = endpoints.iter().flat_map(|endpoint| &endpoint.connections);
    of_endpoints.map(|connection| connections[*connection as usize].head().responder).collect()
}

impl Pass<'_> {
    fn peer(&self, place: &Place) -> Peer {
        self.connections[place.connection as usize].head().responder
    }
}

/// Connections by peer, of peers that belong to no named endpoint.
fn free_peers(pass: &Pass<'_>, named: &BTreeSet<Peer>) -> BTreeMap<Peer, Vec<u32>> {
    by_peer(pass, |peer, _| !named.contains(peer))
}

/// Connections that show no endpoint's name themselves, by peer, of peers that belong to a named endpoint.
fn shared_peers(pass: &Pass<'_>, named: &BTreeSet<Peer>) -> BTreeMap<Peer, Vec<u32>> {
    let hosts: BTreeSet<&str> = pass.endpoints.iter().map(|endpoint| endpoint.target.host.as_str()).collect();
    by_peer(pass, |peer, names| named.contains(peer) && !own_names(names).any(|name| hosts.contains(name)))
}

fn by_peer(pass: &Pass<'_>, taken: impl Fn(&Peer, &Names) -> bool) -> BTreeMap<Peer, Vec<u32>> {
    let mut peers: BTreeMap<Peer, Vec<u32>> = BTreeMap::new();
    for (index, connection) in (0..).zip(pass.connections) {
        let peer = connection.head().responder;
        if taken(&peer, connection.names()) {
            peers.entry(peer).or_default().push(index);
        }
    }
    peers
}

/// Calls whose lines follow an ending on the wire at once.
fn at_once(trial: &Pass<'_>, endpoint: &Endpoint, near: &Near, clock: &Clock) -> BTreeMap<Peer, usize> {
    let mut calls_of: BTreeMap<Peer, BTreeSet<usize>> = BTreeMap::new();
    for call in &endpoint.calls {
        let line = clock.to_capture(trial.calls[*call].time);
        let span = line.plus(-LATEST)..=line.plus(-EARLIEST);
        // That the gateway itself ended an open exchange is as telling as what the peer did.
        let at_once = |place: &&Place| matches!(place.kind, AnchorKind::Event | AnchorKind::Own);
        for place in near.within(kind(&trial.calls[*call].failure), &span).iter().filter(at_once) {
            calls_of.entry(trial.peer(place)).or_default().insert(*call);
        }
    }
    calls_of.into_iter().map(|(peer, calls)| (peer, calls.len())).collect()
}

/// Resets for each of which a connection was reset before that lay idle: it is met by the next request, of which no packet leaves. Most of the calls
/// must have one, and of such connections one in four its call, since others are retried or never used again. A FIN says less: healthy peers
/// close by one what lies idle.
fn left_idle(trial: &Pass<'_>, endpoint: &Endpoint, near: &Near, clock: &Clock) -> BTreeMap<Peer, usize> {
    let is_reset = |call: &&usize| trial.calls[**call].failure.symptom == Symptom::ConnectionReset;
    let mut resets: Vec<usize> = endpoint.calls.iter().filter(is_reset).copied().collect();
    resets.sort_unstable_by_key(|call| trial.calls[*call].time);
    let Some(first) = resets.first() else { return BTreeMap::new() };
    let mut idle_of: BTreeMap<Peer, Vec<Timestamp>> = BTreeMap::new();
    let idle = near.all(kind(&trial.calls[*first].failure)).iter().filter(|place| place.kind == AnchorKind::Idle);
    for place in idle {
        idle_of.entry(trial.peer(place)).or_default().push(place.time);
    }
    let count = |idle: &[Timestamp]| {
        // Each call takes one of those before it, of which as many are left as no call took.
        let (mut before, mut taken) = (0, 0);
        for call in &resets {
            let line = clock.to_capture(trial.calls[*call].time);
            before += idle.iter().skip(before).take_while(|time| **time <= line).count();
            taken += usize::from(taken < before);
        }
        taken
    };
    let counts = idle_of.into_iter().map(|(peer, idle)| (peer, idle.len(), count(&idle)));
    let telling = counts.filter(|(_, idle, taken)| 4 * taken >= 3 * resets.len() && 4 * taken >= *idle);
    telling.map(|(peer, _, taken)| (peer, taken)).collect()
}

/// Endpoints with the peer that their calls fit, best first; a peer serves one.
fn fitting(trial: &Pass<'_>, near: &[Near], (unnamed, fit): (&[usize], Fit), clock: &Clock) -> Vec<(usize, Peer)> {
    let mut ranked: Vec<(usize, usize, usize, Peer)> = Vec::new();
    for index in unnamed {
        let fits = fit(trial, &trial.endpoints[*index], &near[*index], clock);
        let mut counts: Vec<(usize, Peer)> = fits.into_iter().map(|(peer, calls)| (calls, peer)).collect();
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
