//! Whose requests a connection carries, by what they ask for: in plain HTTP a request line names the endpoint where paths differ, also where
//! the capture cut the names off that come behind it.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use wirecause_parsers::{log::Symptom, packet::Endpoint as Peer};

use crate::{
    read::KeptCall,
    track::{Connection, Finished},
};

use super::{
    candidates::{Endpoint, own_names},
    score::path_of,
};

/// Gives endpoints of plain HTTP that nothing else names the connections of the peers that were asked for their paths.
pub(super) fn name_by_requests(calls: &[&KeptCall], connections: &[Finished], endpoints: &mut [Endpoint]) {
    // A name that did not resolve has no peer.
    let may_have_a_peer = |call: &usize| calls[*call].failure.symptom != Symptom::UnknownHost;
    let is_open = |endpoint: &Endpoint| {
        endpoint.is_unnamed() && endpoint.target.scheme == "http" && endpoint.calls.iter().any(may_have_a_peer)
    };
    let open: BTreeSet<usize> = (0..endpoints.len()).filter(|index| is_open(&endpoints[*index])).collect();
    if open.is_empty() {
        return;
    }
    let ports: BTreeSet<u16> = open.iter().map(|index| endpoints[*index].target.port).collect();
    let paths = Paths::new(calls, endpoints);
    // A gateway's clients ask it for the same paths.
    let callers: BTreeSet<_> = connections.iter().map(|connection| connection.head().originator.address).collect();
    let asked: Vec<(u32, Peer, Option<usize>)> = (0..connections.len() as u32)
        .into_par_iter()
        .filter_map(|index| {
            let connection = &connections[index as usize];
            let peer = connection.head().responder;
            let may_be = ports.contains(&peer.port) && !callers.contains(&peer.address);
            let nameless = own_names(connection.names()).next().is_none();
            (may_be && nameless).then(|| (index, peer, paths.endpoint_of(&connection.open())))
        })
        .collect();
    let mut peers: BTreeMap<usize, BTreeSet<Peer>> = BTreeMap::new();
    for (_, peer, endpoint) in &asked {
        if let Some(endpoint) =
            endpoint.filter(|index| open.contains(index) && endpoints[*index].target.port == peer.port)
        {
            peers.entry(endpoint).or_default().insert(*peer);
        }
    }
    for (index, peers) in peers {
        // Attempts that came to nothing asked for nothing.
        let own =
            asked.iter().filter(|(_, peer, asked)| peers.contains(peer) && asked.is_none_or(|asked| asked == index));
        endpoints[index].connections = own.map(|(connection, ..)| *connection).collect();
        endpoints[index].addresses = peers.into_iter().map(|peer| peer.address).collect();
    }
}

/// Endpoints by what calls of no other endpoint ask for: directories of paths, and paths in directories that several have.
struct Paths {
    directories: BTreeMap<String, Option<usize>>,
    whole: BTreeMap<String, Option<usize>>,
}

impl Paths {
    fn new(calls: &[&KeptCall], endpoints: &[Endpoint]) -> Self {
        let asked = || {
            let of_all = endpoints.iter().enumerate();
            of_all.flat_map(|(index, endpoint)| endpoint.calls.iter().map(move |call| (index, calls[*call].open().url)))
        };
        let mut paths = Self { directories: BTreeMap::new(), whole: BTreeMap::new() };
        for (index, url) in asked() {
            let directory = directory(without_query(path_of(&url)));
            // All that lies at the root has that in common.
            if directory != "/" {
                note(&mut paths.directories, directory, index);
            }
        }
        for (index, url) in asked() {
            let path = without_query(path_of(&url));
            if paths.directories.get(directory(path)).is_none_or(Option::is_none) {
                note(&mut paths.whole, path, index);
            }
        }
        paths
    }

    /// Whose paths a connection's requests ask for, if for those of one endpoint alone.
    fn endpoint_of(&self, connection: &Connection) -> Option<usize> {
        let last = connection.exchanges.last.iter();
        let mut asked =
            last.filter_map(|exchange| self.asked_for(without_query(exchange.target.as_deref()?), exchange.target_cut));
        let first = asked.next()?;
        asked.all(|other| other == first).then_some(first)
    }

    fn asked_for(&self, path: &str, cut: bool) -> Option<usize> {
        let directory = directory(path);
        if let Some(Some(endpoint)) = self.directories.get(directory) {
            return Some(*endpoint);
        }
        if !cut {
            return self.whole.get(path).copied().flatten();
        }
        // Of a name that is cut so much must be left that it tells names apart that the log does not hold.
        let told = path.len() >= directory.len() + LEAST_LEFT;
        let mut fitting = self.whole.range(path.to_owned()..).take_while(|(whole, _)| told && whole.starts_with(path));
        let first = (*fitting.next()?.1)?;
        fitting.all(|(_, other)| *other == Some(first)).then_some(first)
    }
}

/// Notes whose a path is; what several have is nobody's.
fn note(known: &mut BTreeMap<String, Option<usize>>, path: &str, endpoint: usize) {
    if let Some(whose) = known.get_mut(path) {
        *whose = whose.filter(|known| *known == endpoint);
    } else if known.len() < MOST_PATHS {
        known.insert(path.to_owned(), Some(endpoint));
    }
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// A path up to its last slash.
fn directory(path: &str) -> &str {
    path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or_default()
}

/// Paths that are told apart: a gateway's services are some hundreds, and paths with numbers amid them any number.
const MOST_PATHS: usize = 1 << 16;
/// Characters of a name that must be left behind its directory.
const LEAST_LEFT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_whole_paths_tell_endpoints_apart() {
        let mut paths = Paths { directories: BTreeMap::new(), whole: BTreeMap::new() };
        for (path, index) in [("/v1/pay/7", 0), ("/v1/pay/8", 0), ("/v1/ship/7", 1), ("/v1/auth", 3), ("/v1/orders", 4)]
        {
            note(&mut paths.directories, directory(path), index);
        }
        for (path, index) in [("/media", 2), ("/v1/auth", 3), ("/v1/orders", 4), ("/both", 5), ("/both", 6)] {
            note(&mut paths.whole, path, index);
        }
        let asked = |path: &str| paths.asked_for(path, false);
        assert_eq!(
            ["/v1/pay/9", "/v1/ship/", "/v1/auth", "/media", "/both", "/v1/other"].map(asked),
            [Some(0), Some(1), Some(3), Some(2), None, None]
        );
        let cut = |path: &str| paths.asked_for(path, true);
        assert_eq!(
            ["/v1/pay/", "/v1/auth", "/v1/orde", "/v1/ord", "/v1/", "/"].map(cut),
            [Some(0), Some(3), Some(4), None, None, None]
        );
    }
}
