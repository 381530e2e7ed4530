//! The anchors of an endpoint's connections in order of time, so that a call looks only at those that its line may follow.
//!
//! What a connection's anchor is depends on the symptom and, for timeouts, on the limit; calls that share both share one list. Without it
//! every call would be held against every connection of its endpoint, which an archive of days makes hundreds of millions of pairs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
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

/// The anchors of one endpoint's connections.
#[derive(Debug)]
pub(super) struct Near {
    by_kind: BTreeMap<Kind, Vec<(usize, Anchor)>>,
}

impl Near {
    /// The anchors that failures of these kinds may have on `connections`, which are indices into `all`.
    pub(super) fn new(
        kinds: impl Iterator<Item = Kind>,
        connections: &[usize],
        all: &[Connection],
        timeouts: &Timeouts,
    ) -> Self {
        let by_kind = kinds
            .collect::<BTreeSet<Kind>>()
            .into_par_iter()
            .map(|(symptom, limit)| {
                let mut found: Vec<(usize, Anchor)> = connections
                    .iter()
                    .flat_map(|index| anchors(symptom, &all[*index], limit, timeouts).map(|anchor| (*index, anchor)))
                    .collect();
                // Stable: the anchors of one connection stay in their order.
                found.sort_by_key(|(_, anchor)| anchor.time);
                ((symptom, limit), found)
            })
            .collect();
        Self { by_kind }
    }

    /// All anchors of a kind in order of time, each with its connection.
    pub(super) fn all(&self, kind: Kind) -> &[(usize, Anchor)] {
        self.by_kind.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those that lie in `span`.
    pub(super) fn within(&self, kind: Kind, span: &RangeInclusive<Timestamp>) -> &[(usize, Anchor)] {
        let all = self.all(kind);
        let from = all.partition_point(|(_, anchor)| anchor.time < *span.start());
        let to = all.partition_point(|(_, anchor)| anchor.time <= *span.end());
        all.get(from..to).unwrap_or_default()
    }
}

/// The kind of a call's failure.
pub(super) fn kind(call: &FailedCall) -> Kind {
    let timed = matches!(call.symptom, Symptom::ReadTimeout | Symptom::ConnectTimeout);
    (call.symptom, call.timeout_ms.filter(|_| timed).map(|ms| ms as i64 * 1_000_000))
}
