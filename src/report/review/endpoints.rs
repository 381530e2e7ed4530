//! The failing endpoints: what failed there, how often, why, and what was learned about them.

use std::collections::BTreeMap;

use crate::{
    attribute::verdict::Cause,
    report::{rows::ErrorRow, visible::visible},
};

use super::{
    Material, endpoint_name,
    text::{share, span},
};

/// One endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointView {
    /// Host and port.
    pub name: String,
    /// Failed calls.
    pub calls: u64,
    /// Their part of all failed calls.
    pub share: f64,
    /// Connections in the captures; `None` where none can be told to be its.
    pub connections: Option<u64>,
    /// Its part of the connections to all failing endpoints.
    pub connection_share: f64,
    /// Causes with their counts, most calls first.
    pub causes: Vec<(Cause, u64)>,
    /// Timeouts learned, in words.
    pub timeouts: Vec<String>,
    /// Reset fingerprints with their counts, most frequent first.
    pub resets: Vec<(String, u64)>,
    /// Whether its address was inferred from the pattern of its errors.
    pub inferred: bool,
}

/// The endpoints of all failed calls, most calls first.
pub fn endpoints(material: &Material<'_>) -> Vec<EndpointView> {
    let mut of_endpoint: BTreeMap<(&str, u16), Vec<&ErrorRow>> = BTreeMap::new();
    for row in material.errors {
        of_endpoint.entry((&row.host, row.port)).or_default().push(row);
    }
    let facts: BTreeMap<_, _> =
        material.facts.endpoints.iter().map(|facts| ((facts.host.as_str(), facts.port), facts)).collect();
    let connections: u64 = material.facts.endpoints.iter().map(|facts| facts.connections).sum();
    let all = material.errors.len() as u64;
    let mut views: Vec<EndpointView> = of_endpoint
        .into_iter()
        .map(|((host, port), rows)| {
            let known = facts.get(&(host, port));
            let own = known.map_or(0, |facts| facts.connections);
            EndpointView {
                name: visible(&endpoint_name(host, port)).into_owned(),
                calls: rows.len() as u64,
                share: share(rows.len() as u64, all),
                connections: (own > 0).then_some(own),
                connection_share: share(own, connections),
                causes: ranked(rows.iter().map(|row| row.cause)),
                timeouts: timeouts(material, host, &rows),
                resets: ranked(rows.iter().filter_map(|row| fingerprint(row))),
                inferred: known.is_some_and(|facts| facts.inferred),
            }
        })
        .collect();
    views.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
    views
}

/// Timeouts of the endpoint by the findings, and the gateway's own where calls of the endpoint met them.
fn timeouts(material: &Material<'_>, host: &str, rows: &[&ErrorRow]) -> Vec<String> {
    let of_host = material.findings.iter().filter(|finding| finding.host.as_deref() == Some(host));
    let learned = of_host.filter_map(|finding| {
        let word = match finding.finding {
            "idle-timeout" => "idle",
            "response-timeout" => "response",
            _ => return None,
        };
        let (low, high) = finding.value_low.zip(finding.value_high)?;
        Some(if span(low) == span(high) {
            format!("{word} {}", span(low))
        } else {
            format!("{word} {} to {}", span(low), span(high))
        })
    });
    let mut all: Vec<String> = learned.collect();
    let facts = material
        .facts
        .endpoints
        .iter()
        .find(|facts| facts.host == host && rows.iter().any(|row| row.port == facts.port));
    let met = |word: &str| rows.iter().any(|row| row.symptom.word() == word);
    if let Some(facts) = facts {
        let own = [
            ("read-timeout", "gateway read", facts.read_timeout_s),
            ("connect-timeout", "gateway connect", facts.connect_timeout_s),
        ];
        all.extend(
            own.into_iter()
                .filter(|(symptom, ..)| met(symptom))
                .filter_map(|(_, word, value)| Some(format!("{word} {}", span(value?)))),
        );
    }
    all
}

/// What the reset that ended a call looked like.
fn fingerprint(row: &ErrorRow) -> Option<String> {
    let shape = row.reset_shape?;
    Some(match (row.reset_ttl, row.peer_ttl) {
        (Some(ttl), Some(usual)) if ttl != usual => format!("{shape}, TTL {ttl} (peer {usual})"),
        (Some(ttl), _) => format!("{shape}, TTL {ttl}"),
        _ => shape.to_owned(),
    })
}

/// Distinct items with their counts: the most frequent first, equal counts in their own order.
fn ranked<T: Ord>(items: impl Iterator<Item = T>) -> Vec<(T, u64)> {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        review::facts::{EndpointFacts, Facts},
        rows::tests::error_row,
        story::Disclosure,
    };

    #[test]
    fn endpoints_come_with_causes_timeouts_and_fingerprints() {
        let mut errors: Vec<_> = (0..3).map(|_| error_row()).collect();
        errors[0].cause = Cause::SlowResponse;
        errors[0].symptom = wirecause_parsers::log::Symptom::ReadTimeout;
        errors[1].reset_shape = Some("passive");
        errors[1].reset_ttl = Some(255);
        errors[1].peer_ttl = Some(63);
        errors[2].host = "fd00::1".to_owned();
        let facts = Facts {
            endpoints: vec![EndpointFacts {
                host: "h".to_owned(),
                port: 8080,
                connections: 4,
                read_timeout_s: Some(4.0),
                connect_timeout_s: Some(1.0),
                inferred: false,
            }],
            ..Facts::default()
        };
        let material = Material {
            errors: &errors,
            connections: &[],
            findings: &[],
            stories: &[],
            facts: &facts,
            inputs: &[],
            counters: &serde_json::Value::Null,
            options: &[],
            disclosure: Disclosure::Full,
        };
        let views = endpoints(&material);
        assert_eq!(views.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), ["h:8080", "[fd00::1]:8080"]);
        assert_eq!(views[0].causes, [(Cause::SlowResponse, 1), (Cause::Undetermined, 1)]);
        assert_eq!(views[0].resets, [("passive, TTL 255 (peer 63)".to_owned(), 1)]);
        // No call met the connect timeout, so that it is not told here.
        assert_eq!(views[0].timeouts, ["gateway read 4.000 s"]);
        assert_eq!((views[0].connections, views[1].connections), (Some(4), None));
    }
}
