//! Logs in one file and in several.

use std::sync::Arc;

fn chained(parts: Vec<LogPart>) -> Vec<LogScan> {
    chain(parts, |calls| calls)
}

use super::*;
use crate::log::{LogOptions, LogScanner};

fn part(text: &str) -> LogPart {
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(text.as_bytes());
    scanner.finish_part()
}

fn line(second: u32, milli: u32, thread: u32, logger: &str, text: &str) -> String {
    format!("2026-11-20T10:00:{second:02}.{milli:03}+0000 WARNING {thread} {logger}: {text}\n")
}

fn header(second: u32, thread: u32) -> String {
    line(second, 0, thread, "com.l7tech.server.message", &format!("Processing request for service: S{thread} [/s]"))
}

fn audit(second: u32, thread: u32) -> String {
    let text = "4042: Problem routing to http://h/. Error msg: Unable to obtain HTTP response from http://h/: Connection reset";
    line(second, 100, thread, "a.ServerHttpRoutingAssertion", text)
}

fn severe(second: u32, thread: u32) -> String {
    let text = "Error occurred. com.l7tech.common.http.GenericHttpException: Unable to obtain HTTP response from http://h/: Connection reset";
    line(second, 200, thread, "a.ServerPolicy", text)
}

fn retry(second: u32, thread: u32) -> String {
    let text =
        "I/O exception (java.net.SocketException) caught when processing request to {}->http://h: Connection reset";
    line(second, 50, thread, "org.apache.http.impl.execchain.RetryExec", text)
}

/// A call's time, its service, and how many attempts came before it.
type Told = (Timestamp, Option<Arc<str>>, usize);

/// Calls, second records, silent retries and copies, over all files.
fn told(scans: &[LogScan]) -> (Vec<Told>, u64, usize, u64) {
    let mut calls: Vec<_> = scans
        .iter()
        .flat_map(|scan| &scan.calls)
        .map(|call| (call.time, call.service.clone(), call.retries.len()))
        .collect();
    calls.sort();
    let sum = |count: fn(&LogScan) -> u64| scans.iter().map(count).sum();
    (
        calls,
        sum(|scan| scan.counts.paired),
        scans.iter().map(|scan| scan.retries.len()).sum(),
        sum(|scan| scan.counts.copies),
    )
}

fn lines() -> Vec<String> {
    [
        vec![header(1, 7), retry(1, 7), audit(2, 7), severe(3, 7), header(4, 8), audit(4, 8)],
        vec![header(5, 7), header(5, 9), retry(6, 9), severe(6, 8), header(7, 9), header(8, 9)],
        // A record at once, its header and audit detail when the request is done.
        vec![severe(10, 7), line(10, 205, 7, "com.l7tech.server.message", "Processing request for service: S7 [/s]")],
        vec![audit(10, 7).replace(".100", ".210"), header(12, 8), audit(12, 8)],
    ]
    .concat()
}

#[test]
fn a_log_is_the_same_wherever_it_is_cut() {
    let lines = lines();
    let whole = told(&chained(vec![part(&lines.concat())]));
    assert_eq!((whole.0.len(), whole.1, whole.2, whole.3), (4, 3, 1, 0));
    for cut in 1..lines.len() {
        for second in cut..=lines.len() {
            let texts = [&lines[..cut], &lines[cut..second], &lines[second..]].map(<[String]>::concat);
            let parts = |order: [usize; 3]| order.map(|index| part(&texts[index])).into();
            for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
                assert_eq!(told(&chained(parts(order))), whole, "cut before {cut} and {second}, read as {order:?}");
            }
        }
    }
}

#[test]
fn every_file_keeps_its_own_calls() {
    let lines = lines();
    let scans = chained(vec![part(&lines[3..].concat()), part(&lines[..3].concat())]);
    // The audit detail stands last in the first file, and its second record first in the other.
    let (later, first) = (&scans[0], &scans[1]);
    assert_eq!((first.calls.len(), later.calls.len()), (1, 3));
    let entry = first.calls[0].entry;
    assert_eq!((entry.first_line, first.calls[0].also.as_ref()), (3, None));
    assert_eq!(first.calls[0].service.as_deref(), Some("S7 [/s]"));
    assert_eq!((first.counts.paired, later.counts.paired), (0, 3));
}

#[test]
fn copies_that_overlap_count_once() {
    let lines = lines();
    let whole = told(&chained(vec![part(&lines.concat())]));
    for from in 0..lines.len() - 1 {
        for to in from + 1..=lines.len() {
            let copy = lines[from..to].concat();
            for parts in [[&*lines.concat(), &copy], [&copy, &lines.concat()]] {
                let (calls, _, retries, _) = told(&chained(parts.map(part).into()));
                let times = |calls: &[Told]| calls.iter().map(|call| call.0).collect::<Vec<_>>();
                // A copy that begins with the second record of a call has it at the later time; the whole one counts.
                assert_eq!((times(&calls), retries), (times(&whole.0), whole.2), "a copy from {from} to {to}");
            }
        }
    }
    let scans = chained(vec![part(&lines.concat()), part(&lines.concat()), part(&lines.concat())]);
    assert_eq!(told(&scans).3, 2 * (4 + 1));
}

/// As text, flattened by a syslog daemon, and as the formatter's JSON, which has requests in the place of threads, or nothing.
#[test]
fn copies_in_another_form_count_once() {
    // Two threads fail alike within a millisecond.
    let audits = [(3, 7), (2, 7), (2, 8)];
    let written = |audits: &[(u32, u32)]| audits.iter().map(|(second, thread)| audit(*second, *thread)).collect();
    let text: String = written(&audits);
    let (_, said) = text.lines().next().unwrap().split_once("4042: ").unwrap();
    let json = |audits: &[(u32, u32)], request: fn(u32) -> String| -> String {
        let record = |(second, thread): &(u32, u32)| {
            let request = request(*thread);
            format!(
                "{{\"package\":\"a.ServerHttpRoutingAssertion\",\"level\":\"WARNING\",\"log\":{{\"detail-id\":4042.0,\
                 \"message\":\"{said}\\na.b.GenericHttpException: x\"{request}}},\"time\":\"2026-11-20T10:00:{second:02}.100+0000\"}}\n"
            )
        };
        audits.iter().map(record).collect()
    };
    let requests = json(&audits, |thread| format!(",\"request-id\":\"627f8aeeb0c5d911-{thread:016x}\""));
    // Without either, the same record twice was written by two handlers.
    let nameless = json(&audits[..2], |_| String::new());
    let below = "#012a.b.GenericHttpException: x#012#011at a.b(C.java:1)\n";
    let flattened: String = text.lines().flat_map(|line| [line, below]).collect();
    for (text, copy, due) in [(&text, requests, 3), (&written(&audits[..2]), nameless, 2), (&text, flattened, 3)] {
        assert_eq!(chained(vec![part(&copy)])[0].calls.len(), due, "{copy}");
        for parts in [[text, &copy], [&copy, text]] {
            let (calls, .., copies) = told(&chained(parts.map(|text| part(text)).into()));
            assert_eq!((calls.len(), copies), (due, due as u64), "{parts:?}");
        }
    }
    // Another thread's record is none.
    let other = audit(2, 9);
    assert_eq!(told(&chained(vec![part(&text), part(&other)])).0.len(), 4);
}

#[test]
fn the_same_record_twice_in_one_file_is_no_copy() {
    let text = [header(1, 7), audit(2, 7), audit(2, 7)].concat();
    let scans = chained(vec![part(&text)]);
    assert_eq!((scans[0].calls.len(), scans[0].counts.copies), (2, 0));
}

#[test]
fn logs_that_run_at_the_same_time_are_kept_apart() {
    // Thread 7 of two nodes: the second record of one call stands in a log that runs beside.
    let a = [header(1, 7), audit(2, 7), header(9, 1)].concat();
    let b = [header(1, 3), severe(3, 7), header(9, 2)].concat();
    assert_eq!(told(&chained(vec![part(&a), part(&b)])).0.len(), 2);
    // Long after, it is no rotation either.
    let late = severe(3, 7).replace("T10:", "T11:");
    assert_eq!(told(&chained(vec![part(&a), part(&late)])).0.len(), 2);
}

/// Records of several threads in one line of a container, which have one place: found by fuzzing.
#[test]
fn records_of_one_line_keep_their_order() {
    let records: String = (0..40).map(|thread| audit(thread, thread).replace('\n', "\\n")).collect();
    let text = format!("{{\"log\":\"{records}\",\"stream\":\"stdout\",\"time\":\"2026-11-20T10:00:00Z\"}}\n");
    let scans = chained(vec![part(&text)]);
    let times: Vec<_> = scans[0].calls.iter().map(|call| call.time).collect();
    assert!(times.len() == 40 && times.is_sorted(), "{times:?}");
}
