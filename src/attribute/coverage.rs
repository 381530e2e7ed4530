//! When the captures ran: from their first packet to their last, less the stretches in which nothing at all was captured.
//!
//! A capture that was interrupted (a file of a rotation that is missing, a disk that was full) does not say so. It shows as a silence
//! that the traffic around it does not explain. Packets are known here by what connections keep of them, to a second.

use wirecause_parsers::time::Timestamp;

use crate::track::Connection;

/// The time that the captures cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covered {
    /// First and last instant.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Silences within it, from the last packet before to the first behind, to a second.
    pub holes: Vec<(Timestamp, Timestamp)>,
}

impl Covered {
    /// Looks at the packets of `connections` within `span`.
    pub fn new(connections: &[Box<Connection>], span: Option<(Timestamp, Timestamp)>) -> Self {
        let holes = span.map_or_else(Vec::new, |span| holes(&busy_seconds(connections, span), span.0));
        Self { span, holes }
    }

    /// The silence that holds an instant.
    pub fn hole_at(&self, time: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.holes.iter().copied().find(|(from, to)| (*from..=*to).contains(&time))
    }

    /// Whether any of an interruption lies between two instants. Its edges are known to a second.
    pub fn interrupted(&self, from: Timestamp, to: Timestamp) -> bool {
        self.holes.iter().any(|hole| from <= hole.1.plus(SECOND) && to.plus(SECOND) >= hole.0)
    }

    /// Since when the capture had run without an interruption, at an instant.
    pub fn running_since(&self, time: Timestamp) -> Option<Timestamp> {
        let behind = self.holes.iter().map(|(_, to)| *to).filter(|to| *to <= time).max();
        behind.or(self.span.map(|(first, _)| first))
    }
}

/// Per second of the span whether a packet is known; empty where the span is too long to be looked at.
fn busy_seconds(connections: &[Box<Connection>], (first, last): (Timestamp, Timestamp)) -> Vec<bool> {
    let seconds = last.since(first) / SECOND + 1;
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return Vec::new();
    }
    let mut busy = vec![false; seconds as usize];
    for connection in connections {
        let notes = connection.notes.iter().map(|note| note.time);
        let exchanges = connection.exchanges.last.iter();
        let bytes = exchanges.flat_map(|exchange| [Some(exchange.request_start), exchange.response_end]);
        for time in notes.chain(bytes.flatten()).chain([connection.start, connection.end]) {
            if let Some(second) = busy.get_mut((time.since(first) / SECOND).max(0) as usize) {
                *second = true;
            }
        }
    }
    busy
}

/// Runs of silent seconds that are no chance, where each second has a packet as often as the others do.
fn holes(busy: &[bool], first: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let alive = busy.iter().filter(|busy| **busy).count();
    let mut found = Vec::new();
    if alive < ENOUGH {
        return found;
    }
    let mut start = 0;
    for run in busy.chunk_by(|a, b| a == b) {
        let length = run.len();
        if run.first() == Some(&false) && length >= SHORTEST_HOLE {
            let silent = 1.0 - alive as f64 / (busy.len() - length).max(1) as f64;
            let by_chance = busy.len() as f64 * silent.powi(length as i32);
            if by_chance < CHANCE {
                let at = |second: usize| first.plus(second as i64 * SECOND);
                found.push((at(start), at(start + length)));
            }
        }
        start += length;
    }
    found
}

/// A second, ns.
const SECOND: i64 = 1_000_000_000;
/// Longest span that is looked at, s: some six weeks.
const MOST_SECONDS: i64 = 4_000_000;
/// Shorter silences are pauses of any gateway, s.
const SHORTEST_HOLE: usize = 3;
/// Seconds with packets that are too few to say how often a second has one.
const ENOUGH: usize = 30;
/// How many silences as long there may be by chance.
const CHANCE: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * SECOND)
    }

    #[test]
    fn a_silence_that_the_traffic_around_does_not_explain_is_a_hole() {
        // Nine seconds in ten have a packet: five silent ones in a row come about once in 100,000 s.
        let mut busy: Vec<bool> = (0..300).map(|second| second % 10 != 0).collect();
        assert_eq!(holes(&busy, at(0)), []);
        busy[121..129].fill(false);
        assert_eq!(holes(&busy, at(0)), [(at(120), at(129))]);
    }

    #[test]
    fn in_sparse_traffic_silences_say_nothing() {
        let busy: Vec<bool> = (0..600).map(|second| second % 17 == 0).collect();
        assert_eq!(holes(&busy, at(0)), []);
    }

    #[test]
    fn what_runs_behind_a_hole_runs_since_its_end() {
        let covered = Covered { span: Some((at(0), at(100))), holes: vec![(at(20), at(40))] };
        assert_eq!((covered.running_since(at(10)), covered.running_since(at(50))), (Some(at(0)), Some(at(40))));
        assert!(covered.hole_at(at(30)).is_some() && covered.hole_at(at(50)).is_none());
    }
}
