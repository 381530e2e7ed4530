//! The findings as a reader wants them: a heading, the measured values, whom they concern, what to change, calls to look at.

use std::collections::BTreeSet;

use crate::report::{rows::FindingRow, visible::visible};

use super::{Material, endpoint_name, text, words};

/// One pattern over many calls.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingView {
    /// Its number on the page, from 1.
    pub number: usize,
    /// The kind, as in the table.
    pub kind: &'static str,
    /// The heading.
    pub title: &'static str,
    /// What was seen, with the measured values.
    pub statement: String,
    /// What to change.
    pub advice: Option<String>,
    /// The measured value or its bracket, with the unit.
    pub measured: Option<Measured>,
    /// Observations that carry it.
    pub observations: u64,
    /// Failed calls that it concerns.
    pub calls: u64,
    /// When, in words.
    pub when: Option<String>,
    /// Endpoints concerned: at most `MOST_ENDPOINTS`, then how many more.
    pub endpoints: Vec<String>,
    /// Endpoints left out of the list.
    pub more_endpoints: usize,
    /// Ids of calls to look at: the surest first, at most `MOST_EXAMPLES`.
    pub examples: Vec<String>,
}

/// A measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What it is, such as `bracket`.
    pub label: &'static str,
    /// The value, or the bracket's ends, with the unit.
    pub value: String,
}

/// The findings in the order of the table.
pub fn views(material: &Material<'_>) -> Vec<FindingView> {
    material.findings.iter().enumerate().map(|(index, finding)| view(material, index + 1, finding)).collect()
}

fn view(material: &Material<'_>, number: usize, finding: &FindingRow) -> FindingView {
    let several = material.facts.clocks.len() > 1;
    let node = if several { format!("{}: ", visible(&finding.node)) } else { String::new() };
    let rows = || finding.members.iter().filter_map(|call| material.errors.get(*call));
    let named: BTreeSet<String> = rows().map(|row| endpoint_name(&row.host, row.port)).collect();
    let endpoints: Vec<String> = if named.is_empty() {
        finding.host.iter().map(|host| visible(host).into_owned()).collect()
    } else {
        named.iter().take(MOST_ENDPOINTS).map(|name| visible(name).into_owned()).collect()
    };
    let mut surest: Vec<_> = rows().collect();
    surest.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    FindingView {
        number,
        kind: finding.finding,
        title: words::finding_title(finding.finding),
        statement: format!("{node}{}", visible(&finding.statement)),
        advice: finding.advice.as_deref().map(|advice| visible(advice).into_owned()),
        measured: measured(finding),
        observations: finding.count,
        calls: finding.calls,
        when: finding.first_time.zip(finding.last_time).map(|(first, last)| text::period(first, last)),
        more_endpoints: named.len().saturating_sub(endpoints.len()),
        endpoints,
        examples: surest.iter().take(MOST_EXAMPLES).map(|row| row.error_id.clone()).collect(),
    }
}

fn measured(finding: &FindingRow) -> Option<Measured> {
    let (low, high) = finding.value_low.zip(finding.value_high)?;
    let write = |value: f64| match finding.unit {
        Some("s") if finding.finding == "clock-offset" => format!("{value:+.3} s"),
        Some("s") => text::span(value),
        Some("ms") => text::span(value / 1e3),
        Some("share") => text::percent(value),
        _ => format!("{value}"),
    };
    let (low, high) = (write(low), write(high));
    let label = match finding.finding {
        "reset-origin" => "TTL",
        "clock-offset" => "offset",
        "coverage" | "single-backend" | "all-backends" => "share",
        "peer-restart" => "within",
        "periodic" => "period",
        _ => "bracket",
    };
    Some(Measured { label, value: if low == high { low } else { format!("{low} to {high}") } })
}

/// Endpoints named with a finding.
const MOST_ENDPOINTS: usize = 6;
/// Calls to look at with a finding: enough to see that they are alike.
const MOST_EXAMPLES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{review::facts::Facts, rows::tests::error_row, story::Disclosure};

    fn finding(kind: &'static str, members: Vec<usize>) -> FindingRow {
        FindingRow {
            finding: kind,
            node: "gateway".to_owned(),
            host: Some("h".to_owned()),
            peer: None,
            count: 3,
            calls: members.len() as u64,
            members,
            first_time: None,
            last_time: None,
            value_low: Some(1.98),
            value_high: Some(2.004),
            unit: Some("s"),
            statement: "seen\u{202e}".to_owned(),
            advice: None,
        }
    }

    #[test]
    fn a_finding_names_bracket_endpoints_and_its_surest_calls() {
        let mut errors: Vec<_> = (0..5).map(|_| error_row()).collect();
        for (index, row) in errors.iter_mut().enumerate() {
            row.error_id = format!("call{index}");
            row.confidence = if index == 3 { 0.9 } else { 0.5 };
        }
        let findings = [finding("idle-timeout", vec![1, 2, 3, 4])];
        let material = Material {
            errors: &errors,
            connections: &[],
            findings: &findings,
            stories: &[],
            facts: &Facts::default(),
            inputs: &[],
            counters: &serde_json::Value::Null,
            options: &[],
            disclosure: Disclosure::Full,
        };
        let view = views(&material).remove(0);
        assert_eq!(view.measured, Some(Measured { label: "bracket", value: "1.980 s to 2.004 s".to_owned() }));
        assert_eq!(view.endpoints, ["h:8080"]);
        assert_eq!(view.examples, ["call3", "call1", "call2"]);
        assert_eq!(view.statement, "seen⟨U+202E⟩");
    }
}
