//! Several capture points of the same traffic: one connection seen twice is one connection.
//!
//! The two records of a connection have the same ends and the same initial sequence number. The one kept is that of the point
//! nearer to the originator, where its segments have passed fewer routers (the higher TTL); addresses translated between the points
//! are not recognised.

use std::collections::HashMap;

use wirecause_parsers::packet::Endpoint;

use crate::track::{Connection, connection::Elsewhere};

use super::capture::Point;

/// All connections of all points, each once, in order of their start; and how many were seen at more than one point.
pub fn merge(mut points: Vec<Point>) -> (Vec<Connection>, u64) {
    if points.len() == 1 {
        return (points.pop().map(|point| point.connections).unwrap_or_default(), 0);
    }
    let mut kept: Vec<Connection> = Vec::new();
    let mut known: HashMap<(Endpoint, Endpoint, Option<u32>), Vec<usize>> = HashMap::new();
    let mut twins = 0;
    for (index, point) in points.into_iter().enumerate() {
        for connection in point.connections {
            let key = (connection.originator, connection.responder, connection.orig.initial());
            let earlier = known.entry(key).or_default();
            let twin = earlier.iter().copied().find(|other| index > 0 && overlap(&kept[*other], &connection));
            if let Some(other) = twin {
                twins += 1;
                let mut far = connection;
                if nearness(&far) > nearness(&kept[other]) {
                    std::mem::swap(&mut far, &mut kept[other]);
                }
                kept[other].elsewhere = Some(Box::new(seen_elsewhere(&kept[other], far)));
            } else {
                earlier.push(kept.len());
                kept.push(connection);
            }
        }
    }
    kept.sort_by_key(|connection| (connection.start, connection.first_frame));
    (kept, twins)
}

fn seen_elsewhere(own: &Connection, far: Connection) -> Elsewhere {
    Elsewhere {
        nearer_responder: far.orig.usual_ttl() < own.orig.usual_ttl(),
        clock: far.start.since(own.start),
        end: far.end,
        first_frame: far.first_frame,
        resets: far.resets,
    }
}

fn overlap(a: &Connection, b: &Connection) -> bool {
    a.start.since(b.end) <= CLOCKS && b.start.since(a.end) <= CLOCKS
}

/// The originator's TTL first; of equal ones the record with more packets.
fn nearness(connection: &Connection) -> (Option<u8>, u64) {
    (connection.orig.usual_ttl(), connection.orig.packets + connection.resp.packets)
}

/// Clocks of two capture points differ by no more than this, ns.
const CLOCKS: i64 = 300_000_000_000;
