//! Calls and connections drawn from bytes: the join, the verdicts, the findings.

use std::{collections::BTreeMap, fmt::Write as _};

use wirecause::{
    attribute::{
        Brief, Population, attribute,
        coverage::Covered,
        decide::Background,
        findings::{Material, findings},
    },
    join::{JoinConfig, NameTable, join as join_calls},
    read::KeptCall,
};
use wirecause_parsers::log::{LogOptions, LogScanner};

use crate::streams::{draw, track};

/// A first part of the bytes is calls, the rest the connections: a connection carries one call, all numbers are in their ranges.
pub fn join(bytes: &[u8]) {
    let Some((&calls, rest)) = bytes.split_first() else { return };
    let split = (usize::from(calls) % MOST_CALLS * CALL_BYTES).min(rest.len());
    let (calls, segments) = rest.split_at(split);
    let calls = draw_calls(calls);
    let references: Vec<&KeptCall> = calls.iter().collect();
    let drawn = draw(segments);
    let (connections, _) = track(&drawn);
    let span = drawn.first().zip(drawn.last()).map(|(first, last)| (first.time, last.time));

    let mut names = NameTable::default();
    names.add_hosts([("api.example".to_owned(), std::net::IpAddr::from([10, 0, 0, 9]))]);
    let joined = join_calls(&references, &connections, &names, &JoinConfig::default());
    assert_eq!(joined.matches.len(), calls.len());
    let mut carried: BTreeMap<usize, u32> = BTreeMap::new();
    for found in &joined.matches {
        assert!((found.endpoint as usize) < joined.endpoints.len());
        assert!(found.margin().is_none_or(|margin| margin.is_finite() && margin >= -1e-6), "{:?}", found.margin());
        assert!(found.candidates.iter().all(|one| one.connection() < connections.len() && one.score.is_finite()));
        if let Some(connection) = found.connection() {
            assert!(found.candidates.iter().any(|candidate| candidate.connection() == connection));
            if !connections[connection].open().is_http2() {
                *carried.entry(connection).or_default() += 1;
            }
        }
    }
    assert!(joined.used().all(|connection| connection < connections.len()));
    assert!(carried.values().all(|calls| *calls == 1), "a connection of HTTP/1 ends one call: {carried:?}");

    let population = Population::new(&connections, Covered::whole(span));
    let background = Background {
        calls: &references,
        connections: &connections,
        joined: &joined,
        names: &names,
        population: &population,
    };
    let attributions = attribute(&background);
    assert_eq!(attributions.len(), calls.len());
    for attribution in &attributions {
        assert!((0.0..=1.0).contains(&attribution.confidence), "{}", attribution.confidence);
        assert!(!attribution.explanation.is_empty());
        assert!(!attribution.also_possible.contains(&attribution.cause), "{:?}", attribution.also_possible);
    }
    let verdicts: Vec<Brief> = attributions.iter().map(Brief::from).collect();
    let spans: Vec<_> = span.into_iter().collect();
    for finding in findings(&Material {
        background,
        verdicts: &verdicts,
        log_span: calls.first().zip(calls.last()).map(|(first, last)| (first.time, last.time)),
        capture_spans: &spans,
        silent_retries: &[],
    }) {
        assert!(finding.low.is_none_or(f64::is_finite) && finding.high.is_none_or(f64::is_finite));
        assert!(finding.low.zip(finding.high).is_none_or(|(low, high)| low <= high), "{finding:?}");
    }
}

/// Three bytes for each call: seconds after the one before, the failure, thread and URL.
fn draw_calls(bytes: &[u8]) -> Vec<KeptCall> {
    let (mut log, mut second) = (String::new(), 0_u32);
    for words in bytes.chunks_exact(CALL_BYTES) {
        let &[wait, failure, place] = words else { continue };
        second = (second + u32::from(wait) / 8).min(3_599);
        let reason = REASONS[usize::from(failure) % REASONS.len()];
        let url = URLS[usize::from(place) % URLS.len()];
        let _ = writeln!(
            log,
            "2026-11-20T20:{:02}:{:02}.{:03}+0000 WARNING {} com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: \
             4042: Problem routing to {url}. Error msg: {reason}",
            second / 60,
            second % 60,
            u32::from(wait) % 8 * 125,
            100 + place / 16,
        );
    }
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(log.as_bytes());
    scanner.finish().calls.into_iter().map(KeptCall::from).collect()
}

const CALL_BYTES: usize = 3;
const MOST_CALLS: usize = 24;
const URLS: [&str; 5] = [
    "http://api.example:8080/a",
    "http://api.example:8080/b",
    "https://api.example:8443/a",
    "http://10.0.0.9:8080/a",
    "http://unseen.example/",
];
const REASONS: [&str; 12] = [
    "Connection reset",
    "Broken pipe (Write failed)",
    "The target server failed to respond",
    "Premature end of Content-Length delimited message body (expected: 3,000; received: 3)",
    "Read timed out",
    "connect timed out",
    "Connection refused (Connection refused)",
    "No route to host (Host unreachable)",
    "api.example: Name or service not known",
    "Remote host terminated the handshake",
    "Timeout waiting for connection from pool",
    "Socket closed",
];
