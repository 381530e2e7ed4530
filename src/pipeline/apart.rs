//! Gateways told apart by what the wire shows: whose address opened the connections that a log's calls ended on.
//!
//! The captures of one node are its own. What shared captures hold is given to the node whose address opened it; and where neither
//! settings nor directories say of which gateway a log is, logs of one time whose calls fit endings of different addresses are of
//! different gateways.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    judge::join_config,
    nodes::Told,
    read::{Group, Node, Others},
};
use crate::{
    config::InputConfig,
    join::{Certainty, NameTable, candidates::endpoints, join},
    read::{KeptCall, LogFile, capture::Point},
    track::Finished,
};

/// Whose which address is.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By node: addresses that the settings give it.
    given: Vec<BTreeSet<IpAddr>>,
    /// By node: addresses that were learned from what it did, where the settings give none.
    learned: Vec<BTreeSet<IpAddr>>,
}

impl Owners {
    /// What settings say, and what each node's own captures show; failing both, the endings in `shared` captures that its calls fit.
    pub(super) fn new(nodes: &[Node], groups: &[Group], shared: &Group, config: &InputConfig) -> Self {
        let given: Vec<_> = nodes.iter().map(|node| node.addresses.clone()).collect();
        let learned = nodes.iter().zip(groups).map(|(node, group)| {
            if !node.addresses.is_empty() || shared.points.is_empty() {
                return BTreeSet::new();
            }
            let opened = openers(node, group);
            if opened.is_empty() { fitting(node, shared, config) } else { opened }
        });
        Self { learned: learned.collect(), given }
    }

    /// The node that an address is of, where that is clear.
    fn of(&self, address: IpAddr) -> Option<usize> {
        if self.given.iter().any(|addresses| addresses.contains(&address)) {
            return sole(&self.given, |addresses| addresses.contains(&address));
        }
        match sole(&self.learned, |addresses| addresses.contains(&address)) {
            None if self.learned.iter().all(|addresses| !addresses.contains(&address)) => self.unknown(),
            owner => owner,
        }
    }

    /// The one node of which no address is known: what is nobody else's can be its.
    fn unknown(&self) -> Option<usize> {
        let known: Vec<bool> = self
            .given
            .iter()
            .zip(&self.learned)
            .map(|(given, learned)| !given.is_empty() || !learned.is_empty())
            .collect();
        sole(&known, |known| !known)
    }

    /// The node to which a connection in the captures of `node` goes: another's where the settings say that another opened it.
    fn of_own(&self, node: usize, address: IpAddr) -> usize {
        if self.given[node].contains(&address) {
            return node;
        }
        sole(&self.given, |addresses| addresses.contains(&address)).unwrap_or(node)
    }

    /// Moves connections to those who opened them; gives back what of the shared captures is nobody's.
    pub(super) fn share(&self, groups: &mut [Group], shared: Group) -> Group {
        let mut moved: Vec<Vec<Point>> = groups.iter().map(|_| Vec::new()).collect();
        for (node, group) in groups.iter_mut().enumerate() {
            for point in &mut group.points {
                let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut point.connections)
                    .into_iter()
                    .partition(|connection| self.of_own(node, connection.head().originator.address) == node);
                point.connections = own;
                deal(others, &point.files, &mut moved, |address| Some(self.of_own(node, address)));
            }
        }
        let mut rest = Group { points: Vec::new(), ..shared };
        for point in shared.points {
            let left = deal(point.connections, &point.files, &mut moved, |address| self.of(address));
            rest.points.push(Point { connections: left, ..point });
        }
        for (group, moved) in groups.iter_mut().zip(moved) {
            group.files.extend(moved.iter().flat_map(|point| &point.files));
            group.files.extend(&rest.files);
            group.files.sort_unstable();
            group.files.dedup();
            group.points.extend(moved);
            group.dns.extend(rest.dns.iter().cloned());
            group.dns.sort_by_key(|heard| heard.time);
        }
        rest
    }
}

/// Gives connections of a point to their owners as a point of each; those of nobody are given back.
fn deal(
    connections: Vec<Finished>,
    files: &[usize],
    points: &mut [Vec<Point>],
    owner: impl Fn(IpAddr) -> Option<usize>,
) -> Vec<Finished> {
    let mut parts: BTreeMap<usize, Vec<Finished>> = BTreeMap::new();
    let mut left = Vec::new();
    for connection in connections {
        match owner(connection.head().originator.address) {
            Some(node) => parts.entry(node).or_default().push(connection),
            None => left.push(connection),
        }
    }
    for (node, connections) in parts {
        points[node].push(Point { files: files.to_vec(), connections });
    }
    left
}

/// The addresses that opened connections to the peers of a node's failed calls, in its own captures.
fn openers(node: &Node, group: &Group) -> BTreeSet<IpAddr> {
    let calls: Vec<&KeptCall> = node.logs.iter().flat_map(|log| &log.scan.calls).collect();
    let mut found = BTreeSet::new();
    for point in &group.points {
        for endpoint in endpoints(&calls, &point.connections, &node.names) {
            found.extend(
                endpoint.connections.iter().map(|index| point.connections[*index as usize].head().originator.address),
            );
        }
    }
    found
}

/// The addresses whose endings in shared captures a node's calls clearly fit.
fn fitting(node: &Node, shared: &Group, config: &InputConfig) -> BTreeSet<IpAddr> {
    let calls: Vec<&KeptCall> = node.logs.iter().flat_map(|log| &log.scan.calls).collect();
    let mut fits = Fits::default();
    for point in &shared.points {
        fits.add(&calls, &point.connections, &node.names, node, config);
    }
    if fits.joined() < ENOUGH { BTreeSet::new() } else { fits.usual() }
}

/// Logs that the settings leave open go to the node whose given addresses their calls clearly fit.
pub(super) fn settle_logs(nodes: &mut [Node], shared: &Group, config: &InputConfig) {
    let known = nodes.iter().any(|node| !node.addresses.is_empty());
    for index in 0..nodes.len() {
        if !known || !nodes[index].open {
            continue;
        }
        let logs = std::mem::take(&mut nodes[index].logs);
        for log in logs {
            let calls: Vec<&KeptCall> = log.scan.calls.iter().collect();
            let mut fits = Fits::default();
            for point in &shared.points {
                fits.add(&calls, &point.connections, &nodes[index].names, &nodes[index], config);
            }
            let clear = |node: &Node| fits.joined() >= ENOUGH && fits.is_mostly(&node.addresses);
            let place = sole(nodes, clear).unwrap_or(index);
            nodes[place].logs.push(log);
        }
    }
}

/// Tells several gateways apart in what was taken for one: their nodes, and the connections that are nobody's.
pub(super) fn by_endings(nodes: &mut Vec<Node>, config: &InputConfig) -> Option<(Told, Others)> {
    let [one] = &mut nodes[..] else { return None };
    let logs: Vec<usize> = (0..one.logs.len()).filter(|log| !one.logs[*log].scan.calls.is_empty()).collect();
    if !any_overlap(logs.iter().map(|log| &one.logs[*log])) || openings(&one.connections) < 2 {
        return None;
    }
    let parties = parties(one, &logs, config)?;
    let whole = std::mem::take(one);
    let mut others = Others { connections: Vec::new(), names: whole.names.clone() };
    let mut apart: Vec<Node> = parties
        .iter()
        .map(|party| Node {
            name: party.addresses.first().map(ToString::to_string).unwrap_or_default(),
            addresses: party.addresses.clone(),
            captures: whole.captures.clone(),
            names: whole.names.clone(),
            clock_offset: whole.clock_offset,
            ..Node::default()
        })
        .collect();
    let party_of = |log: usize| parties.iter().position(|party| party.logs.contains(&log));
    for (index, log) in whole.logs.into_iter().enumerate() {
        // A log without a failed call says nothing, and nothing is asked of it.
        apart[party_of(index).unwrap_or(0)].logs.push(log);
    }
    for connection in whole.connections {
        match parties.iter().position(|party| party.addresses.contains(&connection.head().originator.address)) {
            Some(node) => apart[node].connections.push(connection),
            None => others.connections.push(connection),
        }
    }
    apart.sort_by(|a, b| a.name.cmp(&b.name));
    *nodes = apart;
    Some((Told::Endings, others))
}

/// Logs of one gateway with its addresses.
#[derive(Debug)]
struct Party {
    logs: BTreeSet<usize>,
    /// The usual ones first; in the end all that are nobody else's.
    addresses: BTreeSet<IpAddr>,
    fits: Fits,
}

/// The gateways whose logs these are; `None` where they are one, or not clearly several.
fn parties(node: &Node, logs: &[usize], config: &InputConfig) -> Option<Vec<Party>> {
    let mut parties: Vec<Party> = Vec::new();
    for log in logs {
        let calls: Vec<&KeptCall> = node.logs[*log].scan.calls.iter().collect();
        let mut fits = Fits::default();
        fits.add(&calls, &node.connections, &node.names, node, config);
        let addresses = fits.usual();
        if !fits.is_mostly(&addresses) {
            return None;
        }
        let mut party = Party { logs: BTreeSet::from([*log]), addresses, fits };
        // Whoever has an address in common is the same.
        let (same, other): (Vec<_>, Vec<_>) =
            parties.into_iter().partition(|known| !known.addresses.is_disjoint(&party.addresses));
        for known in same {
            party.logs.extend(known.logs);
            party.addresses.extend(known.addresses);
            party.fits.extend(known.fits);
        }
        parties = other;
        parties.push(party);
    }
    let at_once = |a: &Party, b: &Party| {
        a.logs.iter().any(|log| b.logs.iter().any(|other| overlap(&node.logs[*log], &node.logs[*other])))
    };
    // One gateway whose address changed has logs that follow each other.
    let several = parties.iter().enumerate().any(|(index, a)| parties[..index].iter().any(|b| at_once(a, b)));
    (several && parties.iter().all(|party| party.fits.joined() >= ENOUGH)).then(|| with_all_addresses(parties))
}

/// Gives each gateway the further addresses that its calls fit and no other's do, such as the one of IPv6 that few calls use.
fn with_all_addresses(mut parties: Vec<Party>) -> Vec<Party> {
    let claims: Vec<BTreeSet<IpAddr>> = parties.iter().map(|party| party.fits.0.keys().copied().collect()).collect();
    for (index, party) in parties.iter_mut().enumerate() {
        let sole = |address: &&IpAddr| {
            claims.iter().enumerate().all(|(other, claimed)| other == index || !claimed.contains(*address))
        };
        party.addresses.extend(claims[index].iter().filter(sole));
    }
    parties
}

/// How many calls of a log, or a sample of them, are surely joined to connections that each address opened.
#[derive(Debug, Default)]
struct Fits(BTreeMap<IpAddr, usize>);

impl Fits {
    fn add(
        &mut self,
        calls: &[&KeptCall],
        connections: &[Finished],
        names: &NameTable,
        node: &Node,
        config: &InputConfig,
    ) {
        let step = calls.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&KeptCall> = calls.iter().step_by(step).copied().collect();
        let joined = join(&sample, connections, names, &join_config(config, node.clock_offset, &[]));
        for found in joined.matches.iter().filter(|found| found.certainty == Certainty::Certain) {
            if let Some(index) = found.connection() {
                *self.0.entry(connections[index].head().originator.address).or_default() += 1;
            }
        }
    }

    fn extend(&mut self, other: Self) {
        for (address, count) in other.0 {
            *self.0.entry(address).or_default() += count;
        }
    }

    fn joined(&self) -> usize {
        self.0.values().sum()
    }

    /// The addresses that have a part worth naming.
    fn usual(&self) -> BTreeSet<IpAddr> {
        let least = self.joined().div_ceil(CHANCE);
        self.0.iter().filter(|(_, count)| **count >= least).map(|(address, _)| *address).collect()
    }

    /// Whether nearly all fit these addresses.
    fn is_mostly(&self, addresses: &BTreeSet<IpAddr>) -> bool {
        let fit: usize = addresses.iter().filter_map(|address| self.0.get(address)).sum();
        (self.joined() - fit) * CHANCE <= self.joined()
    }
}

/// The only one that is so.
fn sole<T>(all: &[T], is: impl Fn(&T) -> bool) -> Option<usize> {
    let mut found = (0..all.len()).filter(|index| is(&all[*index]));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn any_overlap<'a>(logs: impl Iterator<Item = &'a LogFile>) -> bool {
    let mut spans: Vec<_> = logs.filter_map(|log| log.scan.first.zip(log.scan.last)).collect();
    spans.sort_unstable();
    spans.windows(2).any(|pair| pair[1].0 < pair[0].1)
}

fn overlap(a: &LogFile, b: &LogFile) -> bool {
    any_overlap([a, b].into_iter())
}

/// Addresses that opened connections: looked at no further than to the second.
fn openings(connections: &[Finished]) -> usize {
    let Some(first) = connections.first() else { return 0 };
    let opener = |connection: &Finished| connection.head().originator.address;
    1 + usize::from(connections.iter().any(|other| opener(other) != opener(first)))
}

/// Calls surely joined that make a log's, or a gateway's, addresses clear: fewer agree by chance where no clock offset is known.
const ENOUGH: usize = 5;
/// One in so many may be a join by chance.
const CHANCE: usize = 10;
/// Calls of a log that are joined to see whose they are: spread over it, and more than decide anything.
const SAMPLE: usize = 256;
