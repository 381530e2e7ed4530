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

use crate::track::Connection;

use super::{
    anchor::{Anchor, anchors},
    timeouts::Timeouts,
};

/// What makes the anchors of two failures the same: symptom, and the limit that the log names, in nanoseconds, where it matters.
pub(super) type Kind = (Symptom, Option<i64>);

/// Anchors in order of time, each with its connection.
type Anchors = Arc<[(usize, Anchor)]>;

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
        all: &[Box<Connection>],
        timeouts: &Timeouts,
    ) -> Self {
        let kinds: BTreeSet<Kind> = kinds.collect();
        let by_kind = kinds.into_par_iter().map(|kind| (kind, of_kind(kind, connections, all, timeouts))).collect();
        Self { by_kind, timeouts: *timeouts }
    }

    /// The same under other timeouts: only the anchors of timeouts depend on them.
    pub(super) fn under(&self, timeouts: &Timeouts, connections: &[usize], all: &[Box<Connection>]) -> Self {
        let renewed = |(kind, before): (&Kind, &Anchors)| {
            let same = self.timeouts == *timeouts || !is_timed(kind.0);
            (*kind, if same { Arc::clone(before) } else { of_kind(*kind, connections, all, timeouts) })
        };
        Self { by_kind: self.by_kind.par_iter().map(renewed).collect(), timeouts: *timeouts }
    }

    /// All anchors of a kind in order of time, each with its connection.
    pub(super) fn all(&self, kind: Kind) -> &[(usize, Anchor)] {
        self.by_kind.get(&kind).map(AsRef::as_ref).unwrap_or_default()
    }

    /// Those that lie in `span`.
    pub(super) fn within(&self, kind: Kind, span: &RangeInclusive<Timestamp>) -> &[(usize, Anchor)] {
        let all = self.all(kind);
        let from = all.partition_point(|(_, anchor)| anchor.time < *span.start());
        let to = all.partition_point(|(_, anchor)| anchor.time <= *span.end());
        all.get(from..to).unwrap_or_default()
    }
}

fn of_kind((symptom, limit): Kind, connections: &[usize], all: &[Box<Connection>], timeouts: &Timeouts) -> Anchors {
    let mut found: Vec<(usize, Anchor)> = connections
        .iter()
        .flat_map(|index| anchors(symptom, &all[*index], limit, timeouts).map(|anchor| (*index, anchor)))
        .collect();
    // Stable: the anchors of one connection stay in their order.
    found.sort_by_key(|(_, anchor)| anchor.time);
    found.into()
}

/// The kind of a call's failure.
pub(super) fn kind(call: &FailedCall) -> Kind {
    (call.symptom, call.timeout_ms.filter(|_| is_timed(call.symptom)).map(|ms| ms as i64 * 1_000_000))
}

/// Whether a failure's anchors depend on a timeout.
const fn is_timed(symptom: Symptom) -> bool {
    matches!(symptom, Symptom::ReadTimeout | Symptom::ConnectTimeout)
}
