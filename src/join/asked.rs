//! Whose requests a connection carries, by what they ask for: in plain HTTP a request line names the endpoint where paths differ, also where
//! the capture cut the names off that come behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use wirecause_parsers::packet::Endpoint as Peer;

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
    let is_open = |endpoint: &Endpoint| endpoint.is_unnamed() && endpoint.target.scheme == "http";
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

/// Endpoints by the directories of paths that calls of no other endpoint have, by the paths themselves where they lie at the root.
struct Paths(HashMap<String, Option<usize>>);

impl Paths {
    fn new(calls: &[&KeptCall], endpoints: &[Endpoint]) -> Self {
        let mut of: HashMap<String, Option<usize>> = HashMap::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            for call in &endpoint.calls {
                let url = calls[*call].open().url;
                let key = directory(path_of(&url));
                if let Some(known) = of.get_mut(key) {
                    *known = known.filter(|known| *known == index);
                } else if of.len() < MOST_PATHS {
                    of.insert(key.to_owned(), Some(index));
                }
            }
        }
        Self(of)
    }

    /// Whose paths a connection's requests ask for, if for those of one endpoint alone.
    fn endpoint_of(&self, connection: &Connection) -> Option<usize> {
        let mut asked = connection.exchanges.last.iter().filter_map(|exchange| {
            let directory = directory(exchange.target.as_deref()?);
            // Where the cut lies within a directory's name, which one it is does not show.
            let is_whole = directory.ends_with('/') || !exchange.target_cut;
            self.0.get(directory).copied().flatten().filter(|_| is_whole)
        });
        let first = asked.next()?;
        asked.all(|other| other == first).then_some(first)
    }
}

/// The path of a target up to its last slash; all of it where that is the root.
fn directory(target: &str) -> &str {
    let path = target.split('?').next().unwrap_or(target);
    path.rfind('/').filter(|end| *end > 0).and_then(|end| path.get(..=end)).unwrap_or(path)
}

/// Directories that are told apart: a gateway's services are some hundreds, and paths with numbers amid them any number.
const MOST_PATHS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_ends_at_the_last_slash_of_the_path() {
        let directories = ["/api/v1/pay/7?of=a/b", "/api/v1/pay/", "/pay", "/", ""].map(directory);
        assert_eq!(directories, ["/api/v1/pay/", "/api/v1/pay/", "/pay", "/", ""]);
    }
}
