//! From matches to verdicts: one case per call, or several where the candidates cannot be told apart.

use std::{collections::BTreeMap, fmt::Write as _, num::NonZeroI64};

use rayon::prelude::*;
use wirecause_parsers::log::FailedCall;

use crate::{
    join::{Candidate, Certainty, Joined, Match, NameTable},
    read::KeptCall,
    track::{Connection, Finished},
};

use super::{
    case::Case,
    evidence::Evidence,
    population::Population,
    rules::{Ruling, judge},
    verdict::{Cause, Responsible},
};

/// The verdict on one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// What ended the call.
    pub cause: Cause,
    /// What else the capture cannot exclude.
    pub also_possible: Vec<Cause>,
    /// Whose side it is.
    pub responsible: Option<Responsible>,
    /// Probability that `cause` is right.
    pub confidence: f64,
    /// What was seen.
    pub explanation: String,
    /// The facts beside it.
    pub evidence: Evidence,
}

/// What findings ask of a verdict: there are as many as calls, so it is no larger than it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// What ended the call.
    pub cause: Cause,
    /// From the last request byte to the anchor, ns, if that is any time.
    pub wait: Option<NonZeroI64>,
    /// Idle time before the exchange, ns, if there is any.
    pub idle_before: Option<NonZeroI64>,
}

impl From<&Attribution> for Brief {
    fn from(attribution: &Attribution) -> Self {
        let Evidence { wait, idle_before, .. } = attribution.evidence;
        Self {
            cause: attribution.cause,
            wait: wait.and_then(NonZeroI64::new),
            idle_before: idle_before.and_then(NonZeroI64::new),
        }
    }
}

/// What all verdicts share.
#[derive(Clone, Copy, Debug)]
pub struct Background<'a> {
    /// The calls.
    pub calls: &'a [&'a KeptCall],
    /// The connections.
    pub connections: &'a [Finished],
    /// What the join found.
    pub joined: &'a Joined,
    /// Names and resolver's answers.
    pub names: &'a NameTable,
    /// All connections by peer.
    pub population: &'a Population,
}

/// One verdict per call, in their order.
pub fn attribute(background: &Background<'_>) -> Vec<Attribution> {
    let taken = background.taken();
    let of_call = |(call, kept): (usize, &&KeptCall)| {
        let opened = background.opened(call);
        background.attribute((call, &kept.open()), opened.as_ref(), &taken)
    };
    background.calls.par_iter().enumerate().map(of_call).collect()
}

impl Background<'_> {
    /// Whether a call is surely joined to a connection, for each of them.
    pub fn taken(&self) -> Vec<bool> {
        let mut taken = vec![false; self.connections.len()];
        let sure = |found: &&Match| matches!(found.certainty, Certainty::Certain | Certainty::Likely);
        let sure = self.joined.matches.iter().filter(sure);
        sure.filter_map(Match::connection).for_each(|connection| taken[connection] = true);
        taken
    }

    /// The connection that a call was joined to.
    pub fn opened(&self, call: usize) -> Option<Connection> {
        self.joined.matches[call].connection().map(|connection| self.connections[connection].open())
    }

    /// The verdict on a call with its index, which was joined to a connection that is `opened`; `taken` are those that calls are surely
    /// joined to.
    pub fn attribute(
        &self,
        (index, call): (usize, &FailedCall),
        opened: Option<&Connection>,
        taken: &[bool],
    ) -> Attribution {
        let found = &self.joined.matches[index];
        let case = self.case(call, found, found.chosen().zip(opened));
        let ruling = judge(&case);
        let mut attribution = Attribution {
            evidence: Evidence::new(&case, ruling.cause),
            cause: ruling.cause,
            responsible: ruling.responsible.or(ruling.cause.default_responsible()),
            also_possible: ruling.also.clone(),
            confidence: ruling.confidence,
            explanation: ruling.because.clone(),
        };
        match found.certainty {
            Certainty::Certain => {}
            Certainty::None => attribution.also_possible.extend(self.nearest(call, found, taken)),
            Certainty::Likely | Certainty::Ambiguous => self.weigh(call, found, &ruling, &mut attribution),
        }
        attribution.confidence *= left(&case);
        if self.joined.endpoints[found.endpoint as usize].inferred {
            attribution.confidence *= INFERRED;
            attribution.explanation.push_str(
                " Nothing names the host's address: it was inferred from the pattern of its errors against endings on the wire.",
            );
        }
        if let Some(wire) = &case.connection {
            attribution.explanation.push_str(&wire.origin.hints());
        }
        attribution.also_possible.retain(|cause| *cause != attribution.cause);
        attribution.also_possible.sort_unstable();
        attribution.also_possible.dedup();
        attribution
    }

    /// The ruling if the call were on a candidate's connection.
    fn ruling(&self, call: &FailedCall, found: &Match, candidate: &Candidate) -> Ruling {
        let opened = self.connections[candidate.connection()].open();
        judge(&self.case(call, found, Some((candidate.spot, &opened))))
    }

    /// What the connections say that came nearest to a call without one, and that no other call has.
    fn nearest(&self, call: &FailedCall, found: &Match, taken: &[bool]) -> Vec<Cause> {
        let free = found.candidates.iter().filter(|candidate| !taken[candidate.connection()]);
        free.take(NEAREST)
            .map(|candidate| self.ruling(call, found, candidate).cause)
            .filter(|cause| *cause != Cause::Undetermined)
            .collect()
    }

    /// Weighs the verdicts of all candidates that come near, by how well each explains the call. Where all have the same cause,
    /// the cause is certain though the connection is not.
    fn weigh(&self, call: &FailedCall, found: &Match, ruling: &Ruling, attribution: &mut Attribution) {
        let best = found.candidates.first().map_or(0.0, |candidate| candidate.score);
        let near = found.candidates.iter().filter(|candidate| best - candidate.score <= NEAR).take(MOST_WEIGHED);
        let mut shares: BTreeMap<Cause, f64> = BTreeMap::new();
        let mut total = 0.0;
        let mut seen = false;
        for candidate in near {
            let chosen = Some(candidate.connection()) == found.connection();
            seen |= chosen;
            // What the joint assignment chose counts for as much as the best.
            let weight =
                if chosen { found.margin().unwrap_or(0.0).exp().max(1.0) } else { (candidate.score - best).exp() };
            let other = if chosen { ruling.clone() } else { self.ruling(call, found, candidate) };
            *shares.entry(other.cause).or_default() += weight;
            total += weight;
        }
        if !seen {
            *shares.entry(ruling.cause).or_default() += 1.0;
            total += 1.0;
        }
        let mut ranked: Vec<(Cause, f64)> = shares.into_iter().map(|(cause, share)| (cause, share / total)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let own = ranked.iter().find(|(cause, _)| *cause == ruling.cause).map_or(0.0, |(_, share)| *share);
        attribution.confidence *= own;
        attribution.also_possible.extend(
            ranked
                .iter()
                .filter(|(cause, share)| {
                    *cause != ruling.cause && *cause != Cause::Undetermined && *share >= WORTH_NAMING
                })
                .take(2)
                .map(|(cause, _)| *cause),
        );
        if found.certainty == Certainty::Ambiguous {
            let others = found.candidates.iter().filter(|candidate| best - candidate.score <= NEAR).count();
            let _ = write!(attribution.explanation, " {others} connections explain the line about equally well.");
        }
    }
}

/// What the gaps of a capture leave of the confidence.
fn left(case: &Case<'_>) -> f64 {
    let Some(wire) = &case.connection else { return 1.0 };
    let over_tls = case.call.url.starts_with("https:");
    let inexact = wire.reset.is_some_and(|reset| !reset.fit.obeyed() && reset.time == wire.anchor.time);
    let factors = [
        (case.interrupted, INTERRUPTED),
        (wire.has_gaps(), GAPS),
        (over_tls && wire.is_blind(), BLIND),
        (inexact, INEXACT),
    ];
    factors.iter().filter(|(holds, _)| *holds).map(|(_, factor)| factor).product()
}

/// Candidates within so many nats of the best are weighed.
const NEAR: f64 = 4.0;
/// And at most so many.
const MOST_WEIGHED: usize = 8;
/// Connections that a call without one may have had after all: the first two.
const NEAREST: usize = 2;
/// A cause with less than this share of the weight is not named.
const WORTH_NAMING: f64 = 0.15;
/// What a reset whose number is not the expected one takes of the confidence: only the log says that it was obeyed.
const INEXACT: f64 = 0.9;
/// What an inferred address takes of the confidence.
const INFERRED: f64 = 0.9;
/// What it takes of the confidence that no byte of a TLS connection's payload was captured: where its handshake ends is not known.
const BLIND: f64 = 0.9;
/// What it takes that the captures were interrupted while the call ran, or may have.
const INTERRUPTED: f64 = 0.9;
/// What packets that the capture missed take of the confidence.
const GAPS: f64 = 0.9;
