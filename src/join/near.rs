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
    log::{FailedCall, Symptom},
    time::Timestamp,
};

use crate::track::Finished;

use super::{
    anchor::{Anchor, anchors},
    timeouts::Timeouts,
};

/// What makes the anchors of two failures the same: symptom, and the limit that the log names, in nanoseconds, where it matters.
pub(super) type Kind = (Symptom, Option<i64>);

/// The anchors of one kind.
#[derive(Clone, Debug)]
struct Anchors {
    /// In order of time, each with its connection.
    all: Arc<[(usize, Anchor)]>,
    /// The times of those that a line follows at once, as nothing about them is unusual.
    prompt: Arc<[Timestamp]>,
}

/// The anchors of one endpoint's connections.
#[derive(Debug)]
pub(super) struct Near {
    by_kind: BTreeMap<Kind, Anchors>,
    timeouts: Timeouts,
}

impl Near {
    /// The anchors that failures of these kinds may have on `connections`, which are indices into `all`.
    pub(super) fn new(
        kinds: impl Iterator<Item = Kind>,
        connections: &[usize],
        all: &[Finished],
        timeouts: &Timeouts,
    ) -> Self {
        let kinds: Vec<Kind> = kinds.collect::<BTreeSet<Kind>>().into_iter().collect();
        let by_kind = of_kinds(&kinds, connections, all, timeouts);
        Self { by_kind, timeouts: *timeouts }
    }

    /// The same under other timeouts: only the anchors of timeouts depend on them.
    pub(super) fn under(&self, timeouts: &Timeouts, connections: &[usize], all: &[Finished]) -> Self {
        let mut by_kind = self.by_kind.clone();
        if self.timeouts != *timeouts {
            let timed: Vec<Kind> = by_kind.keys().copied().filter(|kind| is_timed(kind.0)).collect();
            by_kind.extend(of_kinds(&timed, connections, all, timeouts));
        }
        Self { by_kind, timeouts: *timeouts }
    }

    /// All anchors of a kind in order of time, each with its connection.
    pub(super) fn all(&self, kind: Kind) -> &[(usize, Anchor)] {
        self.by_kind.get(&kind).map(|anchors| &*anchors.all).unwrap_or_default()
    }

    /// The times of those that a line follows at once, in order.
    pub(super) fn prompt(&self, kind: Kind) -> &[Timestamp] {
        self.by_kind.get(&kind).map(|anchors| &*anchors.prompt).unwrap_or_default()
    }

    /// Those that lie in `span`.
    pub(super) fn within(&self, kind: Kind, span: &RangeInclusive<Timestamp>) -> &[(usize, Anchor)] {
        let all = self.all(kind);
        let from = all.partition_point(|(_, anchor)| anchor.time < *span.start());
        let to = all.partition_point(|(_, anchor)| anchor.time <= *span.end());
        all.get(from..to).unwrap_or_default()
    }
}

/// The anchors of each kind. A connection is opened once for all of them.
fn of_kinds(kinds: &[Kind], connections: &[usize], all: &[Finished], timeouts: &Timeouts) -> BTreeMap<Kind, Anchors> {
    if kinds.is_empty() {
        return BTreeMap::new();
    }
    let of_part = |part: &[usize]| {
        let mut found: Vec<Vec<(usize, Anchor)>> = vec![Vec::new(); kinds.len()];
        for index in part {
            let connection = all[*index].open();
            for ((symptom, limit), found) in kinds.iter().zip(&mut found) {
                found.extend(anchors(*symptom, &connection, *limit, timeouts).map(|anchor| (*index, anchor)));
            }
        }
        found
    };
    let parts: Vec<_> = connections.par_chunks(PART).map(of_part).collect();
    let in_order = |(place, kind): (usize, &Kind)| {
        let mut found: Vec<(usize, Anchor)> =
            parts.iter().filter_map(|part| part.get(place)).flatten().copied().collect();
        // Stable: the anchors of one connection stay in their order.
        found.sort_by_key(|(_, anchor)| anchor.time);
        let prompt = found.iter().filter(|(_, anchor)| anchor.is_prompt()).map(|(_, anchor)| anchor.time).collect();
        (*kind, Anchors { all: found.into(), prompt })
    };
    kinds.par_iter().enumerate().map(|(place, kind)| in_order((place, kind))).collect()
}

/// The kind of a call's failure.
pub(super) fn kind(call: &FailedCall) -> Kind {
    (call.symptom, call.timeout_ms.filter(|_| is_timed(call.symptom)).map(|ms| ms as i64 * 1_000_000))
}

/// Whether a failure's anchors depend on a timeout.
const fn is_timed(symptom: Symptom) -> bool {
    matches!(symptom, Symptom::ReadTimeout | Symptom::ConnectTimeout)
}

/// Connections that a thread looks at at a time.
const PART: usize = 1024;
