//! Lines of several sources in one stream: each continues its own record.

use super::*;

const STAMP: &str = "2026-11-20T23:54:01.512345678Z";

/// How many lines another source writes behind each line of the log.
fn beside(wrap: impl Fn(&str) -> String, others: &[String]) -> String {
    log().iter().map(|line| wrap(line) + "\n" + &others.concat()).collect()
}

/// The only call, without its place.
fn told(text: &str) -> FailedCall {
    let mut call = call(&scan(text));
    (call.entry.first_line, call.entry.last_line) = (0, 0);
    call
}

fn journal(unit: &str, process: u32, text: &str) -> String {
    let text = quoted(text);
    format!(
        r#"{{"__REALTIME_TIMESTAMP":"1795218841512345","_SYSTEMD_UNIT":"{unit}","SYSLOG_IDENTIFIER":"x","_PID":"{process}","MESSAGE":"{text}"}}"#
    )
}

fn export(unit: &str, text: &str) -> String {
    format!("__REALTIME_TIMESTAMP=1795218841512345\n_SYSTEMD_UNIT={unit}\n_PID=7\nMESSAGE={text}\n")
}

#[test]
fn another_source_cuts_no_record() {
    let plain = told(&wrapped(str::to_owned));
    let record =
        "2026-11-20T20:54:01.500-0300 INFO    7 com.l7tech.server.message: Processing request for service: B [/b]";
    let line = |text: String| text + "\n";
    let texts = [
        beside(
            |line| journal("gw.service", 7, line),
            &[line(journal("sshd.service", 9, "Accepted publickey for root"))],
        ),
        // Two processes of one unit.
        beside(|line| journal("gw.service", 7, line), &[line(journal("gw.service", 9, "Accepted publickey for root"))]),
        beside(|line| journal("gw.service", 7, line), &[line(journal("gw@2.service", 8, record))]),
        beside(|line| export("gw.service", line), &[line(export("sshd.service", "Accepted publickey for root"))]),
        beside(|line| export("gw.service", line), &[line(export("gw@2.service", record))]),
        beside(|line| format!("[pod/gw-0/gateway] {line}"), &[format!("[pod/gw-1/gateway] {record}\n")]),
        beside(|line| format!("[pod/gw-0/gateway] {line}"), &[format!("[pod/gw-0/sidecar] {STAMP} x\n")]),
        beside(
            |line| format!("gateway-1  | {line}"),
            &[format!("gateway-2  | {record}\n"), format!("db-1 | {STAMP} x\n")],
        ),
        beside(|line| format!("{STAMP} stdout F {line}"), &[format!("{STAMP} stderr F {STAMP} warning: x\n")]),
        beside(|line| format!("{STAMP} gw01 SSG[12]: {line}"), &[format!("{STAMP} gw02 SSG[12]: {record}\n")]),
        beside(|line| format!("{STAMP} gw01 SSG[12]: {line}"), &[format!("{STAMP} gw01 sshd[9]: Accepted\n")]),
        beside(
            |line| format!("<132>1 {STAMP} gw01 SSG 12 - - {line}"),
            &[format!("<38>1 {STAMP} gw01 sshd 9 - - Accepted\n")],
        ),
    ];
    for text in texts {
        let mut found = told(&text);
        (found.entry, found.also) = (plain.entry, None);
        assert_eq!(found, plain, "{text}");
    }
}

#[test]
fn pieces_are_joined_per_stream() {
    let lines = log();
    let (start, end) = lines.get(1).unwrap().split_at(100);
    let cri = format!("{STAMP} stdout P {start}\n{STAMP} stderr F warning: x\n{STAMP} stdout F {end}\n");
    let piece =
        |stream: &str, piece: &str| format!(r#"{{"log":"{piece}","stream":"{stream}","time":"{STAMP}"}}"#) + "\n";
    let docker = piece("stdout", start) + &piece("stderr", "warning: x\\n") + &piece("stdout", &format!("{end}\\n"));
    for text in [cri, docker] {
        let found = call(&scan(&text));
        assert_eq!((found.url.as_str(), found.failure.message.as_str()), (URL, "Connection reset"), "{text}");
        assert_eq!((found.entry.first_line, found.entry.last_line), (1, 3));
    }
}

/// A gateway's sinks may be forwarded under a tag each: the thread that goes on in one has ended what it wrote to the other.
#[test]
fn a_thread_that_writes_under_two_tags() {
    let head = "2026-11-20T20:54:01.500-0300";
    let reason = format!("Unable to obtain HTTP response from {URL}: Connection reset");
    let request =
        format!("{head} INFO    7 com.l7tech.server.message: Processing request for service: Orders [/orders]");
    let text = [
        format!("{STAMP} gw01 audit: {request}\n"),
        format!(
            "{STAMP} gw01 audit: {head} WARNING 7 {ROUTING}: 4042: Problem routing to {URL}. Error msg: {reason}\n"
        ),
        format!("{STAMP} gw01 trace: {head} SEVERE  7 a.ServerAllAssertion: a.GenericHttpException: {reason}\n"),
        format!("{STAMP} gw01 audit: {request}\n"),
        format!("{STAMP} gw01 audit: {request}\n"),
    ]
    .concat();
    let found = call(&scan(&text));
    assert_eq!((found.service.as_deref(), found.also.map(|also| also.first_line)), (Some("Orders [/orders]"), Some(3)));
}

#[test]
fn more_sources_than_are_held() {
    let lines = log();
    let (head, trace) = (lines.get(1).unwrap(), lines.get(2).unwrap());
    let round = |line: &str, pods: usize| {
        (0..pods).map(|pod| format!("[pod/gw-{pod}/gw] {line}\n")).collect::<Vec<_>>().concat()
    };
    let few = scan(&(round(head, 31) + &round(trace, 31)));
    assert_eq!((few.calls.len(), few.counts.sources_cut_short), (31, 0));
    assert!(few.calls.iter().all(|call| call.failure.exceptions.len() == 1));
    let many = scan(&(round(head, 40) + &round(trace, 40)));
    assert_eq!((many.calls.len(), many.counts.sources_cut_short, many.counts.without_time), (40, 40, 40));
}
