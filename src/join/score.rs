//! How well a connection explains a call: log-likelihood ratios, in nats, against a connection that has nothing to do with it.
//!
//! Each kind of evidence has its own function; what the run itself teaches (the lag of lines, how long before the request the thread
//! began) is in [`Model`].

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    ops::RangeInclusive,
    sync::LazyLock,
};

use wirecause_parsers::{
    log::{FailedCall, Failure, Phase, Retry, Symptom},
    time::Timestamp,
};

use super::{
    anchor::{Anchor, AnchorKind},
    began::{Durations, thread_score},
    clock::Clock,
    stretch::{Shown, ShownExchange},
};

/// What all calls together taught.
#[derive(Clone, Debug)]
pub struct Model {
    /// Log clock against capture clock.
    pub clock: Clock,
    /// How far lines lie behind their events.
    pub lags: LagModel,
    /// From the thread's "Processing request" stamp to the first packet: median and spread in ms, where the population shows that the
    /// stamp precedes the request.
    pub begin: Option<(f64, f64)>,
    /// What stated durations mean.
    pub durations: Durations,
}

/// The distribution of lags, as a histogram over powers of two of a millisecond.
#[derive(Clone, Debug)]
pub struct LagModel {
    weights: [f64; LAG_BINS],
}

impl LagModel {
    /// Before anything was learned: most lines within some milliseconds, some late by seconds (batched auditing).
    pub fn prior() -> Self {
        let mut weights = [0.0; LAG_BINS];
        for (bin, weight) in weights.iter_mut().enumerate() {
            *weight = 0.5_f64.powf(bin as f64 * 0.45);
        }
        Self::normalised(weights)
    }

    /// From the lags of joined pairs in ms, the prior weighing as much as a few of them.
    pub fn learned(lags: &[f64]) -> Self {
        let mut weights = Self::prior().weights.map(|weight| weight * PRIOR_PAIRS);
        for lag in lags {
            weights[lag_bin(*lag)] += 1.0;
        }
        // A neighbour's share, so that a bin without a pair is not impossible.
        let raw = weights;
        for bin in 0..LAG_BINS {
            let around = [bin.checked_sub(1), Some(bin + 1)].into_iter().flatten().filter_map(|near| raw.get(near));
            weights[bin] = 0.8 * raw[bin] + 0.1 * around.sum::<f64>();
        }
        Self::normalised(weights)
    }

    /// A lag in ms that nine lines in ten stay below.
    pub fn usual(&self) -> f64 {
        let mut sum = 0.0;
        let bin = self.weights.iter().position(|weight| {
            sum += weight;
            sum >= USUAL_SHARE
        });
        let bin = bin.unwrap_or(LAG_BINS - 1);
        if bin == 0 { 1.0 } else { 2.0 * lag_width(bin) }
    }

    /// Probability density of a lag, per ms.
    pub fn density(&self, lag: f64) -> f64 {
        let bin = lag_bin(lag);
        // Whatever the pairs taught: a thread that was held up, or an audit written with the request's end, can make any line late.
        let late = LATE_SHARE / (LAG_BINS as f64 * lag_width(bin));
        (1.0 - LATE_SHARE) * self.weights[bin] / lag_width(bin) + late
    }

    fn normalised(mut weights: [f64; LAG_BINS]) -> Self {
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Self { weights }
    }
}

/// What tells a request target from others. Two share a key by chance once in 2^64 pairs, and nobody who sends requests can know which would.
pub(super) fn target_key(target: &str) -> u64 {
    SEED.hash_one(target)
}

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Request targets of an endpoint, counted by their keys.
#[derive(Debug, Default)]
pub struct Targets {
    counts: HashMap<u64, u32>,
    total: usize,
}

impl Targets {
    /// Counts one more.
    pub(super) fn add(&mut self, key: u64) {
        *self.counts.entry(key).or_default() += 1;
        self.total += 1;
    }

    /// Counts one more that no call asks for.
    pub(super) fn add_another(&mut self) {
        self.total += 1;
    }

    /// Counts all that others counted.
    pub(super) fn append(&mut self, others: Self) {
        for (target, count) in others.counts {
            *self.counts.entry(target).or_default() += count;
        }
        self.total += others.total;
    }

    /// How often a target was counted.
    pub(super) fn count(&self, target: &str) -> u32 {
        self.counts.get(&target_key(target)).copied().unwrap_or(0)
    }

    /// How much it tells that a request has this target, in nats: the rarer, the more.
    fn rarity(&self, target: &str) -> f64 {
        (self.total as f64 / f64::from(self.count(target).max(1))).ln()
    }
}

/// When an anchor may lie that a call's line follows, on the capture's clock; outside, no pair has a score.
pub fn reach(time: Timestamp, failure: &Failure, clock: &Clock) -> RangeInclusive<Timestamp> {
    let line = clock.to_capture(time);
    let early = (MOST_UNCERTAIN + EARLY_EVENT.max(EARLY_TIMER).max(EARLY_OWN)) * 1e6;
    line.plus(-(LONGEST_LAG * 1e6) as i64)..=line.plus(early as i64 + failure.resolution)
}

/// The score of a pair, or `None` where it is impossible: a call and its URL's path, what a connection shows, and its anchor. `targets` are
/// those seen on the endpoint.
pub(super) fn score(
    (call, path): (&FailedCall, &str),
    shown: &Shown,
    anchor: &Anchor,
    model: &Model,
    targets: &Targets,
) -> Option<f64> {
    let exchange = shown.exchange.as_ref();
    let lag = lag_ms(call, anchor, &model.clock);
    let mut total = anchor.penalty + lag_score(call, anchor.kind, lag, model)?;
    total += target_score((call, path), exchange, targets)?;
    total += model.durations.score(call, anchor, &model.clock);
    total += thread_score(call, anchor, &model.clock);
    total += match call.retries.last() {
        Some(retry) => retry_score(retry, anchor, model),
        None => begin_score(call, anchor, model),
    };
    total += premature_score(call, exchange);
    total += phase_score(call, shown);
    total += words_score(call, anchor);
    total += remote_score(call, shown)?;
    Some(total)
}

/// Log time less anchor, on the capture's clock, in ms.
pub fn lag_ms(call: &FailedCall, anchor: &Anchor, clock: &Clock) -> f64 {
    clock.to_capture(call.time).since(anchor.time) as f64 / 1e6
}

fn lag_score(call: &FailedCall, kind: AnchorKind, lag: f64, model: &Model) -> Option<f64> {
    // A stamp is cut off to its resolution; clocks agree as far as the estimate goes; timers are late or early by some ms; a FIN
    // of the gateway itself may follow its line.
    let early = call.failure.resolution as f64 / 1e6 + (model.clock.uncertainty as f64 / 1e6).min(MOST_UNCERTAIN);
    let tolerance = early
        + match kind {
            AnchorKind::Event | AnchorKind::Idle | AnchorKind::Since => EARLY_EVENT,
            AnchorKind::Timeout => EARLY_TIMER,
            AnchorKind::Own => EARLY_OWN,
        };
    if lag < -tolerance || lag > LONGEST_LAG {
        return None;
    }
    if lag < -(early + EARLY_EVENT) {
        // Possible for a timer or the gateway's own FIN, and rare.
        return Some((RARELY_EARLY / tolerance * CHANCE_WINDOW).ln());
    }
    let lag = lag.max(0.0);
    let density = match kind {
        AnchorKind::Event | AnchorKind::Timeout | AnchorKind::Own => model.lags.density(lag),
        // The next use of the connection comes at any time: each order of magnitude is as likely as the other.
        AnchorKind::Idle | AnchorKind::Since => 1.0 / ((lag + 20.0) * (LONGEST_LAG / 20.0).ln()),
    };
    Some((density * CHANCE_WINDOW).ln())
}

/// In plain HTTP the request line names the call, as much as its target is rare on the endpoint.
fn target_score((call, path): (&FailedCall, &str), exchange: Option<&ShownExchange>, targets: &Targets) -> Option<f64> {
    let Some((target, cut)) = exchange.and_then(|exchange| Some((exchange.target.as_deref()?, exchange.target_cut)))
    else {
        return Some(0.0);
    };
    // A target that the snap length cut short still tells apart what differs before the cut; a proxy gets the whole URL.
    let same = [path, &call.url].iter().any(|whole| *whole == target || cut && whole.starts_with(target));
    same.then(|| targets.rarity(target))
}

/// The path and query of a URL as a request line has them.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    path.split('#').next().unwrap_or(path)
}

/// Where the thread's "Processing request" stamp precedes the request: the first packet follows it closely.
fn begin_score(call: &FailedCall, anchor: &Anchor, model: &Model) -> f64 {
    let (Some((median, spread)), Some(processing)) = (model.begin, call.processing) else { return 0.0 };
    let started = model.clock.to_capture(processing);
    let Some(begin) = anchor.begin else {
        // The connection must have ended before the call began, or it would have met the ending at another place.
        let before = started.since(anchor.time) as f64 / 1e6;
        return if before < -5.0 { -4.0 } else { 0.0 };
    };
    let distance = begin.since(started) as f64 / 1e6;
    let near = laplace(distance - median, spread);
    (CHANCE_DURATION * (0.85 * near + 0.15 / CHANCE_DURATION)).ln()
}

/// Where `HttpClient` made the call again: the last attempt begins when the line about the one before it has been written, which no
/// auditing holds back. A connection that was used before that line carried an earlier attempt.
fn retry_score(retry: &Retry, anchor: &Anchor, model: &Model) -> f64 {
    let line = model.clock.to_capture(retry.time);
    let spread = RETRY_SPREAD + (model.clock.uncertainty as f64 / 1e6).min(MOST_UNCERTAIN);
    let Some(begin) = anchor.begin else {
        // Never on the wire again: what ended the connection may lie long before.
        return 0.0;
    };
    let near = laplace(begin.since(line) as f64 / 1e6, spread);
    (CHANCE_DURATION * (0.9 * near + 0.1 / CHANCE_DURATION)).ln()
}

/// The body bytes that a premature end counts are the capture's.
fn premature_score(call: &FailedCall, exchange: Option<&ShownExchange>) -> f64 {
    let counted = call.failure.premature_end.and_then(|end| end.received);
    match (counted, exchange.and_then(|exchange| exchange.body_received)) {
        (Some(counted), Some(received)) if counted == received => 4.0,
        (Some(_), Some(_)) => -4.0,
        _ => 0.0,
    }
}

/// What the gateway was doing by its stack frames, against how far the exchange had come.
fn phase_score(call: &FailedCall, shown: &Shown) -> f64 {
    let Some(phase) = call.failure.phase else { return 0.0 };
    let answered = shown.exchange.as_ref().is_some_and(|exchange| exchange.answered);
    match phase {
        Phase::Connect if shown.established => -4.0,
        Phase::TlsHandshake if shown.client_data => -3.0,
        Phase::SendRequest | Phase::AwaitResponse if answered => -3.0,
        Phase::ReadBody if !answered => -4.0,
        _ => 0.0,
    }
}

/// A connection that was reset while it lay idle is met by the write of the next request, and the JDK words that otherwise than a read's reset
/// (reference/gateway-logs.md, section 3, rows 1 and 2).
fn words_score(call: &FailedCall, anchor: &Anchor) -> f64 {
    let idle = anchor.kind == AnchorKind::Idle && anchor.exchange.is_none();
    if idle && call.failure.symptom == Symptom::ConnectionReset && !met_on_write(call) { -MET_BY_A_READ } else { 0.0 }
}

/// Whether the gateway met the ending while it wrote: by its stack frames, or by the words that the JDK has for writes alone.
pub fn met_on_write(call: &FailedCall) -> bool {
    let words = ["by peer", "Write failed", "Broken pipe"];
    call.failure.phase == Some(Phase::SendRequest) || words.iter().any(|word| call.failure.message.contains(word))
}

fn remote_score(call: &FailedCall, shown: &Shown) -> Option<f64> {
    // What the error says is of the last one that was tried.
    match call.failure.remotes.last() {
        Some(remote) if *remote != shown.peer => None,
        Some(_) | None => Some(0.0),
    }
}

pub(super) fn laplace(distance: f64, scale: f64) -> f64 {
    (-distance.abs() / scale).exp() / (2.0 * scale)
}

fn lag_bin(lag: f64) -> usize {
    if lag < 1.0 { 0 } else { ((lag.log2().floor() as usize) + 1).min(LAG_BINS - 1) }
}

fn lag_width(bin: usize) -> f64 {
    if bin == 0 { 1.0 } else { 2_f64.powi(bin as i32 - 1) }
}

/// Bins of the lag histogram: below 1 ms, then doubling up to the longest lag.
const LAG_BINS: usize = 19;
/// Share of the lines whose lag is a usual one.
const USUAL_SHARE: f64 = 0.9;
/// Longest lag of a line that is still looked for, ms. A pooled connection may end minutes before its next use.
const LONGEST_LAG: f64 = 240_000.0;
/// Share of lines that may be late by any order of magnitude.
const LATE_SHARE: f64 = 0.2;
/// A reset that a read met, on a connection where only a write could, nats.
const MET_BY_A_READ: f64 = 2.5;
/// Pairs that the prior lag distribution weighs as much as.
const PRIOR_PAIRS: f64 = 4.0;
/// Span within which an unrelated connection's event may fall, ms: what "by chance" means for a lag.
const CHANCE_WINDOW: f64 = 60_000.0;
/// The same for durations of calls, ms.
const CHANCE_DURATION: f64 = 4_000.0;
/// From the line about an attempt that failed to the first packet of the next: within the stamp's millisecond and one or two of a
/// thread's, ms.
const RETRY_SPREAD: f64 = 1.0;
/// An event's line may seem early by the jitter between capture and log, ms.
const EARLY_EVENT: f64 = 3.0;
/// A timer may run out early by its granularity, ms.
const EARLY_TIMER: f64 = 30.0;
/// A FIN of the gateway may follow its line by this much, ms: the thread closes the connection after it logged.
const EARLY_OWN: f64 = 250.0;
/// Share of lines that precede what the gateway does itself.
const RARELY_EARLY: f64 = 0.03;
/// Uncertainty of the clocks that widens the tolerance at most, ms.
const MOST_UNCERTAIN: f64 = 50.0;
