//! The anchors of an endpoint's connections in order of time, so that a call looks only at those that its line may follow.
//!
//! What a connection's anchor is depends on the symptom and, for timeouts, on the limit; calls that share both share one list. Without it
//! every call would be held against every connection of its endpoint, which an archive of days makes hundreds of millions of pairs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{Failure, Symptom},
    time::Timestamp,
};

use crate::track::{Connection, Finished};

use super::{
    anchor::{AnchorKind, anchors, may_have_timed_out},
    timeouts::Timeouts,
};

/// What makes the anchors of two failures the same: symptom, and the limit that the log names, in nanoseconds, where it matters.
pub(super) type Kind = (Symptom, Option<i64>);

/// Where an anchor lies: no more than it takes to find it, since there are as many as connections, for each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) time: Timestamp,
    /// Index of its connection.
    pub(super) connection: u32,
    /// Which of the connection's anchors of its kind.
    pub(super) nth: u8,
    pub(super) kind: AnchorKind,
}

/// The anchors of one kind.
#[derive(Debug)]
struct Anchors {
    /// In order of time.
    all: Vec<Place>,
    /// The times of those that a line follows at once, as nothing about them is unusual.
    prompt: Vec<Timestamp>,
}

/// The anchors of one endpoint's connections.
#[derive(Clone, Debug)]
pub(super) struct Near {
    by_kind: BTreeMap<Kind, Arc<Anchors>>,
    /// The connections whose anchors depend on the timeouts.
    timed: Arc<Vec<u32>>,
    timeouts: Timeouts,
}

impl Near {
    /// The anchors that failures of these kinds may have on `connections`, which are indices into `all`.
    pub(super) fn new(
        kinds: impl Iterator<Item = Kind>,
        connections: &[u32],
        all: &[Finished],
        timeouts: &Timeouts,
    ) -> Self {
        Self::seeing(kinds, connections, all, timeouts, |(), _, _| {}).0
    }

    /// The same, and what `see` gathers of all connections, part by part, since they are opened anyway.
    pub(super) fn seeing<S: Default + Send>(
        kinds: impl Iterator<Item = Kind>,
        connections: &[u32],
        all: &[Finished],
        timeouts: &Timeouts,
        see: impl Fn(&mut S, &Finished, &Connection) + Sync,
    ) -> (Self, Vec<S>) {
        let kinds: Vec<Kind> = kinds.collect::<BTreeSet<Kind>>().into_iter().collect();
        let (by_kind, timed, seen) = of_kinds(&kinds, connections, all, timeouts, see);
        (Self { by_kind, timed: Arc::new(timed), timeouts: *timeouts }, seen)
    }

    /// The same under other timeouts: only the anchors of timeouts depend on them.
    pub(super) fn under(&self, timeouts: &Timeouts, all: &[Finished]) -> Self {
        let mut by_kind = self.by_kind.clone();
        if self.timeouts != *timeouts {
            let kinds: Vec<Kind> = by_kind.keys().copied().filter(|kind| is_timed(kind.0)).collect();
            by_kind.extend(of_kinds(&kinds, &self.timed, all, timeouts, |(), _, _| {}).0);
        }
        Self { by_kind, timed: Arc::clone(&self.timed), timeouts: *timeouts }
    }

    /// The timeouts under which they lie there.
    pub(super) const fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// All anchors of a kind in order of time.
    pub(super) fn all(&self, kind: Kind) -> &[Place] {
        self.by_kind.get(&kind).map(|anchors| anchors.all.as_slice()).unwrap_or_default()
    }

    /// The times of those that a line follows at once, in order.
    pub(super) fn prompt(&self, kind: Kind) -> &[Timestamp] {
        self.by_kind.get(&kind).map(|anchors| anchors.prompt.as_slice()).unwrap_or_default()
    }

    /// Those that lie in `span`.
    pub(super) fn within(&self, kind: Kind, span: &RangeInclusive<Timestamp>) -> &[Place] {
        part_within(self.all(kind), span, |place| place.time)
    }
}

/// What lies in `span` of things in order of time.
pub(super) fn part_within<'a, T>(
    all: &'a [T],
    span: &RangeInclusive<Timestamp>,
    time: impl Fn(&T) -> Timestamp,
) -> &'a [T] {
    let from = all.partition_point(|one| time(one) < *span.start());
    let to = all.partition_point(|one| time(one) <= *span.end());
    all.get(from..to).unwrap_or_default()
}

/// The anchors of each kind, the connections on which they depend on the timeouts, and what was seen of all. A connection is opened once for all
/// of that.
fn of_kinds<S: Default + Send>(
    kinds: &[Kind],
    connections: &[u32],
    all: &[Finished],
    timeouts: &Timeouts,
    see: impl Fn(&mut S, &Finished, &Connection) + Sync,
) -> (BTreeMap<Kind, Arc<Anchors>>, Vec<u32>, Vec<S>) {
    if kinds.is_empty() {
        return Default::default();
    }
    let timed: Vec<Symptom> = kinds.iter().map(|(symptom, _)| *symptom).filter(|symptom| is_timed(*symptom)).collect();
    let of_part = |part: &[u32]| {
        let mut found: Vec<(Vec<Place>, Vec<Timestamp>)> = vec![Default::default(); kinds.len()];
        let (mut may_time_out, mut seen) = (Vec::new(), S::default());
        for index in part {
            let finished = &all[*index as usize];
            let connection = finished.open();
            see(&mut seen, finished, &connection);
            for ((symptom, limit), (places, prompt)) in kinds.iter().zip(&mut found) {
                for (nth, anchor) in (0..).zip(anchors(*symptom, &connection, *limit, timeouts)) {
                    places.push(Place { time: anchor.time, connection: *index, nth, kind: anchor.kind });
                    prompt.extend(anchor.is_prompt().then_some(anchor.time));
                }
            }
            may_time_out
                .extend(timed.iter().any(|symptom| may_have_timed_out(*symptom, &connection)).then_some(*index));
        }
        (found, (may_time_out, seen))
    };
    let (mut parts, rest): (Vec<_>, Vec<_>) = connections.par_chunks(PART).map(of_part).unzip();
    let (may_time_out, seen): (Vec<Vec<u32>>, Vec<S>) = rest.into_iter().unzip();
    let in_order = |(number, kind): (usize, &Kind)| {
        let own = || parts.iter().filter_map(|found| found.get(number));
        let mut all = Vec::with_capacity(own().map(|(places, _)| places.len()).sum());
        let mut prompt = Vec::with_capacity(own().map(|(_, instants)| instants.len()).sum());
        // What one part holds goes when it is added, so that not all are there twice.
        for found in &mut parts {
            let (places, instants) = found.get_mut(number).map(std::mem::take).unwrap_or_default();
            all.extend(places);
            prompt.extend(instants);
        }
        all.par_sort_unstable_by_key(|place: &Place| (place.time, place.connection, place.nth));
        prompt.par_sort_unstable();
        (*kind, Arc::new(Anchors { all, prompt }))
    };
    (kinds.iter().enumerate().map(in_order).collect(), may_time_out.concat(), seen)
}

/// The kind of a failure.
pub(super) fn kind(failure: &Failure) -> Kind {
    (failure.symptom, failure.timeout_ms.filter(|_| is_timed(failure.symptom)).map(|ms| ms as i64 * 1_000_000))
}

/// Whether a failure's anchors depend on a timeout.
const fn is_timed(symptom: Symptom) -> bool {
    matches!(symptom, Symptom::ReadTimeout | Symptom::ConnectTimeout)
}

/// Connections that a thread looks at at a time.
const PART: usize = 1024;
