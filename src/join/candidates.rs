//! Which connections come into question for a call at all: those to an address that its host name has, or that show the name
//! themselves, on the URL's port.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use wirecause_parsers::log::Target;

use crate::{
    read::KeptCall,
    track::{Finished, Names},
};

use super::names::NameTable;

/// Calls and connections of one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// What the calls' URLs name.
    pub target: Target,
    /// Addresses that the name is known to have.
    pub addresses: BTreeSet<IpAddr>,
    /// Indices of the calls.
    pub calls: Vec<usize>,
    /// Indices of the connections, in order of their start.
    pub connections: Vec<u32>,
    /// Whether nothing names the address, and it was inferred from the pattern of errors against endings.
    pub inferred: bool,
}

impl Endpoint {
    /// Whether nothing tells where its connections go.
    pub(super) fn is_unnamed(&self) -> bool {
        self.connections.is_empty() && self.addresses.is_empty()
    }
}

/// Groups `calls` by endpoint and finds each one's connections.
pub fn endpoints(calls: &[&KeptCall], connections: &[Finished], names: &NameTable) -> Vec<Endpoint> {
    let mut by_target: BTreeMap<&Target, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        by_target.entry(&call.failure.target).or_default().push(index);
    }
    let targets: Vec<&Target> = by_target.keys().copied().collect();
    let index = Index::new(connections, &targets);
    let hosts: BTreeSet<&str> = by_target.keys().map(|target| target.host.as_str()).collect();
    by_target
        .into_iter()
        .map(|(target, of_target)| {
            let mut addresses = names.addresses(&target.host);
            addresses.extend(of_target.iter().flat_map(|call| &calls[*call].failure.remotes));
            let mut found = index.of(target, &addresses);
            let head = |candidate: &u32| connections[*candidate as usize].head();
            let names = |candidate: &u32| connections[*candidate as usize].names();
            // The client's leg of the same call may name the same host: its responder is the gateway itself.
            let heads = found.iter().map(head);
            let gateways: BTreeSet<IpAddr> = heads
                .filter(|head| addresses.contains(&head.responder.address))
                .map(|head| head.originator.address)
                .collect();
            found.retain(|candidate| {
                let responder = head(candidate).responder.address;
                addresses.contains(&responder) || !gateways.contains(&responder)
            });
            found.retain(|candidate| !names_another(names(candidate), target, &hosts));
            found = index.with_nameless(found);
            found.retain(|candidate| may_have_asked_for(names(candidate), target));
            for candidate in &found {
                addresses.insert(head(candidate).responder.address);
            }
            Endpoint { target: target.clone(), addresses, calls: of_target, connections: found, inferred: false }
        })
        .collect()
}

/// Connections by address and by the names they show: indices in order, in few bytes since there may be millions.
struct Index<'a> {
    by_address: HashMap<(IpAddr, u16), Vec<u32>>,
    by_name: HashMap<&'a str, Vec<u32>>,
    /// Those that asked a proxy for what was cut, where it can be but one target of the log.
    by_cut_name: HashMap<&'a Target, Vec<u32>>,
    connections: &'a [Finished],
}

impl<'a> Index<'a> {
    fn new(connections: &'a [Finished], targets: &[&'a Target]) -> Self {
        let (by_address, by_name, by_cut_name) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut index = Self { by_address, by_name, by_cut_name, connections };
        for (position, connection) in (0..).zip(connections) {
            let end = connection.head().responder;
            index.by_address.entry((end.address, end.port)).or_default().push(position);
            for name in own_names(connection.names()) {
                index.by_name.entry(name).or_default().push(position);
            }
            // Names of one domain differ in their first label: less than that tells nothing from names that the log does not hold.
            if connection.names().connect_cut.as_ref().is_some_and(|left| left.contains('.')) {
                let mut fitting =
                    targets.iter().copied().filter(|target| may_have_asked_for(connection.names(), target));
                if let (Some(only), None) = (fitting.next(), fitting.next()) {
                    index.by_cut_name.entry(only).or_default().push(position);
                }
            }
        }
        index
    }

    fn of(&self, target: &Target, addresses: &BTreeSet<IpAddr>) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for address in addresses {
            found.extend(self.by_address.get(&(*address, target.port)).into_iter().flatten());
        }
        for position in self.by_name.get(target.host.as_str()).into_iter().flatten() {
            let connection = &self.connections[*position as usize];
            let proxied = connection.names().connect.as_ref().is_some_and(|(_, port)| *port == target.port);
            if connection.head().responder.port == target.port || proxied {
                found.push(*position);
            }
        }
        found.extend(self.by_cut_name.get(target).into_iter().flatten());
        in_order(found)
    }

    /// Adds the connections that show no name, to the peers of those that are `found`: where a connection shows whose address a peer is,
    /// attempts to connect to it that came to nothing are known too.
    fn with_nameless(&self, mut found: Vec<u32>) -> Vec<u32> {
        let peers: BTreeSet<(IpAddr, u16)> = found
            .iter()
            .map(|position| self.connections[*position as usize].head().responder)
            .map(|peer| (peer.address, peer.port))
            .collect();
        let of_peers = peers.iter().filter_map(|peer| self.by_address.get(peer)).flatten();
        let nameless = |position: &&u32| own_names(self.connections[**position as usize].names()).next().is_none();
        found.extend(of_peers.filter(nameless));
        in_order(found)
    }
}

fn in_order(mut found: Vec<u32>) -> Vec<u32> {
    found.sort_unstable();
    found.dedup();
    found
}

/// Names that a connection shows itself: TLS server name, HTTP Host, the target of a tunnel.
pub(super) fn own_names(names: &Names) -> impl Iterator<Item = &str> {
    let tunnel = names.connect.as_ref().map(|(host, _)| host);
    [names.sni.as_ref(), names.host.as_ref(), tunnel].into_iter().flatten().map(|name| &**name)
}

/// Whether a connection shows only names that belong to other endpoints of the log: several names on one address. A name that no
/// call uses is no objection, since a gateway may pass its own client's Host header on.
fn names_another(names: &Names, target: &Target, hosts: &BTreeSet<&str>) -> bool {
    let mut any = false;
    for name in own_names(names) {
        if name == target.host || !hosts.contains(name) {
            return false;
        }
        any = true;
    }
    any
}

/// Whether what is left of the name that a connection asked a proxy for, if it did and the capture cut it, may be a target's.
fn may_have_asked_for(names: &Names, target: &Target) -> bool {
    let Some(left) = names.connect_cut.as_deref() else { return true };
    match left.split_once(':') {
        Some((host, port)) => host == target.host && target.port.to_string().starts_with(port),
        None => target.host.starts_with(left),
    }
}
