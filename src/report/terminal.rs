//! The summary that a run prints: what failed and why, what the population shows, and how far to trust it.
//!
//! Everything that came from a log or a packet goes through [`printable`]. Tables of the output directory are not made
//! here.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

use super::{causes::Counts, printable::printable, rows::FindingRow, run::NodeRecord};
use crate::input::{InputReport, LogYear};

/// What the summary is written from.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// Counts over all failed calls.
    pub counts: &'a Counts,
    /// Connections in the captures.
    pub connections: u64,
    /// Every finding, in the order of the table.
    pub findings: &'a [FindingRow],
    /// By what gateways were told apart.
    pub nodes_by: &'a str,
    /// The gateways.
    pub nodes: &'a [NodeRecord<'a>],
    /// Every input.
    pub inputs: &'a [InputReport],
    /// Bounds that the input crossed, each with what it cost.
    pub crossed: &'a [String],
    /// Where the tables are, if they were written.
    pub output: Option<&'a Path>,
}

/// Writes the summary as plain text.
pub fn write(summary: &Summary<'_>, out: &mut impl Write) -> io::Result<()> {
    headline(summary, out)?;
    if summary.counts.calls > 0 {
        by_cause(summary.counts, out)?;
        by_endpoint(summary.counts, out)?;
        joins(summary.counts, out)?;
    }
    if summary.nodes.len() > 1 {
        nodes(summary, out)?;
    }
    findings(summary, out)?;
    inputs(summary.inputs, out)?;
    if !summary.crossed.is_empty() {
        writeln!(out, "\nBeyond what is kept")?;
        summary.crossed.iter().try_for_each(|crossed| writeln!(out, "  {crossed}"))?;
    }
    match summary.output {
        Some(path) => writeln!(out, "\nTables: {}", printable(&path.to_string_lossy())),
        None => Ok(()),
    }
}

/// Names every input that is a fault, one per line: for jobs without a summary.
pub fn write_faults(inputs: &[InputReport], out: &mut impl Write) -> io::Result<()> {
    for input in inputs.iter().filter(|input| input.is_fault()) {
        let faults: Vec<&str> = input.damage.iter().chain(&input.not_read).map(String::as_str).collect();
        let faults = if faults.is_empty() { vec!["neither log nor capture"] } else { faults };
        for fault in faults {
            writeln!(out, "wirecause: {}: {}", printable(&input.path), printable(fault))?;
        }
    }
    Ok(())
}

/// Names every bound that was crossed, one per line: for jobs without a summary.
pub fn write_crossed(crossed: &[String], out: &mut impl Write) -> io::Result<()> {
    crossed.iter().try_for_each(|crossed| writeln!(out, "wirecause: {crossed}"))
}

/// Names every input that could not be read again for stories and evidence, with the reason.
pub fn write_not_again(faults: &[(String, String)], out: &mut impl Write) -> io::Result<()> {
    for (input, reason) in faults {
        writeln!(out, "wirecause: {}: {}: no evidence from it", printable(input), printable(reason))?;
    }
    Ok(())
}

/// Names every input with what it holds, and every count of the run's record.
pub fn write_details(inputs: &[InputReport], counters: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    for input in inputs {
        let kind = serde_json::to_string(&input.kind)?;
        let (path, bytes) = (printable(&input.path), input.bytes);
        writeln!(out, "wirecause: {path}: {}, {bytes} bytes", kind.trim_matches('"'))?;
    }
    let counted = serde_json::to_value(counters)?;
    for (name, count) in counted.as_object().into_iter().flatten() {
        let name = name.replace('_', " ");
        match count.as_object() {
            None => writeln!(out, "wirecause: {name}: {count}")?,
            Some(kinds) => {
                for (kind, count) in kinds.iter().filter(|(_, count)| **count != 0) {
                    writeln!(out, "wirecause: {name}, {}: {count}", printable(kind))?;
                }
            }
        }
    }
    Ok(())
}

fn headline(summary: &Summary<'_>, out: &mut impl Write) -> io::Result<()> {
    let calls = counted(summary.counts.calls, "failed call");
    writeln!(out, "{calls}, {}", counted(summary.connections, "connection"))
}

fn by_cause(counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &counts.causes {
        *sums.entry(&row.cause).or_default() += row.count;
    }
    writeln!(out, "\nBy cause")?;
    let sums = sums.into_iter().map(|(cause, count)| (cause.to_owned(), count)).collect();
    table(sums, counts.calls, out)
}

fn by_endpoint(counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let mut endpoints: BTreeMap<(&str, u64), (u64, Vec<_>)> = BTreeMap::new();
    for row in &counts.causes {
        let endpoint = endpoints.entry((&row.host, row.port)).or_default();
        endpoint.0 += row.count;
        endpoint.1.push((row.count, &row.cause));
    }
    writeln!(out, "\nBy endpoint")?;
    let lines = endpoints.into_iter().map(|((host, port), (count, causes))| {
        // The rows are sorted by count, hence so are the causes of an endpoint.
        let causes: Vec<_> = causes.iter().map(|(count, cause)| format!("{cause} {count}")).collect();
        (format!("{}  {}", endpoint_name(host, port), causes.join(", ")), count)
    });
    table(lines.collect(), counts.calls, out)
}

/// Unmatched and ambiguous shares stand here even if they are zero: they say how far the rest holds.
fn joins(counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let count = |word: &str| counts.matches.iter().find(|(w, _)| w == word).map_or(0, |(_, count)| *count);
    let shares =
        [("certain", "certain"), ("likely", "likely"), ("ambiguous", "ambiguous"), ("none", "on no connection")]
            .map(|(word, said)| format!("{said} {} ({})", count(word), percent(count(word), counts.calls)));
    writeln!(out, "\nJoined: {}", shares.join(", "))
}

/// The gateways, where there are several.
fn nodes(summary: &Summary<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nGateways, told apart by {}", summary.nodes_by)?;
    for node in summary.nodes {
        let offset = match node.clock.source {
            "assumed" => "clock offset unknown".to_owned(),
            _ => format!("log clock {:+.3} s", node.clock.range_s.0),
        };
        writeln!(out, "  {}: {}, {offset}", printable(node.name), counted(node.failed_calls, "failed call"))?;
    }
    Ok(())
}

fn findings(summary: &Summary<'_>, out: &mut impl Write) -> io::Result<()> {
    if summary.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFindings")?;
    for finding in summary.findings {
        let node = if summary.nodes.len() > 1 { format!("{}: ", finding.node) } else { String::new() };
        writeln!(out, "  - {}{}", printable(&node), printable(&finding.statement))?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "    {}", printable(advice))?;
        }
    }
    Ok(())
}

fn inputs(inputs: &[InputReport], out: &mut impl Write) -> io::Result<()> {
    let damaged: Vec<_> = inputs.iter().filter_map(|input| Some((input, input.damage.as_deref()?))).collect();
    if !damaged.is_empty() {
        writeln!(out, "\nDamaged inputs (what they held before the damage is used)")?;
        for (input, damage) in damaged {
            writeln!(out, "  {}: {}", printable(&input.path), printable(damage))?;
        }
    }
    let not_read: Vec<_> = inputs.iter().filter_map(|input| Some((input, input.not_read.as_deref()?))).collect();
    if !not_read.is_empty() {
        writeln!(out, "\nFailures that stand in no table")?;
        for (input, why) in not_read {
            writeln!(out, "  {}: {}", printable(&input.path), printable(why))?;
        }
    }
    let years: Vec<_> = inputs.iter().filter_map(|input| Some((input, input.log_year?))).collect();
    if !years.is_empty() {
        writeln!(out, "\nStamps without a year")?;
        for (input, LogYear { year, from }) in years {
            writeln!(out, "  {}: from {year} on, by {from}", printable(&input.path))?;
        }
    }
    named("Neither log nor capture", inputs.iter().filter(|input| input.is_left()), out)?;
    named(
        "Captures of another time than the failed calls, not read",
        inputs.iter().filter(|input| input.passed_over),
        out,
    )
}

/// Some inputs by their names, if there is any.
fn named<'a>(what: &str, inputs: impl Iterator<Item = &'a InputReport>, out: &mut impl Write) -> io::Result<()> {
    let all: Vec<_> = inputs.map(|input| printable(&input.path)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let more = all.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(", and {more} more, all in run.json") } else { String::new() };
    let named: Vec<_> = all.into_iter().take(MOST_NAMED).collect();
    writeln!(out, "\n{what}: {}{more}", named.join(", "))
}

/// Lines with their counts and shares, the most frequent first, equal counts by their text.
fn table(mut lines: Vec<(String, u64)>, calls: u64, out: &mut impl Write) -> io::Result<()> {
    lines.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (line, count) in lines {
        writeln!(out, "  {count:>7} {:>6}  {}", percent(count, calls), printable(&line))?;
    }
    Ok(())
}

fn endpoint_name(host: &str, port: u64) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn percent(count: u64, of: u64) -> String {
    format!("{:.1}%", if of == 0 { 0.0 } else { 100.0 * count as f64 / of as f64 })
}

/// Files named that are neither log nor capture. An incident's directory holds a few; somebody's home holds all there are.
const MOST_NAMED: usize = 50;

#[cfg(test)]
mod tests {
    use wirecause_parsers::time::Timestamp;

    use super::*;
    use crate::{
        input::{Compression, Kind},
        report::{review::facts::ClockFacts, rows::CauseRow},
    };

    fn cause(cause: &str, host: &str, count: u64) -> CauseRow {
        let time = Timestamp::from_nanos(0);
        CauseRow {
            cause: cause.to_owned(),
            host: host.to_owned(),
            port: 8080,
            count,
            share: 0.0,
            first_time: time,
            last_time: time,
        }
    }

    fn summary<'a>(counts: &'a Counts, inputs: &'a [InputReport]) -> Summary<'a> {
        Summary {
            counts,
            connections: 1,
            findings: &[],
            nodes_by: "their directories",
            nodes: &[],
            inputs,
            crossed: &[],
            output: Some(Path::new("out")),
        }
    }

    fn text(counts: &Counts, findings: &[FindingRow], inputs: &[InputReport]) -> String {
        text_of(counts, findings, inputs, &[])
    }

    fn text_of(counts: &Counts, findings: &[FindingRow], inputs: &[InputReport], nodes: &[NodeRecord<'_>]) -> String {
        let summary = Summary { findings, nodes, ..summary(counts, inputs) };
        let mut out = Vec::new();
        write(&summary, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn causes_and_endpoints_are_summed_and_the_most_frequent_come_first() {
        let counts = Counts {
            calls: 10,
            causes: vec![cause("slow-response", "b", 5), cause("path-loss", "a", 3), cause("slow-response", "a", 2)],
            matches: vec![("certain".to_owned(), 9), ("ambiguous".to_owned(), 1)],
        };
        assert_eq!(
            text(&counts, &[], &[]),
            "10 failed calls, 1 connection\n\
             \nBy cause\n        7  70.0%  slow-response\n        3  30.0%  path-loss\n\
             \nBy endpoint\n        5  50.0%  a:8080  path-loss 3, slow-response 2\n        5  50.0%  b:8080  slow-response 5\n\
             \nJoined: certain 9 (90.0%), likely 0 (0.0%), ambiguous 1 (10.0%), on no connection 0 (0.0%)\n\
             \nTables: out\n"
        );
    }

    #[test]
    fn several_gateways_are_named_with_their_findings() {
        let clock = ClockFacts { source: "estimated", range_s: (1.7, 1.7), ..ClockFacts::default() };
        let node = |name| NodeRecord { name, logs: 1, captures: 1, failed_calls: 3, connections: 9, clock: &clock };
        let text = text_of(&Counts::default(), &[finding("gw-2", "seen")], &[], &[node("gw-1"), node("gw-2")]);
        let told = "\nGateways, told apart by their directories\n  gw-1: 3 failed calls, log clock +1.700 s\n  \
                    gw-2: 3 failed calls, log clock +1.700 s\n\nFindings\n  - gw-2: seen\n";
        assert!(text.contains(told), "{text}");
        let text = text_of(&Counts::default(), &[finding("gw-2", "seen")], &[], &[node("gw-2")]);
        assert!(text.contains("\n  - seen\n") && !text.contains("told apart"), "{text}");
    }

    fn finding(node: &str, statement: &str) -> FindingRow {
        FindingRow {
            finding: "coverage",
            node: node.to_owned(),
            host: None,
            peer: None,
            count: 1,
            calls: 1,
            members: Vec::new(),
            first_time: None,
            last_time: None,
            value_low: None,
            value_high: None,
            unit: None,
            statement: statement.to_owned(),
            advice: None,
        }
    }

    #[test]
    fn hostile_names_and_sentences_are_disarmed() {
        let counts = Counts { calls: 1, causes: vec![cause("path-loss", "x\u{1b}]0;y", 1)], matches: Vec::new() };
        let finding = FindingRow { advice: Some("do\u{7}".to_owned()), ..finding("", "host\u{1b}[2J") };
        let input = InputReport {
            path: "a\u{9b}.pcap".to_owned(),
            kind: Kind::Capture,
            compression: Compression::None,
            bytes: 3,
            explicit: true,
            damage: Some("cut\u{8}".to_owned()),
            not_read: None,
            log_year: None,
            passed_over: false,
        };
        let text = text(&counts, &[finding], &[input]);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.contains("a�.pcap: cut�") && text.contains("host�[2J"), "{text}");
    }

    #[test]
    fn faults_are_named_and_what_a_directory_holds_beside_is_none() {
        let input = |path: &str, explicit, damage: Option<&str>| InputReport {
            path: path.to_owned(),
            kind: Kind::Other,
            compression: Compression::None,
            bytes: 0,
            explicit,
            damage: damage.map(str::to_owned),
            not_read: None,
            log_year: None,
            passed_over: false,
        };
        let inputs = [input("beside", false, None), input("named", true, None), input("cut", false, Some("ends\u{7}"))];
        let mut out = Vec::new();
        write_faults(&inputs, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "wirecause: named: neither log nor capture\nwirecause: cut: ends\u{fffd}\n");
    }

    #[test]
    fn no_failed_call_is_said() {
        assert_eq!(text(&Counts::default(), &[], &[]), "0 failed calls, 1 connection\n\nTables: out\n");
    }
}
