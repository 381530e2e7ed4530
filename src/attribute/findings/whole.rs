//! Findings over the whole run: where errors concentrate, whose resets they are, the clocks, the coverage, retries nobody saw.

use std::collections::BTreeMap;

use crate::{
    attribute::{
        findings::{Finding, Material, seconds},
        verdict::Cause,
    },
    join::clock::ClockSource,
    track::{Direction, Finished},
};

/// Whether one endpoint or many are concerned: the vendor's own question.
pub(super) fn concentration(material: &Material<'_>) -> Option<Finding> {
    let mut by_host: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    for call in material.background.calls {
        *by_host.entry((&call.failure.target.host, call.failure.target.port)).or_default() += 1;
    }
    let all = material.background.calls.len();
    let ((host, port), most) = by_host.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)))?;
    let share = *most as f64 / all as f64;
    let connections = |endpoint: &crate::join::candidates::Endpoint| endpoint.connections.len();
    let total: usize = material.background.joined.endpoints.iter().map(connections).sum();
    let own: usize = material
        .background
        .joined
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.target.host == *host && endpoint.target.port == *port)
        .map(connections)
        .sum();
    let of_connections = own as f64 / total.max(1) as f64;
    let single = by_host.len() == 1 || share >= SINGLE;
    let concerned = |call: &usize| {
        let target = &material.background.calls[*call].failure.target;
        !single || target.host == *host && target.port == *port
    };
    let members: Vec<usize> = (0..all).filter(concerned).collect();
    let times = (0..all).map(|call| material.line(call));
    Some(Finding {
        kind: if single { "single-backend" } else { "all-backends" },
        host: single.then(|| (*host).to_owned()),
        peer: None,
        count: by_host.len() as u64,
        calls: members.len() as u64,
        members,
        first: times.clone().min(),
        last: times.max(),
        low: Some(share),
        high: Some(share),
        unit: Some("share"),
        statement: format!(
            "{} of {all} failed calls ({:.0} %) concern {host}:{port}, which has {:.0} % of the connections to the {} failing endpoints.",
            most,
            share * 100.0,
            of_connections * 100.0,
            by_host.len()
        ),
        advice: single.then(|| format!("Begin with {host}: what fails there is not common to all backends.")),
    })
}

/// Fingerprints of devices that reset in others' names.
pub(super) fn reset_origins(material: &Material<'_>) -> Vec<Finding> {
    let mut by_print: BTreeMap<(u8, u16, &'static str, Cause), Vec<usize>> = BTreeMap::new();
    for (call, verdict) in material.verdicts.iter().enumerate() {
        if !matches!(verdict.cause, Cause::InjectedReset | Cause::IdleExpiryInPath) {
            continue;
        }
        let connection = material.connection(call).map(Finished::open);
        if let Some(reset) = connection.as_ref().and_then(|connection| connection.reset_by(Direction::Responder)) {
            by_print.entry((reset.ttl, reset.window, reset.shape.word(), verdict.cause)).or_default().push(call);
        }
    }
    by_print
        .into_iter()
        .filter(|(_, calls)| calls.len() >= 2)
        .map(|((ttl, window, shape, cause), calls)| {
            let host = material.background.calls[calls[0]].failure.target.host.clone();
            let one_host = calls.iter().all(|call| material.background.calls[*call].failure.target.host == host);
            Finding {
                kind: "reset-origin",
                host: one_host.then(|| host.clone()),
                peer: None,
                count: calls.len() as u64,
                calls: calls.len() as u64,
                members: calls.clone(),
                first: calls.iter().map(|call| material.line(*call)).min(),
                last: calls.iter().map(|call| material.line(*call)).max(),
                low: Some(f64::from(ttl)),
                high: Some(f64::from(ttl)),
                unit: None,
                statement: format!(
                    "{} resets that their peers did not send ({cause}) share a fingerprint: {shape}, TTL {ttl}, window {window}.",
                    calls.len()
                ),
                advice: Some(
                    "Ask the owners of firewalls, proxies and inspection devices on that path for their logs at these times and ports."
                        .to_owned(),
                ),
            }
        })
        .collect()
}

/// The log's clock against the capture's.
pub(super) fn clock_offset(material: &Material<'_>) -> Option<Finding> {
    let clock = &material.background.joined.clock;
    if material.background.calls.is_empty() || material.background.connections.is_empty() {
        return None;
    }
    let offset = seconds(clock.offset);
    let (low, high) = clock.range();
    let (low, high) = (seconds(low), seconds(high));
    let statement = match clock.source {
        ClockSource::Given => format!("The log's clock is taken to be {offset:+.3} s against the capture's, as given."),
        ClockSource::Estimated if !clock.knots.is_empty() => format!(
            "The log's clock does not run with the capture's: it is {offset:+.3} s against it at first, and between {low:+.3} and \
             {high:+.3} s over the log (± {:.1} ms, from {} calls).",
            seconds(clock.uncertainty) * 1e3,
            clock.pairs
        ),
        ClockSource::Estimated => format!(
            "The log's clock is {offset:+.3} s against the capture's (± {:.1} ms, from {} calls).",
            seconds(clock.uncertainty) * 1e3,
            clock.pairs
        ),
        ClockSource::Assumed => {
            "Too few calls agree on an offset between the log's clock and the capture's: it is taken as 0.".to_owned()
        }
    };
    let wrong = clock.source == ClockSource::Estimated && clock.offset.abs() > 1_000_000_000;
    Some(Finding {
        kind: "clock-offset",
        host: None,
        peer: None,
        count: clock.pairs as u64,
        calls: 0,
        members: Vec::new(),
        first: None,
        last: None,
        low: Some(low),
        high: Some(high),
        unit: Some("s"),
        statement,
        advice: wrong.then(|| "Synchronise the gateway's clock (NTP), or check the time zone of its log.".to_owned()),
    })
}

/// How much of the log's span the captures cover.
pub(super) fn coverage(material: &Material<'_>) -> Option<Finding> {
    let (first, last) = material.log_span?;
    let clock = &material.background.joined.clock;
    let (first, last) = (clock.to_capture(first), clock.to_capture(last));
    let length = last.since(first).max(1);
    let mut covered = 0;
    let mut until = first;
    for (begin, end) in material.capture_spans {
        let (begin, end) = ((*begin).max(until), (*end).min(last));
        if end > begin {
            covered += end.since(begin);
            until = end;
        }
    }
    let share = covered as f64 / length as f64;
    let missed: Vec<usize> = (0..material.verdicts.len())
        .filter(|call| material.verdicts[*call].cause == Cause::NoTrafficCaptured)
        .collect();
    Some(Finding {
        kind: "coverage",
        host: None,
        peer: None,
        count: material.capture_spans.len() as u64,
        calls: missed.len() as u64,
        members: missed.clone(),
        first: material.capture_spans.first().map(|(begin, _)| *begin),
        last: material.capture_spans.iter().map(|(_, end)| *end).max(),
        low: Some(share),
        high: Some(share),
        unit: Some("share"),
        statement: format!(
            "The captures cover {:.1} % of the {:.1} s that the logs span; {} calls lie outside of what was captured.",
            share * 100.0,
            seconds(length),
            missed.len()
        ),
        advice: (!missed.is_empty())
            .then(|| "Capture on the gateway for the whole time of the log, all backends and DNS included.".to_owned()),
    })
}

/// Failures that users never saw, because the client repeated the attempt with success.
pub(super) fn silent_retries(material: &Material<'_>) -> Option<Finding> {
    let retries = material.silent_retries;
    let clock = &material.background.joined.clock;
    (!retries.is_empty()).then(|| Finding {
        kind: "silent-retries",
        host: None,
        peer: None,
        count: retries.len() as u64,
        calls: 0,
        members: Vec::new(),
        first: retries.iter().min().map(|time| clock.to_capture(*time)),
        last: retries.iter().max().map(|time| clock.to_capture(*time)),
        low: None,
        high: None,
        unit: None,
        statement: format!(
            "{} attempts failed and were repeated by the gateway's HTTP client with success: failures that no caller saw.",
            retries.len()
        ),
        advice: Some("Treat them as early signs of the causes above; they cost time though they cost no call.".to_owned()),
    })
}

/// An endpoint with this share of the failed calls is the one concerned.
pub const SINGLE: f64 = 0.5;
