//! When the captures ran: from their first packet to their last, less the stretches in which nothing at all was captured.
//!
//! A capture that was interrupted (a file of a rotation that is missing, a disk that was full) does not say so. It shows as a silence
//! that the traffic around it does not explain, and by connections that it tore. Every frame counts, whatever it holds; times are known to a second.

use wirecause_parsers::time::Timestamp;

use crate::track::{Connection, Finished, finished::Head};

/// The time that the captures cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covered {
    /// First and last instant.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Silences within it, from the last packet before to the first behind, to a second.
    pub holes: Vec<(Timestamp, Timestamp)>,
}

impl Covered {
    /// Looks at the seconds of `span` in which a frame was captured: `busy` are the first and the last, since the epoch, of runs of such.
    /// Of the silences those are interruptions that tore one of `connections`.
    pub fn new(
        busy: impl Iterator<Item = (i64, i64)>,
        span: Option<(Timestamp, Timestamp)>,
        connections: &[Finished],
    ) -> Self {
        let mut holes = span.map_or_else(Vec::new, |span| holes(&seconds(busy, span), start_of(span.0)));
        if holes.is_empty() {
            return Self { span, holes };
        }
        let mut tears = vec![false; holes.len()];
        for connection in connections.iter().filter(|connection| !connection.in_order()) {
            let Head { start, end, .. } = *connection.head();
            if holes.iter().any(|hole| spans(*hole, start, end) || appears(*hole, start)) {
                let connection = connection.open();
                for (tears, hole) in tears.iter_mut().zip(&holes) {
                    *tears |= is_torn_by(&connection, *hole);
                }
            }
        }
        let mut tears = tears.into_iter();
        holes.retain(|_| tears.next() == Some(true));
        Self { span, holes }
    }

    /// A span without a silence.
    pub const fn whole(span: Option<(Timestamp, Timestamp)>) -> Self {
        Self { span, holes: Vec::new() }
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

fn misses_bytes(connection: &Connection) -> bool {
    [&connection.orig, &connection.resp].into_iter().any(|side| side.gaps > 0 || side.has_holes())
}

/// Whether a silence may have torn a connection: it misses bytes and spans the silence, or appears behind it without its beginning. Where
/// no connection does, the gateway may have had nothing to do.
fn is_torn_by(connection: &Connection, (from, to): (Timestamp, Timestamp)) -> bool {
    spans((from, to), connection.start, connection.end) && misses_bytes(connection)
        || appears((from, to), connection.start) && connection.handshake.syn.is_none()
}

fn spans((from, to): (Timestamp, Timestamp), start: Timestamp, end: Timestamp) -> bool {
    start < from && end >= to
}

fn appears((_, to): (Timestamp, Timestamp), start: Timestamp) -> bool {
    (to.plus(-SECOND)..=to.plus(SOON)).contains(&start)
}

/// Per second of the span whether a frame was captured; empty where the span is too long to be looked at.
fn seconds(busy: impl Iterator<Item = (i64, i64)>, (first, last): (Timestamp, Timestamp)) -> Vec<bool> {
    let begin = second_of(first);
    let count = second_of(last) - begin + 1;
    if !(1..=MOST_SECONDS).contains(&count) {
        return Vec::new();
    }
    let mut seconds = vec![false; count as usize];
    for (from, to) in busy {
        let place = |second: i64| second.saturating_sub(begin).clamp(0, count) as usize;
        let of_run = seconds.get_mut(place(from)..place(to.saturating_add(1))).unwrap_or_default();
        of_run.fill(true);
    }
    seconds
}

/// The second since the epoch that holds an instant.
fn second_of(time: Timestamp) -> i64 {
    time.nanos().div_euclid(SECOND)
}

fn start_of(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(second_of(time).saturating_mul(SECOND))
}

/// Runs of silent seconds that are no chance, where each second has a packet as often as those before the run, or as those behind it:
/// by night fewer have one than by day.
fn holes(busy: &[bool], first: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let mut found = Vec::new();
    let mut start = 0;
    for run in busy.chunk_by(|a, b| a == b) {
        let (length, end) = (run.len(), start + run.len());
        if run.first() == Some(&false) && length >= SHORTEST_HOLE {
            let before = busy.get(start.saturating_sub(AROUND)..start).unwrap_or_default();
            let behind = busy.get(end..(end + AROUND).min(busy.len())).unwrap_or_default();
            let silent = [before, behind].into_iter().filter_map(silent_share).reduce(f64::max);
            let by_chance = silent.map(|silent| busy.len() as f64 * silent.powi(length as i32));
            if by_chance.is_some_and(|by_chance| by_chance < CHANCE) {
                let at = |second: usize| first.plus(second as i64 * SECOND);
                found.push((at(start), at(end)));
            }
        }
        start = end;
    }
    found
}

/// How likely a second is silent, as far as these tell (Laplace's rule of succession); `None` where they are too few.
fn silent_share(seconds: &[bool]) -> Option<f64> {
    let silent = seconds.iter().filter(|busy| !**busy).count();
    (seconds.len() >= ENOUGH).then(|| (silent + 1) as f64 / (seconds.len() + 2) as f64)
}

/// A second, ns.
const SECOND: i64 = 1_000_000_000;
/// So soon behind an interruption most connections that ran on are seen again, ns.
const SOON: i64 = 5 * SECOND;
/// Longest span that is looked at, s: some six weeks.
const MOST_SECONDS: i64 = 4_000_000;
/// Shorter silences are pauses of any gateway, s.
const SHORTEST_HOLE: usize = 3;
/// Seconds beside a silence that say how often one has a packet there.
const AROUND: usize = 600;
/// Fewer say nothing of it.
const ENOUGH: usize = 30;
/// How many silences as long there may be by chance.
const CHANCE: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::{Arrival, FrameId, Tracker, testing};

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
    fn the_night_is_no_hole_of_the_day() {
        // By day every second has a packet, by night one in five, with pauses of up to twenty seconds.
        let night = |second: u64| second.is_multiple_of(5) && (second / 5) % 8 != 3 && (second / 5) % 8 != 4;
        let busy: Vec<bool> = (0..4_000).map(|second| second < 2_000 || night(second)).collect();
        assert_eq!(holes(&busy, at(0)), []);
    }

    #[test]
    fn seconds_are_those_of_the_runs_that_lie_in_the_span() {
        let runs = [(5, 6), (9, 9), (11, 40)];
        let expected = [true, false, false, true, false, true, true];
        assert_eq!(seconds(runs.into_iter(), (at(6), at(12))), expected);
    }

    #[test]
    fn in_sparse_traffic_silences_say_nothing() {
        let busy: Vec<bool> = (0..600).map(|second| second % 17 == 0).collect();
        assert_eq!(holes(&busy, at(0)), []);
    }

    /// One connection: segments at seconds, each with direction, numbers, flags and payload bytes.
    fn connection(segments: &[(i64, bool, u32, u32, u8, u32)]) -> Finished {
        let mut tracker = Tracker::default();
        for (number, (second, there, seq, ack, flags, payload)) in (1..).zip(segments) {
            let segment = testing::segment(9, (*there, *seq, *ack), *flags, *payload);
            let frame = FrameId::new(0, number);
            tracker.segment(&Arrival {
                time: at(*second),
                frame,
                interface: 0,
                segment: &segment,
                payload: &[],
                outer: None,
            });
        }
        tracker.finish().0.remove(0)
    }

    /// Packets in every second but those from 100 to 109.
    #[test]
    fn a_silence_is_an_interruption_where_it_tore_a_connection() {
        let holes = |connection: Finished| {
            let busy = [(0, 99), (110, 300)];
            Covered::new(busy.into_iter(), Some((at(0), at(300))), &[connection]).holes
        };
        let (syn, syn_ack, ack, data) = (0x02, 0x12, 0x10, 0x18);
        let opened =
            [(90, true, 1_000, 0, syn, 0), (90, false, 5_000, 1_001, syn_ack, 0), (90, true, 1_001, 5_001, ack, 0)];
        let idle = [&opened[..], &[(120, true, 1_001, 5_001, data, 100)]].concat();
        assert_eq!(holes(connection(&idle)), [], "nothing of it is missing");
        // What the responder sent meanwhile was acknowledged, and nobody saw it.
        let missed =
            [&opened[..], &[(120, false, 5_501, 1_001, data, 100), (120, true, 1_001, 5_601, ack, 0)]].concat();
        assert_eq!(holes(connection(&missed)), [(at(100), at(110))]);
        let going_on = [(111, true, 1_001, 5_001, data, 100), (111, false, 5_001, 1_101, ack, 0)];
        assert_eq!(holes(connection(&going_on)), [(at(100), at(110))], "its beginning is missing");
        let later =
            going_on.map(|(second, there, seq, ack, flags, payload)| (second + 100, there, seq, ack, flags, payload));
        assert_eq!(holes(connection(&later)), [], "it may have begun at any time");
    }

    #[test]
    fn what_runs_behind_a_hole_runs_since_its_end() {
        let covered = Covered { span: Some((at(0), at(100))), holes: vec![(at(20), at(40))] };
        assert_eq!((covered.running_since(at(10)), covered.running_since(at(50))), (Some(at(0)), Some(at(40))));
        assert!(covered.hole_at(at(30)).is_some() && covered.hole_at(at(50)).is_none());
    }
}
