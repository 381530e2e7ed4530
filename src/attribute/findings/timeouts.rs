//! Timeouts of peers and of the path, learned from when connections survive and when they do not.
//!
//! A timeout lies between the longest gap that survived and the shortest that failed; where a peer itself closes idle connections,
//! the closings measure it.

use std::num::NonZeroI64;

use crate::attribute::{
    findings::{Finding, Material, seconds},
    population::Peer,
    verdict::Cause,
};

/// Idle timeouts: of peers that close kept-alive connections, and of devices that forget them.
pub(super) fn idle(material: &Material<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (peer, (host, calls)) in material.calls_by_peer() {
        let Some(of_peer) = material.background.population.peer(peer) else { continue };
        let stale: Vec<usize> = of_causes(material, &calls, &[Cause::StaleConnectionReuse]);
        let forgotten: Vec<usize> = of_causes(material, &calls, &[Cause::IdleExpiryInPath, Cause::SilentDrop]);
        if let Some(bracket) = closings(of_peer) {
            let (low, high) = (seconds(bracket.low), seconds(bracket.high));
            found.push(Finding {
                statement: format!(
                    "{host} ({peer}) closes kept-alive connections after {low:.3} to {high:.3} s without data ({} closings measured); \
                     {} calls met such a connection.",
                    bracket.count,
                    stale.len()
                ),
                advice: Some(format!(
                    "Keep the gateway's pool below {low:.1} s idle (io.httpConnectionIdleTimeout), or raise the keep-alive timeout of \
                     {host} above it."
                )),
                ..finding("idle-timeout", &host, peer.to_string(), bracket.count, material, &stale, low, high)
            });
        }
        if let Some(bracket) = expiry(material, of_peer, &forgotten) {
            let (low, high) = (seconds(bracket.low), seconds(bracket.high));
            found.push(Finding {
                statement: format!(
                    "Connections to {host} ({peer}) survive {low:.3} s without data and fail from {high:.3} s on: a device on the way \
                     forgets them; {} calls met that.",
                    forgotten.len()
                ),
                advice: Some(format!(
                    "Keep the gateway's pool below {low:.1} s idle, send TCP keep-alives more often than that, or raise the idle timeout \
                     of the device between the gateway and {host}."
                )),
                ..finding("idle-timeout", &host, peer.to_string(), bracket.count, material, &forgotten, low, high)
            });
        }
    }
    found
}

/// Waits after which a peer cuts requests, where they are constant.
pub(super) fn response(material: &Material<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (peer, (host, calls)) in material.calls_by_peer() {
        let cut = of_causes(
            material,
            &calls,
            &[
                Cause::AbortedAwaitingResponse,
                Cause::ClosedAwaitingResponse,
                Cause::StaleConnectionReuse,
                Cause::PathLoss,
            ],
        );
        let mut waits: Vec<(i64, usize)> = cut
            .iter()
            .filter_map(|call| {
                let wait = material.verdicts[*call].wait?.get();
                (wait > SHORTEST_WAIT).then_some((wait, *call))
            })
            .collect();
        waits.sort_unstable();
        for group in constant(&waits) {
            let mut calls: Vec<usize> = group.iter().map(|(_, call)| *call).collect();
            calls.sort_unstable();
            // The wait holds one round trip: the request's way there and the ending's way back.
            let rtt = material.background.population.peer(peer).and_then(|of_peer| of_peer.smallest_rtt).unwrap_or(0);
            let (low, high) = (seconds(group[0].0 - rtt), seconds(group[group.len() - 1].0));
            found.push(Finding {
                statement: format!(
                    "{host} ({peer}) ends requests {low:.3} to {high:.3} s after their last byte, {} times: a timeout of its own or \
                     of what stands behind it.",
                    group.len()
                ),
                advice: Some(format!(
                    "Raise the request timeout of {host} above its slowest calls, or set the gateway's read timeout below {low:.1} s so \
                     that the gateway gives up first."
                )),
                ..finding("response-timeout", &host, peer.to_string(), group.len() as u64, material, &calls, low, high)
            });
        }
    }
    found
}

struct Bracket {
    low: i64,
    high: i64,
    count: u64,
}

/// The closings that agree with the peer's idle timeout.
fn closings(peer: &Peer) -> Option<Bracket> {
    let timeout = peer.idle_timeout()?;
    let near: Vec<i64> =
        peer.idle_endings.iter().copied().filter(|idle| (idle - timeout).abs() <= timeout / 20 + 20_000_000).collect();
    Some(Bracket { low: *near.first()?, high: *near.last()?, count: near.len() as u64 })
}

/// Between the longest idle time that survived and the shortest after which the connection was forgotten.
fn expiry(material: &Material<'_>, peer: &Peer, calls: &[usize]) -> Option<Bracket> {
    let mut failed: Vec<i64> = calls
        .iter()
        .filter_map(|call| material.verdicts[*call].idle_before)
        .map(NonZeroI64::get)
        .filter(|idle| *idle > 0)
        .collect();
    failed.sort_unstable();
    let shortest = *failed.first().filter(|_| failed.len() >= 2)?;
    let low = peer.longest_idle_survived.unwrap_or(0).min(shortest);
    Some(Bracket { low, high: shortest, count: failed.len() as u64 })
}

/// Groups of at least three waits that agree within a fiftieth or 40 ms.
fn constant(waits: &[(i64, usize)]) -> Vec<&[(i64, usize)]> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < waits.len() {
        let limit = waits[start].0 + (waits[start].0 / 50).max(40_000_000);
        let end = start + waits[start..].iter().take_while(|(wait, _)| *wait <= limit).count();
        if end - start >= LEAST_WAITS {
            groups.push(&waits[start..end]);
            start = end;
        } else {
            start += 1;
        }
    }
    groups
}

fn of_causes(material: &Material<'_>, calls: &[usize], causes: &[Cause]) -> Vec<usize> {
    calls.iter().copied().filter(|call| causes.contains(&material.verdicts[*call].cause)).collect()
}

#[expect(clippy::too_many_arguments, reason = "the columns that both kinds of timeout share")]
fn finding(
    kind: &'static str,
    host: &str,
    peer: String,
    count: u64,
    material: &Material<'_>,
    calls: &[usize],
    low: f64,
    high: f64,
) -> Finding {
    Finding {
        kind,
        host: Some(host.to_owned()),
        peer: Some(peer),
        count,
        calls: calls.len() as u64,
        members: calls.to_vec(),
        first: calls.iter().map(|call| material.line(*call)).min(),
        last: calls.iter().map(|call| material.line(*call)).max(),
        low: Some(low),
        high: Some(high),
        unit: Some("s"),
        statement: String::new(),
        advice: None,
    }
}

/// Shorter waits are no timeouts anybody sets, ns.
pub const SHORTEST_WAIT: i64 = 500_000_000;
/// Two equal waits may be chance.
pub const LEAST_WAITS: usize = 3;
