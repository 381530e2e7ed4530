//! What calls vote for: each pair of a call and an event that its line may follow at once votes for one offset of the clocks.
//!
//! There are as many votes as calls times events, so that they are never written down: each call has its events in order of time, and those
//! that vote for a given range of offsets are found by where they lie.

use std::ops::{Range, RangeInclusive};

use wirecause_parsers::time::Timestamp;

use super::clock::WIDEST;

/// A call and the events that its line may follow at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voter<'a> {
    /// Index of the call.
    pub(super) call: usize,
    time: Timestamp,
    /// In order of time.
    events: &'a [Timestamp],
}

impl<'a> Voter<'a> {
    /// The call with that index, whose line was written at `time`; `events` are in order. It has no vote for an offset that no clock has.
    pub(super) fn new(call: usize, time: Timestamp, events: &'a [Timestamp]) -> Self {
        let all = Self { call, time, events };
        Self { events: all.within(&(-WIDEST..=WIDEST)), ..all }
    }

    /// Its votes, the largest first.
    fn votes(self) -> impl Iterator<Item = (usize, i64)> + Clone + use<'a> {
        self.events.iter().map(move |event| (self.call, self.time.since(*event)))
    }

    /// The events that vote for an offset in `range`.
    fn within(&self, range: &RangeInclusive<i64>) -> &'a [Timestamp] {
        let from = self.events.partition_point(|event| self.time.since(*event) > *range.end());
        let to = self.events.partition_point(|event| self.time.since(*event) >= *range.start());
        self.events.get(from..to).unwrap_or_default()
    }

    /// Whether it has a vote in `range`.
    pub(super) fn agrees(&self, range: &RangeInclusive<i64>) -> bool {
        !self.within(range).is_empty()
    }
}

/// Calls that vote, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Votes<'a>(pub(super) &'a [Voter<'a>]);

impl<'a> Votes<'a> {
    /// Those in `range`: call and offset in ns.
    pub(super) fn within(self, range: RangeInclusive<i64>) -> impl Iterator<Item = (usize, i64)> + Clone + use<'a> {
        self.0.iter().flat_map(move |voter| Voter { events: voter.within(&range), ..*voter }.votes())
    }

    /// The votes of some of the calls.
    pub(super) fn of_calls(self, calls: &Range<usize>) -> Self {
        let place = |limit: usize| self.0.partition_point(|voter| voter.call < limit);
        Self(self.0.get(place(calls.start)..place(calls.end)).unwrap_or_default())
    }

    /// The calls that have a vote at all.
    pub(super) fn voting(self) -> usize {
        self.0.iter().filter(|voter| !voter.events.is_empty()).count()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Votes written down: a call's together and in order of their calls.
    pub(in crate::join) struct Written(Vec<(usize, Vec<Timestamp>)>);

    impl Written {
        pub(in crate::join) fn new(votes: &[(usize, i64)]) -> Self {
            let of_call = |own: &[(usize, i64)]| {
                let mut events: Vec<Timestamp> = own.iter().map(|(_, vote)| Timestamp::from_nanos(-vote)).collect();
                events.sort_unstable();
                (own[0].0, events)
            };
            Self(votes.chunk_by(|a, b| a.0 == b.0).map(of_call).collect())
        }

        pub(in crate::join) fn voters(&self) -> Vec<Voter<'_>> {
            self.0.iter().map(|(call, events)| Voter::new(*call, Timestamp::default(), events)).collect()
        }
    }

    #[test]
    fn votes_are_found_by_where_they_lie() {
        let written = Written::new(&[(0, 5), (0, -3), (0, WIDEST + 1), (2, 5), (2, 8), (3, WIDEST + 1)]);
        let asked = written.voters();
        let votes = Votes(&asked);
        let all = -WIDEST..=WIDEST;
        assert_eq!(votes.within(all.clone()).collect::<Vec<_>>(), [(0, 5), (0, -3), (2, 8), (2, 5)]);
        assert_eq!(votes.within(-3..=5).collect::<Vec<_>>(), [(0, 5), (0, -3), (2, 5)]);
        assert_eq!(votes.within(6..=7).count(), 0);
        assert_eq!(votes.of_calls(&(1..3)).within(all).count(), 2);
        assert_eq!(votes.voting(), 2);
        assert!(asked[0].agrees(&(-4..=-3)) && !asked[0].agrees(&(-2..=4)) && !asked[2].agrees(&(0..=WIDEST)));
    }
}
