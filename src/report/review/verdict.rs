//! The verdict: one paragraph in plain words, the figures beside it, and what to change first.

use std::collections::BTreeMap;

use crate::{attribute::verdict::Responsible, report::rows::ErrorRow};

use super::{
    Material,
    endpoints::EndpointView,
    shares::{Share, Shares},
    text::{self, Prose, counted, grouped, listed, percent, share},
    words,
};
use crate::report::visible::visible;

/// What the review says first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How many, when, against whom; what caused most; whose side; how sure.
    pub paragraph: Prose,
    /// What to change first, and why that.
    pub change_first: Option<(String, String)>,
    /// Figures to see at a glance: value and what it counts.
    pub figures: Vec<(String, String)>,
}

impl Verdict {
    /// The verdict on all failed calls.
    pub fn new(material: &Material<'_>, shares: &Shares, endpoints: &[EndpointView]) -> Self {
        let errors = material.errors;
        if errors.is_empty() {
            let none = Prose::default().strong("No outbound call failed").plain(" in what these logs cover.");
            return Self { paragraph: none, ..Self::default() };
        }
        let headline = gateways(headline(errors, endpoints), errors);
        let paragraph = causes(sides(concentration(headline, endpoints), shares), shares);
        Self {
            paragraph: doubts(sureness(paragraph, errors), shares),
            change_first: change_first(material),
            figures: figures(errors, endpoints),
        }
    }
}

fn headline(errors: &[ErrorRow], endpoints: &[EndpointView]) -> Prose {
    let first = errors.iter().map(|row| row.log_time).min().unwrap_or_default();
    let last = errors.iter().map(|row| row.log_time).max().unwrap_or_default();
    Prose::default()
        .strong(format!("{} failed", counted(errors.len() as u64, "outbound call")))
        .plain(format!(" {}, against ", text::period(first, last)))
        .strong(counted(endpoints.len() as u64, "endpoint"))
        .plain(". ")
}

/// Whose calls they are, where there are several gateways.
fn gateways(prose: Prose, errors: &[ErrorRow]) -> Prose {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for row in errors {
        *counts.entry(&row.node).or_default() += 1;
    }
    if counts.len() < 2 {
        return prose;
    }
    let told: Vec<String> =
        counts.into_iter().map(|(node, count)| format!("{} ({})", visible(node), grouped(count))).collect();
    prose.plain(format!("They are of {}. ", listed(&told)))
}

fn concentration(prose: Prose, endpoints: &[EndpointView]) -> Prose {
    match endpoints {
        [] => prose,
        [only] => prose.plain("All of them concern ").name(&only.name).plain(". "),
        [most, ..] if most.share >= CONCENTRATED => prose.name(&most.name).plain(format!(
            " alone has {} of them and {} of the connections. ",
            percent(most.share),
            percent(most.connection_share)
        )),
        [most, next, ..] => prose
            .plain("No backend stands out: the most concerned, ")
            .name(&most.name)
            .plain(" and ")
            .name(&next.name)
            .plain(format!(", have {} and {}. ", percent(most.share), percent(next.share))),
    }
}

/// The largest causes, until they make up most of the calls.
fn causes(prose: Prose, shares: &Shares) -> Prose {
    let mut ranked: Vec<&Share> = shares.parts.iter().filter(|part| !part.is_doubt && part.count > 0).collect();
    ranked.sort_by_key(|part| std::cmp::Reverse(part.count));
    let mut told = 0.0;
    let largest: Vec<&Share> = ranked
        .into_iter()
        .take(MOST_CAUSES)
        .take_while(|part| {
            let more = told < MOST_OF_THEM;
            told += part.share;
            more
        })
        .collect();
    if largest.is_empty() {
        return prose.plain("No cause could be found for any of them. ");
    }
    let says: Vec<String> = largest
        .iter()
        .map(|part| format!("{} ({}, {})", lower_first(part.title), grouped(part.count), percent(part.share)))
        .collect();
    let opening = if largest.len() == 1 { "The main cause: " } else { "The largest causes: " };
    prose.plain(opening).plain(listed(&says)).plain(". ")
}

/// Whose side the causes lie on.
fn sides(prose: Prose, shares: &Shares) -> Prose {
    let sides: Vec<(&str, u64)> = shares.by_side();
    let Some(((first, most), others)) = sides.split_first() else { return prose };
    let name = |word: &str| {
        let all =
            [Responsible::Backend, Responsible::Path, Responsible::Network, Responsible::Gateway, Responsible::Dns];
        all.into_iter().find(|side| side.word() == word).map_or("nobody who can be named", words::side)
    };
    let prose = prose.strong(format!("{} lie with {}", percent(share(*most, shares.total)), name(first)));
    let prose = if *first == Responsible::Backend.word() {
        prose.plain(" (whoever answers at their addresses, balancers included)")
    } else {
        prose
    };
    let rest: Vec<String> = others
        .iter()
        .map(|(side, count)| format!("{} with {}", percent(share(*count, shares.total)), name(side)))
        .collect();
    if rest.is_empty() { prose.plain(". ") } else { prose.plain(format!("; {}. ", listed(&rest))) }
}

fn sureness(prose: Prose, errors: &[ErrorRow]) -> Prose {
    let certain = errors.iter().filter(|row| row.r#match == "certain").count() as u64;
    let all = errors.len() as u64;
    prose
        .plain("How sure: ")
        .strong(format!("{} of {}", grouped(certain), grouped(all)))
        .plain(" calls were joined to one TCP connection with certainty, and the verdicts are right with a probability of ")
        .strong(percent(mean_confidence(errors)))
        .plain(" on average. ")
}

fn doubts(prose: Prose, shares: &Shares) -> Prose {
    let of = |word: &str, says: &str| {
        let count = shares.doubt(word);
        (count > 0).then(|| format!("{} ({}) {says}", grouped(count), percent(share(count, shares.total))))
    };
    let all: Vec<String> =
        [of("ambiguous", "ambiguous"), of("undetermined", "undetermined"), of("no-traffic-captured", "not captured")]
            .into_iter()
            .flatten()
            .collect();
    if all.is_empty() {
        prose.plain("None is ambiguous, undetermined or missing from the captures.")
    } else {
        prose.plain(format!("In doubt remain {}.", listed(&all)))
    }
}

/// The advice that concerns most calls. Clock and coverage come last: they change what is known, not what fails.
fn change_first(material: &Material<'_>) -> Option<(String, String)> {
    let about_the_run = |kind: &str| {
        let apart = ["clock-offset", "coverage", "silent-retries", "single-backend", "all-backends", "between-points"];
        apart.contains(&kind)
    };
    let advised = || material.findings.iter().filter(|finding| finding.advice.is_some() && finding.calls > 0);
    let finding = advised().find(|finding| !about_the_run(finding.finding)).or_else(|| advised().next())?;
    let advice = visible(finding.advice.as_deref()?).into_owned();
    Some((advice, format!("That concerns {}: {}", counted(finding.calls, "call"), visible(&finding.statement))))
}

fn figures(errors: &[ErrorRow], endpoints: &[EndpointView]) -> Vec<(String, String)> {
    let all = errors.len() as u64;
    let certain = errors.iter().filter(|row| row.r#match == "certain").count() as u64;
    vec![
        (grouped(all), "failed calls".to_owned()),
        (grouped(endpoints.len() as u64), "endpoints".to_owned()),
        (percent(share(certain, all)), "joined with certainty".to_owned()),
        (percent(mean_confidence(errors)), "mean confidence".to_owned()),
    ]
}

fn mean_confidence(errors: &[ErrorRow]) -> f64 {
    errors.iter().map(|row| row.confidence).sum::<f64>() / errors.len().max(1) as f64
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    let word = text.split(' ').next().unwrap_or_default();
    match chars.next() {
        Some(first) if word.len() < 2 || !word.chars().all(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// An endpoint with this share of the calls is where they concentrate.
const CONCENTRATED: f64 = 0.5;
/// The largest causes are told until they make up this share,
const MOST_OF_THEM: f64 = 0.5;
/// but never more than so many: a reader keeps three in mind.
const MOST_CAUSES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attribute::verdict::Cause,
        report::{
            review::{endpoints::endpoints, facts::Facts},
            rows::{FindingRow, tests::error_row},
            story::Disclosure,
        },
    };

    fn verdict(errors: &[ErrorRow], findings: &[FindingRow]) -> Verdict {
        let facts = Facts::default();
        let material = Material {
            errors,
            connections: &[],
            findings,
            stories: &[],
            facts: &facts,
            inputs: &[],
            counters: &serde_json::Value::Null,
            options: &[],
            disclosure: Disclosure::Full,
        };
        Verdict::new(&material, &Shares::new(errors), &endpoints(&material))
    }

    fn row(cause: Cause, sure: &'static str) -> ErrorRow {
        ErrorRow { cause, r#match: sure, responsible: cause.default_responsible(), confidence: 0.8, ..error_row() }
    }

    #[test]
    fn the_paragraph_says_how_many_when_whom_why_whose_and_how_sure() {
        let rows = [
            row(Cause::ConnectionRefused, "certain"),
            row(Cause::ConnectionRefused, "certain"),
            row(Cause::InjectedReset, "certain"),
            row(Cause::Undetermined, "none"),
        ];
        assert_eq!(
            verdict(&rows, &[]).paragraph.words(),
            "4 outbound calls failed at 00:00:00 UTC on 1 January 1970, against 1 endpoint. All of them concern h:8080. 50\u{a0}% lie with the \
             backends (whoever answers at their addresses, balancers included); 25\u{a0}% with devices on the way. The main cause: the backend \
             refused the connection (2, 50\u{a0}%). How sure: 3 of 4 calls were joined to one TCP connection with certainty, and the verdicts \
             are right with a probability of 80\u{a0}% on average. In doubt remain 1 (25\u{a0}%) undetermined."
        );
    }

    #[test]
    fn what_to_change_first_is_what_concerns_most_calls_and_no_word_on_the_run() {
        let finding = |kind, calls: u64, advice: &str| FindingRow {
            finding: kind,
            node: String::new(),
            host: None,
            peer: None,
            count: 1,
            calls,
            members: Vec::new(),
            first_time: None,
            last_time: None,
            value_low: None,
            value_high: None,
            unit: None,
            statement: "seen".to_owned(),
            advice: Some(advice.to_owned()),
        };
        let findings = [
            finding("coverage", 9, "capture more"),
            finding("idle-timeout", 5, "lower it"),
            finding("periodic", 2, "look"),
        ];
        let verdict = verdict(&[row(Cause::SlowResponse, "certain")], &findings);
        assert_eq!(verdict.change_first, Some(("lower it".to_owned(), "That concerns 5 calls: seen".to_owned())));
    }

    #[test]
    fn no_failure_is_said_plainly() {
        assert_eq!(verdict(&[], &[]).paragraph.words(), "No outbound call failed in what these logs cover.");
    }
}
