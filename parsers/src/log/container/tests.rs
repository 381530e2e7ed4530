//! One log in every wrapping: the calls are the same.

use crate::{
    log::{FailedCall, LogCounts, LogOptions, LogScan, LogScanner, Symptom, Year},
    time::Timestamp,
};

mod changes;
mod sources;

const URL: &str = "http://h:8080/api";
const ROUTING: &str = "com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion";

/// The log's lines, each with the stamp that a runtime would give it.
fn log() -> Vec<String> {
    let head = "2026-11-20T20:54:01.500-0300";
    let reason = format!("Unable to obtain HTTP response from {URL}: Connection reset");
    vec![
        format!("{head} INFO    7 com.l7tech.server.message: Processing request for service: Orders [/orders]"),
        format!("{head} WARNING 7 {ROUTING}: 4042: Problem routing to {URL}. Error msg: {reason}"),
        format!("com.l7tech.common.http.GenericHttpException: {reason}"),
        "\tat org.apache.http.protocol.HttpRequestExecutor.doReceiveResponse(HttpRequestExecutor.java:1)".into(),
        "Caused by: java.net.SocketException: Connection reset".into(),
        format!("{head} INFO    7 a.b: -4: routing finished in 12 ms"),
    ]
}

fn wrapped(wrap: impl Fn(&str) -> String) -> String {
    log().iter().map(|line| wrap(line) + "\n").collect()
}

fn scan(text: &str) -> LogScan {
    let scan = in_chunks(text, usize::MAX);
    for size in [1, 2, 7, 100] {
        assert_eq!(in_chunks(text, size), scan, "chunks of {size}");
    }
    scan
}

fn in_chunks(text: &str, size: usize) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    text.as_bytes().chunks(size).for_each(|chunk| scanner.feed(chunk));
    scanner.finish()
}

/// The only call of a log, its place taken out.
fn call(scan: &LogScan) -> FailedCall {
    let [call] = scan.calls.as_slice() else { panic!("{scan:?}") };
    let mut call = call.clone();
    (call.entry.offset, call.entry.length) = (0, 0);
    call
}

fn quoted(line: &str) -> String {
    line.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t")
}

#[test]
fn line_by_line_wrappings() {
    let plain = scan(&wrapped(str::to_owned));
    let expected = call(&plain);
    assert_eq!((expected.entry.first_line, expected.entry.last_line, expected.elapsed_ms), (2, 5, Some(12)));
    let stamp = "2026-11-20T23:54:01.512345678Z";
    let wrappings: [&dyn Fn(&str) -> String; 9] = [
        &|line| format!("{stamp} stdout F {line}"),
        &|line| format!(r#"{{"log":"{}\n","stream":"stdout","time":"{stamp}"}}"#, quoted(line)),
        &|line| format!(r#"{{"__REALTIME_TIMESTAMP":"1795218841512345","MESSAGE":"{}"}}"#, quoted(line)),
        &|line| format!("gateway-1  | {line}"),
        &|line| format!("[pod/gw-0/gateway] {line}"),
        &|line| format!("{stamp} {line}"),
        &|line| format!("<132>Nov 20 20:54:01 gw01 SSG: {}", line.replace('\t', "#011")),
        &|line| format!("<132>1 {stamp} gw01 SSG 12 - - {line}"),
        &|line| format!("{stamp} gw01 SSG[12]: {line}"),
    ];
    for wrap in wrappings {
        let text = wrapped(wrap);
        let found = scan(&text);
        assert_eq!(call(&found), expected, "{text}");
        let span = found.calls.first().map(|call| call.entry).unwrap();
        let entry = text.get(span.offset as usize..(span.offset + span.length) as usize).unwrap();
        assert_eq!(entry.lines().collect::<Vec<_>>(), text.lines().skip(1).take(4).collect::<Vec<_>>());
    }
}

#[test]
fn stamps_of_the_wrapping_where_the_text_has_none() {
    let text = format!("WARNING {ROUTING}: Problem routing to {URL}. Error msg: Broken pipe");
    let line = format!("<132>1 2026-11-20T20:54:01.5-03:00 gw01 SSG 12 - - {text}\n");
    let found = call(&scan(&line));
    assert_eq!(found.time.to_string(), "2026-11-20T23:54:01.500000Z");
    assert_eq!(
        (found.failure.symptom, found.failure.zone, found.failure.resolution),
        (Symptom::BrokenPipe, Some(-10_800), 100_000_000)
    );
    let old = scan(&format!("<132>Nov 20 20:54:01 gw01 SSG: {text}\n"));
    assert_eq!((old.calls.len(), old.counts.without_time, old.counts.without_year, old.year), (0, 1, 1, None));
    // Without a stamp of the wrapping the text's own counts.
    let own = format!("<132>1 - gw01 SSG 12 - - 2026-11-20T20:54:01.500-0300 {text}\n");
    assert_eq!(call(&scan(&own)).time, found.time);
    let none = scan(&format!("<132>1 - gw01 SSG 12 - - {text}\n"));
    assert_eq!((none.calls.len(), none.counts.without_time, none.counts.without_year), (0, 1, 0));
}

/// The example of the reference: a year that an option or another stamp says, and the zone of the option.
#[test]
fn stamps_without_a_year() {
    let text = format!("WARNING {ROUTING}: 4042: Problem routing to {URL}. Error msg: Broken pipe");
    let lines = ["Dec 31 23:59:59", "Jan  1 00:00:01"].map(|stamp| format!("<132>{stamp} gw01 SSG-default: {text}\n"));
    for year in [Year::Of(2026), Year::Near(Timestamp::from_nanos(1_798_761_600_000_000_000))] {
        let mut scanner = LogScanner::new(LogOptions { default_zone: Some(-10_800), year: Some(year) });
        scanner.feed(lines.concat().as_bytes());
        let scan = scanner.finish();
        let times: Vec<_> = scan.calls.iter().map(|call| call.time.to_string()).collect();
        assert_eq!(times, ["2027-01-01T02:59:59.000000Z", "2027-01-01T03:00:01.000000Z"]);
        let first = scan.calls.first().unwrap();
        assert_eq!((scan.year, first.failure.zone, first.failure.resolution), (Some(2026), None, 1_000_000_000));
    }
}

#[test]
fn a_journal_in_its_export_format() {
    let lines = log();
    let expected = call(&scan(&wrapped(str::to_owned)));
    let mut text = Vec::new();
    for record in [&lines[..1], &lines[1..5], &lines[5..]].map(|lines| lines.join("\n")) {
        text.extend(b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795218841512345\n_PID=7\n");
        if record.contains('\n') {
            text.extend(b"MESSAGE\n");
            text.extend((record.len() as u64).to_le_bytes());
            text.extend(record.as_bytes());
            text.extend(b"\n_COMM=java\n\n");
        } else {
            text.extend(format!("MESSAGE={record}\n\n").as_bytes());
        }
    }
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(&text);
    let scan_of_export = scanner.finish();
    let found = call(&scan_of_export);
    assert_eq!(
        (found.time, &found.failure.message, &found.service),
        (expected.time, &expected.failure.message, &expected.service)
    );
    assert_eq!((&found.failure.exceptions, found.elapsed_ms), (&expected.failure.exceptions, Some(12)));
    let span = scan_of_export.calls.first().map(|call| call.entry).unwrap();
    let entry = text.get(span.offset as usize..(span.offset + span.length) as usize).unwrap();
    let entry = String::from_utf8_lossy(entry);
    assert!(entry.starts_with("__CURSOR") && entry.ends_with("_COMM=java\n"), "{entry}");
    // The journal's stamp where the text has none.
    let text = format!(
        "__REALTIME_TIMESTAMP=1795218841512345\nMESSAGE=WARNING {ROUTING}: Problem routing to {URL}. Error msg: Broken pipe\n\n"
    );
    assert_eq!(call(&scan(&text)).time.to_string(), "2026-11-20T23:54:01.512345Z");
}

/// The block of freekb.net's article 1952, with the details of the Associated Logs tab below it.
#[test]
fn an_audit_window_copied_as_text() {
    let block = |time: &str, request: &str, detail: &str| {
        format!(
            "Node : Gateway1\nTime : {time}\nSeverity : WARNING\nRequest Id : {request}\nMessage : Message was not processed: Error in \
             Assertion Processing (601)\nEvent Type : Message Summary\nClient IP :\nService : fooBarService [/foo/bar]\nOperation\n\
             Rqst Length\nResp Length\nResp Status : 0\nResp Time : 0ms\n\n{detail}\n"
        )
    };
    let detail = format!("WARNING 4042 Problem routing to {URL}. Error msg: Connection reset");
    let text = block("20190222 03:10:51.459", "1-5f", &detail)
        + &block("20190222 03:10:52.000", "1-60", "INFO 3005 Service not found");
    let options = LogOptions { default_zone: Some(-10_800), year: None };
    let mut scanner = LogScanner::new(options);
    scanner.feed(text.as_bytes());
    let scan = scanner.finish();
    let found = call(&scan);
    assert_eq!(found.time.to_string(), "2019-02-22T06:10:51.459000Z");
    assert_eq!((found.failure.zone, found.service.as_deref()), (None, Some("fooBarService [/foo/bar]")));
    assert_eq!((found.thread.as_deref(), found.failure.message.as_str()), (Some("1-5f"), "Connection reset"));
    assert_eq!((found.entry.first_line, scan.counts.requests), (15, 2));
}

/// The audit detail and the text of the assertion around it report one call; two details of one code are two attempts.
#[test]
fn two_details_of_one_request() {
    let reason = format!("Unable to obtain HTTP response from {URL}: Connection reset");
    let audit = format!("WARNING 4042 Problem routing to {URL}. Error msg: {reason}\n");
    let policy = format!("WARNING -5 Error occurred. com.l7tech.common.http.GenericHttpException: {reason}\n");
    let of = |request: u32, details: &str| {
        format!("Node : Gateway1\nTime : 20190222 03:10:51.459\nRequest Id : 1-{request}\nMessage : x\n\n{details}\n")
    };
    let first = of(1, &(audit.clone() + &policy));
    let found = scan(&first);
    assert_eq!(call(&found).also.map(|also| also.first_line), Some(7));
    let found = scan(&(first + &of(2, &policy) + &of(3, &(audit.clone() + &audit))));
    assert_eq!((found.calls.len(), found.counts.paired), (4, 1));
}

#[test]
fn payloads_in_pieces() {
    let stamp = "2026-11-20T23:54:01Z";
    let lines = log();
    let (start, rest) = lines.get(1).unwrap().split_at(100);
    let (middle, end) = rest.split_at(20);
    let cri = format!("{stamp} stdout P {start}\n{stamp} stdout P {middle}\n{stamp} stdout F {end}\n");
    let piece = |piece: &str| format!("{{\"log\":\"{piece}\",\"stream\":\"stdout\",\"time\":\"{stamp}\"}}\n");
    let docker = [piece(start), piece(middle), piece(&format!("{end}\\n"))].concat();
    for text in [cri, docker] {
        let found = scan(&text);
        assert_eq!((call(&found).failure.message.as_str(), found.counts.lines), ("Connection reset", 3));
        let span = found.calls.first().unwrap().entry;
        assert_eq!((span.first_line, span.last_line, span.offset, span.length), (1, 3, 0, text.len() as u64));
    }
}

#[test]
fn json_records_written_twice() {
    let record = |package: &str, code: &str, message: &str| {
        let log =
            format!(r#"{{"detail-id":{code},"message":"{message}","request-id":"627f8aeeb0c5d911-f1d889e1c356579b"}}"#);
        format!(
            r#"{{"package":"{package}","level":"INFO","log":{log},"time":"2026-05-26T11:21:32.873+0000","otelId":"x"}}"#
        ) + "\n"
    };
    let reason = format!("Unable to obtain HTTP response from {URL}: Connection reset");
    let header = record("com.l7tech.server.message", "0.0", "Processing request for service: Orders [/orders]");
    let audit = record(ROUTING, "4042.0", &format!("Problem routing to {URL}. Error msg: {reason}"));
    let severe = record(
        "a.ServerAllAssertion",
        "-1.0",
        &format!("Error occurred. a.GenericHttpException: {reason} at a.b(Unknown Source)"),
    );
    let scan = scan(&[&*header, &header, &audit, &audit, &severe, &severe].concat());
    let call = call(&scan);
    assert_eq!((call.service.as_deref(), call.also.map(|also| also.first_line)), (Some("Orders [/orders]"), Some(5)));
    assert_eq!((scan.counts.duplicates, scan.counts.records), (3, 3));
}

#[test]
fn exports_with_the_newest_event_first() {
    let lines = log();
    let events = [&lines[..1], &lines[1..5], &lines[5..]].map(|lines| lines.join("\n"));
    let json = |event: &String| {
        format!(r#"{{"preview":false,"result":{{"_raw":"{}"}}}}"#, quoted(event).replace('\n', "\\n")) + "\n"
    };
    let row = |event: &String| format!("x,\"{}\"\n", event.replace('"', "\"\""));
    let exports = [
        events.iter().rev().map(json).collect::<String>(),
        "\"_time\",\"_raw\"\n".to_owned() + &events.iter().rev().map(row).collect::<String>(),
    ];
    for (text, (first, last)) in exports.into_iter().zip([(2, 2), (3, 6)]) {
        let found = scan(&text);
        let call = call(&found);
        assert_eq!(
            (call.service.as_deref(), call.elapsed_ms, call.failure.exceptions.len()),
            (Some("Orders [/orders]"), Some(12), 2),
            "{text}"
        );
        assert_eq!((call.entry.first_line, call.entry.last_line), (first, last), "{text}");
    }
}

#[test]
fn json_in_other_wrappings() {
    let record = format!(
        r#"{{"package":"{ROUTING}","level":"INFO","log":"Problem routing to {URL}. Error msg: Broken pipe","time":"2026-05-26T11:21:32.873+0000"}}"#
    );
    for text in [
        format!("2019-04-30T02:12:41Z stdout F {record}\n"),
        format!("gateway-1  | {record}\n"),
        format!(r#"{{"log":"{}\n","stream":"stdout","time":"2019-04-30T02:12:41Z"}}"#, quoted(&record)),
        format!(r#"{{"result":{{"_raw":"{}"}}}}"#, quoted(&record)),
    ] {
        assert_eq!(call(&scan(&text)).time.to_string(), "2026-05-26T11:21:32.873000Z", "{text}");
    }
}

#[test]
fn wrappings_that_are_cut_anywhere_break_nothing() {
    let samples = [
        wrapped(|line| format!("2026-11-20T23:54:01Z stdout P {line}")),
        wrapped(|line| format!(r#"{{"log":"{}","stream":"stdout","time":"x"}}"#, quoted(line))),
        "_time,_raw\n".to_owned() + &wrapped(|line| format!("x,\"{line}\"")),
        wrapped(|line| format!("<132>1 2026-11-20T23:54:01Z gw01 SSG 12 - - {line}")),
    ];
    for text in samples {
        for end in 0..text.len() {
            let cut = text.get(..end).unwrap_or_default();
            assert_eq!(in_chunks(cut, usize::MAX).counts.bytes, end as u64);
        }
    }
}

#[test]
fn lines_without_the_wrapping_are_counted_and_read() {
    let text = wrapped(|line| format!("gateway-1  | {line}")) + &wrapped(str::to_owned);
    let LogCounts { unwrapped_lines, records, .. } = scan(&text).counts;
    assert_eq!((unwrapped_lines, records), (6, 6));
}
