//! What the connections of an endpoint show together.

use std::collections::HashSet;

use rayon::prelude::*;
use wirecause_parsers::time::Timestamp;

use crate::track::{Connection, Finished};

use super::{
    anchor::open_exchange,
    candidates::Endpoint,
    engine::Pass,
    near::{Near, kind},
    score::{Targets, path_of, target_key},
    timeouts::Timeouts,
};

/// What the connections of an endpoint show together.
#[derive(Default)]
pub(super) struct Scene {
    /// Request targets of its last exchanges.
    pub(super) seen: Targets,
    /// Those of its failed calls.
    pub(super) failed: Targets,
    /// When requests that were never answered ended, in order.
    pub(super) unanswered: Vec<Timestamp>,
    /// When connections began that were not opened at once, in order.
    pub(super) unopened: Vec<Timestamp>,
}

impl Pass<'_> {
    /// The anchors of an endpoint's connections for all its calls, as long as nothing is learned of timeouts, and what the connections show.
    pub(super) fn look(&self, endpoint: &Endpoint) -> (Near, Scene) {
        let mut scene = Scene::default();
        let mut asked = HashSet::new();
        let keys = |call: &usize| {
            let url = self.calls[*call].open().url;
            // A proxy gets the whole URL.
            [target_key(path_of(&url)), target_key(&url)]
        };
        for keys in endpoint.calls.par_iter().with_min_len(PART).map(keys).collect::<Vec<_>>() {
            scene.failed.add(keys[0]);
            asked.extend(keys);
        }
        let kinds = endpoint.calls.iter().map(|call| kind(&self.calls[*call].failure));
        let see = |own: &mut Scene, finished: &Finished, connection: &Connection| own.add(finished, connection, &asked);
        let (near, parts) = Near::seeing(kinds, &endpoint.connections, self.connections, &Timeouts::default(), see);
        for part in parts {
            scene.seen.append(part.seen);
            scene.unanswered.extend(part.unanswered);
            scene.unopened.extend(part.unopened);
        }
        scene.unanswered.sort_unstable();
        scene.unopened.sort_unstable();
        (near, scene)
    }
}

impl Scene {
    /// Adds a connection, which is opened; `asked` are the keys of targets that calls name.
    fn add(&mut self, finished: &Finished, connection: &Connection, asked: &HashSet<u64>) {
        for exchange in &connection.exchanges.last {
            let Some(target) = exchange.target.as_deref() else { continue };
            let key = target_key(target);
            if asked.contains(&key) || exchange.target_cut {
                self.seen.add(key);
            } else {
                self.seen.add_another();
            }
        }
        // What ended in good order was opened at once and answered.
        if !finished.in_order() {
            let open = open_exchange(connection).filter(|(_, exchange)| exchange.response_start.is_none());
            self.unanswered.extend(open.map(|(_, exchange)| exchange.request_end));
            let unopened = connection.resp.packets == 0 || connection.handshake.syns > 1;
            self.unopened.extend(connection.handshake.syn.filter(|_| unopened));
        }
    }
}

/// Calls that a thread looks at at a time.
const PART: usize = 1024;
