//! The gateway's own timeouts, from the log's text or learned from the calls.
//!
//! A timeout that the text does not name shows as the same distance between the last byte (or the first SYN) and the log line, over
//! many calls. It is taken as the mode of all such distances; too few that agree, and it stays unknown.

use super::mode::{Spread, mode};

/// What is known of the gateway's timeouts, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timeouts {
    /// Read timeout: from the last byte to the failure.
    pub read: Option<i64>,
    /// Connect timeout: from the first SYN to the failure.
    pub connect: Option<i64>,
}

/// The timeout that most distances agree on. Each call offers the distances to all connections that could be its own; `calls` is
/// how many there are.
pub fn learn(distances: &[(usize, i64)], calls: usize) -> Option<i64> {
    let eligible: Vec<(usize, i64)> =
        distances.iter().copied().filter(|(_, distance)| (SHORTEST..=LONGEST).contains(distance)).collect();
    let Spread { low, pairs, .. } = mode(&eligible, WITHIN)?;
    // With one call any distance is as good as another; with more, chance agreement of a third of them is rare.
    (pairs >= 2 && pairs * 3 >= calls || calls == 1 && eligible.len() == 1).then_some(low)
}

/// Timers of a gateway: nobody sets one below, ns.
const SHORTEST: i64 = 20_000_000;
/// And few set one above an hour, ns.
pub(super) const LONGEST: i64 = 3_600_000_000_000;
/// Spread of lines behind a timer: the timer's own slack and the logging delay, ns.
const WITHIN: i64 = 40_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn the_distance_that_calls_agree_on_is_the_timeout() {
        let distances: Vec<(usize, i64)> = [(0, 4002), (0, 900), (1, 4005), (1, 7000), (2, 4001), (2, 12), (3, 2500)]
            .map(|(call, ms)| (call, ms * MS))
            .into();
        let learned = learn(&distances, 4).expect("three of four calls agree");
        assert!((4000 * MS..4010 * MS).contains(&learned));
    }

    #[test]
    fn distances_that_do_not_agree_teach_nothing() {
        let distances: Vec<(usize, i64)> = [(0, 4002), (1, 900), (2, 1500)].map(|(call, ms)| (call, ms * MS)).into();
        assert_eq!(learn(&distances, 3), None);
    }
}
