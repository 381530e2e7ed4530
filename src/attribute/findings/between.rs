//! What lies between two capture points: data lost on the way, by direction, and how long one way takes.
//!
//! The clocks of two points differ by an offset that nobody told. A segment's way there shows as offset plus delay, a segment's way back as
//! delay less offset; on the assumption that the fastest way there takes as long as the fastest way back, half the difference of the two is the
//! offset. Where the ways differ in length the delays are off by half of that, one up and one down, and their changes are right all the same.

use std::{collections::BTreeMap, fmt::Write as _};

use wirecause_parsers::{packet::Endpoint, time::Timestamp};

use crate::{
    attribute::{
        explain::duration,
        findings::{Finding, Material},
    },
    track::{Connection, connection::Passage},
};

/// One finding for each peer of a failed call whose connections were seen at two points.
pub(super) fn between_points(material: &Material<'_>) -> Vec<Finding> {
    let members = material.calls_by_peer();
    let mut seen: BTreeMap<Endpoint, Between> = BTreeMap::new();
    for connection in material.background.connections {
        let peer = connection.head().responder;
        if connection.seen_elsewhere() && members.contains_key(&peer) {
            seen.entry(peer).or_default().add(&connection.open());
        }
    }
    let found = members.into_iter().filter_map(|(peer, (_, calls))| seen.get(&peer)?.finding(peer, calls));
    found.collect()
}

/// What the connections to one peer show.
#[derive(Default)]
struct Between {
    connections: u64,
    ways: [Way; 2],
    /// First and last packet.
    span: Option<(Timestamp, Timestamp)>,
}

/// One direction.
#[derive(Default)]
struct Way {
    lost: u64,
    sent: u64,
    again: u64,
    /// When a segment left, and how much later the other clock had it, ns.
    delays: Vec<(Timestamp, i64)>,
}

impl Way {
    fn add(&mut self, passage: &Passage, times: [Timestamp; 2]) {
        if let Some(lost) = passage.lost {
            self.lost += lost;
            self.sent += passage.sent;
            self.again += passage.again;
        }
        self.delays.extend(times.into_iter().zip(passage.delays).filter_map(|(time, delay)| Some((time, delay?))));
    }

    fn smallest(&self) -> Option<i64> {
        self.delays.iter().map(|(_, delay)| *delay).min()
    }

    /// The delay that so many of a hundred segments stay below, `offset` taken out.
    fn below(&self, of_hundred: usize, offset: i64) -> Option<i64> {
        nth(self.delays.iter().map(|(_, delay)| delay - offset).collect(), of_hundred)
    }

    /// By how much the usual delay of the last third of the segments is above that of the first.
    fn change(&self) -> Option<i64> {
        let mut in_order = self.delays.clone();
        in_order.sort_unstable();
        let third = in_order.len() / 3;
        if third < ENOUGH {
            return None;
        }
        let usual = |part: &[(Timestamp, i64)]| nth(part.iter().map(|(_, delay)| *delay).collect(), 50);
        Some(usual(in_order.get(in_order.len() - third..)?)? - usual(in_order.get(..third)?)?)
    }

    fn words(&self, offset: i64) -> String {
        let (lost, sent, again) = (self.lost, self.sent, self.again);
        let mut words = format!("{lost} of {sent} payload bytes were lost ({again} were sent again)");
        if let Some((half, most)) = self.below(50, offset).zip(self.below(95, offset)) {
            let (half, most) = (duration(half), duration(most));
            let _ = write!(words, ", half of the segments took up to {half}, 19 of 20 up to {most}");
        }
        if let Some(change) = self.change() {
            let more = if change < 0 { "less" } else { "more" };
            let change = duration(change.abs());
            let _ = write!(words, ", at the end {change} {more} than at the beginning");
        }
        words
    }
}

impl Between {
    fn add(&mut self, connection: &Connection) {
        let Some(far) = connection.elsewhere.as_ref().filter(|far| far.nearer_responder) else { return };
        self.connections += 1;
        let (first, last) = self.span.unwrap_or((connection.start, connection.end));
        self.span = Some((first.min(connection.start), last.max(connection.end)));
        let exchange = connection.exchanges.current().map(|exchange| exchange.request_start);
        let times = [connection.start, exchange.unwrap_or(connection.end)];
        for (way, passage) in self.ways.iter_mut().zip(&far.ways) {
            way.add(passage, times);
        }
    }

    fn finding(&self, peer: Endpoint, members: Vec<usize>) -> Option<Finding> {
        let [there, back] = &self.ways;
        let sent = there.sent + back.sent;
        if self.connections == 0 || sent == 0 {
            return None;
        }
        let lost = there.lost + back.lost;
        let (shortest, offset) = match (there.smallest(), back.smallest()) {
            (Some(there), Some(back)) => (i64::midpoint(there, back), i64::midpoint(there, -back)),
            _ => return None,
        };
        let share = lost as f64 / sent as f64;
        Some(Finding {
            kind: "between-points",
            host: None,
            peer: Some(peer.to_string()),
            count: self.connections,
            calls: members.len() as u64,
            members,
            first: self.span.map(|(first, _)| first),
            last: self.span.map(|(_, last)| last),
            low: Some(share),
            high: Some(share),
            unit: Some("share"),
            statement: format!(
                "{} connections to {peer} were seen at two capture points. Between them, towards the peer: {}; from the peer: {}. One way \
                 takes {} at the least, where the fastest is taken to be as long there as back; by that the second point's clock is {:+.3} ms \
                 against the first's.",
                self.connections,
                there.words(offset),
                back.words(-offset),
                duration(shortest),
                offset as f64 / 1e6,
            ),
            advice: (lost > 0)
                .then(|| "Look for the loss on the links and devices between the two capture points.".to_owned()),
        })
    }
}

fn nth(mut values: Vec<i64>, of_hundred: usize) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() * of_hundred / 100).copied()
}

/// Segments in a third of the time that show what is usual then.
const ENOUGH: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn way(delays: &[i64]) -> Way {
        let at = |n: usize| Timestamp::from_nanos(n as i64 * 1_000 * MS);
        Way { lost: 1_448, sent: 100_000, again: 1_448, delays: (0..).map(at).zip(delays.iter().copied()).collect() }
    }

    /// The second clock is 40 ms ahead; one way takes 5 ms, and from the sixteenth segment on 25 ms towards the peer.
    #[test]
    fn offset_and_delays_are_told_apart() {
        let there: Vec<i64> = (0..30).map(|n| 40 * MS + if n < 16 { 5 * MS } else { 25 * MS }).collect();
        let between = Between { connections: 15, ways: [way(&there), way(&[-35 * MS; 30])], span: None };
        let peer = Endpoint { address: [10, 0, 0, 9].into(), port: 8080 };
        let found = between.finding(peer, vec![0]).unwrap();
        let said = |words: &str| assert!(found.statement.contains(words), "{words}: {}", found.statement);
        said("towards the peer: 1448 of 100000 payload bytes were lost");
        said("19 of 20 up to 25.0 ms, at the end 20.0 ms more than at the beginning");
        said("half of the segments took up to 5.000 ms, 19 of 20 up to 5.000 ms, at the end 0.000 ms more");
        said("One way takes 5.000 ms at the least");
        said("clock is +40.000 ms against the first's");
        assert_eq!((found.count, found.calls), (15, 1));
    }
}
