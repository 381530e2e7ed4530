//! What `inspect` found, as text and as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use wirecause_parsers::{capture::LinkType, time::Timestamp};

use super::{printable::printable, review::text::grouped};
use crate::{
    input::{Compression, InputReport, LogYear},
    inspect::{Facts, LogFacts, Overlap, Survey, capture::CaptureFacts},
};

/// What `inspect` tells.
#[derive(Clone, Copy, Debug)]
pub struct Inspected<'a> {
    /// Logs and captures with the gateway that each is of (`None`: of all), in the order of their names.
    pub files: &'a [(Survey, Option<String>)],
    /// Inputs that are neither, or could not be read.
    pub others: &'a [InputReport],
    /// Whether there is more than one gateway.
    pub several: bool,
    /// How logs and captures lie to each other.
    pub overlap: Option<Overlap>,
}

/// Writes it for a reader.
pub fn write_text(inspected: &Inspected<'_>, out: &mut impl Write) -> io::Result<()> {
    for (survey, node) in inspected.files {
        let node = match node {
            Some(node) if inspected.several => format!(", of {node}"),
            None if inspected.several => ", shared".to_owned(),
            _ => String::new(),
        };
        file(survey, &node, out)?;
    }
    for other in inspected.others {
        let what = if other.is_left() { "neither log nor capture" } else { "not read" };
        writeln!(out, "{}: {what}", printable(&other.path))?;
    }
    match inspected.overlap {
        None => writeln!(out, "\nNothing to join: it takes a log and a capture, each with a time"),
        Some(overlap) => lie(&overlap, out),
    }
}

/// Writes it as one JSON object.
pub fn write_json(inspected: &Inspected<'_>, out: &mut impl Write) -> io::Result<()> {
    let span = |(first, last): (Timestamp, Timestamp)| json!({ "first": first.to_string(), "last": last.to_string() });
    let files = inspected.files.iter().map(|(survey, node)| {
        let mut object = match &survey.facts {
            Facts::Log(log) => log_object(log),
            Facts::Capture(capture) => capture_object(capture),
        };
        let report = &survey.report;
        object.insert("path".to_owned(), json!(report.path));
        object.insert("kind".to_owned(), json!(report.kind));
        object.insert("compression".to_owned(), json!(report.compression));
        object.insert("bytes".to_owned(), json!(report.bytes));
        object.insert("damage".to_owned(), json!(report.damage));
        object.insert("not_read".to_owned(), json!(report.not_read));
        object.insert("log_year".to_owned(), json!(report.log_year));
        object.insert("node".to_owned(), json!(node));
        object.insert("span".to_owned(), survey.span.map_or(Value::Null, span));
        Value::Object(object)
    });
    let overlap = inspected.overlap.map(|overlap| {
        json!({
            "logs": span(overlap.logs),
            "captures": span(overlap.captures),
            "covered_s": seconds(overlap.covered),
            "share": overlap.share(),
        })
    });
    let all = json!({ "files": files.collect::<Vec<_>>(), "others": inspected.others, "overlap": overlap });
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

fn log_object(log: &LogFacts) -> Map<String, Value> {
    let errors: Map<String, Value> =
        log.errors().iter().map(|(symptom, count)| (symptom.word().to_owned(), json!(count))).collect();
    object(json!({
        "format": log.form,
        "zone_s": log.zone,
        "records": log.records,
        "errors": errors,
    }))
}

fn capture_object(capture: &CaptureFacts) -> Map<String, Value> {
    let sampled = capture.sampled.map(|(read, of)| json!({ "bytes_read": read, "of": of }));
    object(json!({
        "format": capture.format,
        "packets": if sampled.is_none() { json!(capture.packets) } else { Value::Null },
        "packets_read": capture.packets,
        "sampled": sampled,
        "link_types": capture.links.iter().map(|link| link.0).collect::<Vec<_>>(),
        "snap_lengths": capture.snap_lengths,
        "cut_packets": capture.cut,
        "dropped": capture.dropped,
        "tcp_packets": capture.tcp,
        "tcp_flows": capture.flows.flows,
        "one_way_flows": capture.flows.one_way,
        "one_flow_of": capture.flows.one_of,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn file(survey: &Survey, node: &str, out: &mut impl Write) -> io::Result<()> {
    let report = &survey.report;
    let packed = if report.compression == Compression::None {
        String::new()
    } else {
        format!(" in {}", word(&report.compression))
    };
    let (kind, form) = match &survey.facts {
        Facts::Log(log) => ("log", log.form.unwrap_or("of no known form")),
        Facts::Capture(capture) => ("capture", capture.format),
    };
    let bytes = grouped(report.bytes);
    writeln!(out, "{}: {kind}, {form}{packed}, {bytes} bytes{}", printable(&report.path), printable(node))?;
    match survey.span {
        Some((first, last)) => writeln!(out, "  {first} to {last}, {:.3} s", seconds(last.since(first)))?,
        None => writeln!(out, "  no time in it")?,
    }
    match &survey.facts {
        Facts::Log(log) => log_lines(log, out)?,
        Facts::Capture(capture) => capture_lines(capture, out)?,
    }
    if let Some(LogYear { year, from }) = report.log_year {
        writeln!(out, "  stamps without a year: from {year} on, by {from}")?;
    }
    for (what, told) in [("not read", &report.not_read), ("damaged", &report.damage)] {
        if let Some(told) = told {
            writeln!(out, "  {what}: {}", printable(told))?;
        }
    }
    Ok(())
}

fn log_lines(log: &LogFacts, out: &mut impl Write) -> io::Result<()> {
    let zone = log.zone.map_or_else(|| "stamps without a zone".to_owned(), |zone| format!("zone {}", offset(zone)));
    writeln!(out, "  {} records, {zone}", grouped(log.records))?;
    let mut errors: Vec<_> = log.errors().into_iter().collect();
    let all: u64 = errors.iter().map(|(_, count)| count).sum();
    errors.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let errors: Vec<String> = errors.iter().map(|(symptom, count)| format!("{} {count}", symptom.word())).collect();
    let by = if errors.is_empty() { String::new() } else { format!(": {}", errors.join(", ")) };
    writeln!(out, "  {} failed calls{by}", grouped(all))
}

fn capture_lines(capture: &CaptureFacts, out: &mut impl Write) -> io::Result<()> {
    let CaptureFacts { packets, cut, tcp, flows, .. } = capture;
    let links: Vec<String> = capture.links.iter().map(|link| link_name(*link)).collect();
    let snap: Vec<String> = capture
        .snap_lengths
        .iter()
        .map(|length| if *length == 0 { "none".to_owned() } else { length.to_string() })
        .collect();
    let read = match capture.sampled {
        None => String::new(),
        Some((read, of)) => format!(" in the {} of {} bytes that were read", grouped(read), grouped(of)),
    };
    writeln!(
        out,
        "  {} packets{read}, {}, snap length {}",
        grouped(*packets),
        links.join(" and "),
        snap.join(" and ")
    )?;
    let dropped = match capture.dropped {
        None => "drops not told".to_owned(),
        Some(dropped) => format!("{} dropped", grouped(dropped)),
    };
    writeln!(out, "  {} cut, {dropped}, {} with TCP", share(*cut, *packets), share(*tcp, *packets))?;
    let sample = if flows.one_of > 1 { format!(" (one of {} looked at)", flows.one_of) } else { String::new() };
    let one_way = share(flows.one_way, flows.flows);
    writeln!(out, "  {} TCP flows{sample}, {one_way} one way only", grouped(flows.flows))
}

fn lie(overlap: &Overlap, out: &mut impl Write) -> io::Result<()> {
    let ((first, last), (begin, end)) = (overlap.logs, overlap.captures);
    writeln!(out, "\nLogs      {first} to {last}\nCaptures  {begin} to {end}")?;
    let share = overlap.share() * 100.0;
    writeln!(
        out,
        "Captures cover {:.3} s, {share:.1} % of the time of the logs, each by its own clock",
        seconds(overlap.covered)
    )?;
    if overlap.covered > 0 {
        return Ok(());
    }
    let apart = if begin > last { begin.since(last) } else { first.since(end) };
    writeln!(out, "They lie {:.0} s apart: is the zone of the log right?", seconds(apart))
}

fn share(count: u64, of: u64) -> String {
    if of == 0 {
        return grouped(count);
    }
    format!("{} ({:.1} %)", grouped(count), 100.0 * count as f64 / of as f64)
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// `-03:00`.
fn offset(zone: i32) -> String {
    let sign = if zone < 0 { '-' } else { '+' };
    let minutes = zone.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A value's word, as it stands in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

fn link_name(link: LinkType) -> String {
    let name = match link {
        LinkType::NULL | LinkType::LOOP => "loopback",
        LinkType::ETHERNET => "Ethernet",
        LinkType::RAW | LinkType::RAW_BSD | LinkType::IPV4 | LinkType::IPV6 => "raw IP",
        LinkType::LINUX_SLL => "Linux cooked v1",
        LinkType::LINUX_SLL2 => "Linux cooked v2",
        LinkType::NFLOG => "NFLOG",
        LinkType(number) => return format!("link type {number}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Kind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    #[test]
    fn hostile_names_are_disarmed() {
        let report = InputReport {
            path: "a\u{1b}[2J.log".to_owned(),
            kind: Kind::Log,
            compression: Compression::Gzip,
            bytes: 1_234,
            explicit: true,
            damage: Some("cut\u{7}".to_owned()),
            not_read: None,
            log_year: None,
            passed_over: false,
        };
        let survey = Survey { report: report.clone(), span: None, facts: Facts::Log(LogFacts::default()) };
        let files = [(survey, Some("gw\u{9b}".to_owned()))];
        let inspected = Inspected { files: &files, others: &[report], several: true, overlap: None };
        let mut text = Vec::new();
        write_text(&inspected, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(
            text.starts_with("a\u{fffd}[2J.log: log, of no known form in gzip, 1,234 bytes, of gw\u{fffd}\n"),
            "{text}"
        );
        assert!(text.ends_with("each with a time\n"), "{text}");
    }

    #[test]
    fn what_does_not_overlap_is_said_with_the_distance() {
        let told = |logs: (i64, i64), captures: (i64, i64), covered| {
            let span = |(first, last)| (at(first), at(last));
            let overlap = Overlap { logs: span(logs), captures: span(captures), covered };
            let mut text = Vec::new();
            lie(&overlap, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert!(told((0, 100), (3_700, 3_800), 0).contains("They lie 3600 s apart"));
        assert!(told((3_700, 3_800), (0, 100), 0).contains("They lie 3600 s apart"));
        let half = told((0, 100), (50, 300), 50 * 1_000_000_000);
        assert!(half.contains("cover 50.000 s, 50.0 % of the time") && !half.contains("apart"), "{half}");
    }
}
