//! When a call must have begun, by what its own thread says: a stated duration, and the request before.
//!
//! A duration such as `routing finished in 515 ms` ends with the call's failure, or with the line that states it, which batched auditing
//! may write seconds later; which of the two, the surely joined pairs show. Counted back from its end it names the instant at which the
//! call began. And a thread makes one call at a time: what was on the wire before it turned to the request before is none of this call's.

use wirecause_parsers::log::FailedCall;

use super::{
    anchor::{Anchor, AnchorKind},
    clock::Clock,
    score::laplace,
};

/// What stated durations mean in this log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Durations {
    /// They end when the line is written.
    line: Meaning,
    /// They end when the call fails.
    failure: Meaning,
}

/// One meaning of a stated duration.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Meaning {
    /// Share of the calls that it holds for.
    share: f64,
    /// By how much a duration exceeds what the wire shows, ms: median and spread.
    excess: (f64, f64),
}

/// By how much a duration exceeds what the wire shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Excess {
    /// Milliseconds; negative where the wire shows more.
    Ms(f64),
    /// The wire shows no beginning, and the duration leaves room for one.
    Open,
    /// The call would have begun before the connection ended that it met dead.
    TooEarly,
}

impl Durations {
    /// Before anything was learned: either meaning, a call beginning a moment before its first packet.
    pub const fn prior() -> Self {
        let meaning = Meaning { share: 0.4, excess: (USUAL_EXCESS, PRIOR_SPREAD) };
        Self { line: meaning, failure: meaning }
    }

    /// From surely joined pairs: each one's excess by either meaning, ms.
    pub fn learned(pairs: &[[f64; 2]]) -> Self {
        if pairs.len() < ENOUGH {
            return Self::prior();
        }
        let meaning = |which: usize| {
            let mut near: Vec<f64> =
                pairs.iter().map(|pair| pair[which]).filter(|excess| NEAR.contains(excess)).collect();
            near.sort_by(f64::total_cmp);
            let median = near.get(near.len() / 2).copied().unwrap_or(USUAL_EXCESS);
            let spread = near.get(near.len() * 3 / 4).map_or(PRIOR_SPREAD, |upper| upper - median);
            Meaning { share: near.len() as f64 / pairs.len() as f64, excess: (median, spread.max(FINEST)) }
        };
        let (line, failure) = (meaning(0), meaning(1));
        // Where lines are prompt both hold; what neither explains keeps a share of its own.
        let sum = (line.share + failure.share).max(1.0) / MOST_EXPLAINED;
        let scaled = |meaning: Meaning| Meaning { share: meaning.share / sum, ..meaning };
        Self { line: scaled(line), failure: scaled(failure) }
    }

    /// How well a stated duration fits a connection, nats.
    pub(super) fn score(&self, call: &FailedCall, anchor: &Anchor, clock: &Clock) -> f64 {
        let Some([line, failure]) = excess(call, anchor, clock) else { return 0.0 };
        let rest = 1.0 - self.line.share - self.failure.share;
        let repeated = !call.retries.is_empty();
        (self.line.fit(line, repeated) + self.failure.fit(failure, repeated) + rest).ln()
    }
}

impl Meaning {
    /// Its likelihood against chance. The attempts before a call's last took a part of its time.
    fn fit(&self, excess: Excess, repeated: bool) -> f64 {
        let (median, spread) = self.excess;
        self.share
            * match excess {
                Excess::Ms(ms) if repeated && ms > median => 1.0,
                Excess::Ms(ms) => CHANCE_DURATION * laplace(ms - median, spread),
                Excess::Open => 1.0,
                Excess::TooEarly => 0.0,
            }
    }
}

/// The excess of a call's stated duration over what the wire shows, if it ends with the line, and if it ends with the failure.
pub(super) fn excess(call: &FailedCall, anchor: &Anchor, clock: &Clock) -> Option<[Excess; 2]> {
    let elapsed = call.elapsed_ms? as f64;
    let line = clock.to_capture(call.elapsed_line?);
    let met_at_once = matches!(anchor.kind, AnchorKind::Event | AnchorKind::Own);
    let Some(begin) = anchor.begin.or(met_at_once.then_some(anchor.time)) else {
        let dead = line.since(anchor.time) as f64 / 1e6;
        let by_line = if elapsed > dead + TOLERANCE { Excess::TooEarly } else { Excess::Open };
        return Some([by_line, Excess::Ms(elapsed)]);
    };
    let shown = |end: i64| Excess::Ms(elapsed - end as f64 / 1e6);
    Some([shown(line.since(begin)), shown(anchor.time.since(begin))])
}

/// Whether a connection was in use by another call than this one, by its thread's earlier request, nats.
pub(super) fn thread_score(call: &FailedCall, anchor: &Anchor, clock: &Clock) -> f64 {
    let Some(before) = call.request_before.map(|before| clock.to_capture(before)) else { return 0.0 };
    let first = match (anchor.begin, anchor.kind) {
        (Some(begin), _) => begin,
        (None, AnchorKind::Idle | AnchorKind::Since) => return 0.0,
        (None, _) => anchor.time,
    };
    let early = before.since(first) as f64 / 1e6;
    if early > TOLERANCE + clock.uncertainty as f64 / 1e6 { -OTHERS_CALL } else { 0.0 }
}

/// A call begins this long before its first packet, before anything was learned, ms.
const USUAL_EXCESS: f64 = 1.0;
/// And this figure varies by so much, ms.
const PRIOR_SPREAD: f64 = 3.0;
/// Stamps and durations are cut off to the millisecond: nothing is known better, ms.
const FINEST: f64 = 1.0;
/// Excesses that a meaning explains, ms: name resolution and a busy thread add to them, rounding takes away.
const NEAR: std::ops::Range<f64> = -5.0..25.0;
/// Pairs from which the meaning is learned.
const ENOUGH: usize = 8;
/// Share of the durations that are explained at most.
const MOST_EXPLAINED: f64 = 0.95;
/// What "by chance" means for a duration, ms.
const CHANCE_DURATION: f64 = 4_000.0;
/// Stamps cut off to the millisecond, and the order in which threads are scheduled, ms.
const TOLERANCE: f64 = 5.0;
/// A thread that had not yet turned to the request before, nats.
const OTHERS_CALL: f64 = 6.0;
