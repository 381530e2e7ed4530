//! Whole logs through the scanner: entries, pairs, attempts, and bytes that are no log.

use super::*;

fn scan(text: impl AsRef<[u8]>) -> LogScan {
    scan_in_chunks(text.as_ref(), usize::MAX)
}

fn scan_in_chunks(bytes: &[u8], size: usize) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    bytes.chunks(size).for_each(|chunk| scanner.feed(chunk));
    scanner.finish()
}

/// The scan of pieces of so many bytes, each read in blocks of at least so many.
fn scan_in_blocks(bytes: &[u8], piece: usize, size: usize) -> LogScan {
    let options = LogOptions::default();
    let (mut scanner, lore) = (LogScanner::new(options), Lore::default());
    for piece in bytes.chunks(piece) {
        scanner.feed_blocks(piece, size, |blocks| {
            blocks.iter().map(|block| LogBlock::read(options, block, &lore)).collect()
        });
    }
    scanner.finish()
}

/// A record at so many milliseconds past a full minute.
fn at(ms: u32, thread: u32, text: &str) -> String {
    format!("2026-11-20T20:54:{:02}.{:03}-0300 INFO    {thread} {text}\n", ms / 1000, ms % 1000)
}

fn header(ms: u32, thread: u32) -> String {
    at(ms, thread, "com.l7tech.server.message: Processing request for service: Orders [/orders]")
}

fn audit(ms: u32, thread: u32, reason: &str) -> String {
    let text = format!("Problem routing to {URL}. Error msg: Unable to obtain HTTP response from {URL}: {reason}");
    at(ms, thread, &format!("com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: {text}"))
}

fn severe(ms: u32, thread: u32, reason: &str) -> String {
    let text = format!(
        "Error occurred. com.l7tech.common.http.GenericHttpException: Unable to obtain HTTP response from {URL}: {reason} at \
         com.l7tech.common.http.prov.apache.components.f.getResponse(Unknown Source)\n\njava.net.SocketException: {reason}"
    );
    at(ms, thread, &format!("com.l7tech.server.policy.assertion.composite.ServerAllAssertion: {text}"))
}

fn elapsed(ms: u32, thread: u32, text: &str) -> String {
    at(ms, thread, &format!("com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4: {text}"))
}

fn attempt(ms: u32, thread: u32) -> String {
    let logger = "org.apache.http.impl.execchain.RetryExec";
    let text = "caught when processing request to {}->http://h:8080: Connection reset";
    at(ms, thread, &format!("{logger}: I/O exception (java.net.SocketException) {text}"))
        + &at(ms, thread, &format!("{logger}: Retrying request to {{}}->http://h:8080"))
}

/// First and last line of an entry.
type Lines = (u64, u64);

/// The lines of each call's one or two entries.
fn spans(scan: &LogScan) -> Vec<(Lines, Option<Lines>)> {
    let lines = |span: EntrySpan| (span.first_line, span.last_line);
    scan.calls.iter().map(|call| (lines(call.entry), call.also.as_deref().copied().map(lines))).collect()
}

const URL: &str = "http://h:8080/api";
const RESET: &str = "Connection reset";

#[test]
fn a_call_began_after_the_thread_turned_to_the_request_before() {
    let text = header(10, 7) + &header(40, 8) + &header(100, 7) + &audit(150, 7, RESET) + &header(160, 7);
    let scan = scan(&text);
    let [call] = scan.calls.as_slice() else { panic!("{scan:?}") };
    assert_eq!(call.request_before.map(|before| call.time.since(before)), Some(140_000_000));
}

#[test]
fn a_call_with_all_that_a_log_can_say() {
    let text =
        header(100, 7) + &audit(150, 7, RESET) + &severe(151, 7, RESET) + &elapsed(152, 7, "routing finished in 51 ms");
    let scan = scan(&text);
    let [call] = scan.calls.as_slice() else { panic!("{scan:?}") };
    assert_eq!(spans(&scan), [((2, 2), Some((3, 5)))]);
    let entry = text.get(call.entry.offset as usize..(call.entry.offset + call.entry.length) as usize);
    assert_eq!(entry, Some(&*audit(150, 7, RESET)));
    let also = call.also.as_deref().unwrap();
    assert_eq!(text.get(also.offset as usize..(also.offset + also.length) as usize), Some(&*severe(151, 7, RESET)));
    assert_eq!((call.failure.symptom, &*call.failure.message, &*call.url), (Symptom::ConnectionReset, RESET, URL));
    assert_eq!(call.failure.target, Target { scheme: "http".into(), host: "h".into(), port: 8080 });
    assert_eq!((call.service.as_deref(), call.thread.as_deref()), (Some("Orders [/orders]"), Some("7")));
    assert_eq!(call.processing.map(|time| call.time.since(time)), Some(50_000_000));
    assert_eq!((call.elapsed_ms, call.failure.zone, call.failure.resolution), (Some(51), Some(-10_800), 1_000_000));
    assert_eq!(call.elapsed_line.map(|line| line.since(call.time)), Some(2_000_000));
    assert_eq!(call.request_before, None);
    assert_eq!(call.time.to_string(), "2026-11-20T23:54:00.150000Z");
    let exceptions: Vec<&str> = call.failure.exceptions.iter().map(|class| &**class).collect();
    assert_eq!(exceptions, ["com.l7tech.common.http.GenericHttpException", "java.net.SocketException"]);
    assert_eq!(scan.requests_by_service.get("Orders [/orders]"), Some(&1));
    assert_eq!((scan.first, scan.last.map(|last| last.since(call.time))), (call.processing, Some(2_000_000)));
}

#[test]
fn the_second_entry_may_be_far_off() {
    let others: String = (0..200).map(|number| header(200 + number, 100 + number)).collect();
    let scan = scan(header(100, 7) + &audit(150, 7, RESET) + &others + &severe(9_000, 7, RESET));
    assert_eq!(spans(&scan), [((2, 2), Some((203, 205)))]);
}

#[test]
fn a_reused_thread_is_another_call() {
    let one = header(100, 7) + &audit(150, 7, RESET);
    let two = header(160, 7) + &audit(190, 7, RESET) + &severe(191, 7, RESET);
    assert_eq!(spans(&scan(one + &two)), [((2, 2), None), ((4, 4), Some((5, 7)))]);
}

#[test]
fn entries_of_one_logger_are_two_calls() {
    let text = header(100, 7)
        + &audit(150, 7, RESET)
        + &audit(170, 7, RESET)
        + &severe(171, 7, RESET)
        + &severe(172, 7, RESET);
    assert_eq!(spans(&scan(text)), [((2, 2), Some((4, 6))), ((3, 3), Some((7, 9)))]);
}

#[test]
fn another_thread_or_reason_is_another_call() {
    let text = header(100, 7) + &audit(150, 7, RESET) + &severe(151, 8, RESET) + &severe(152, 7, "Broken pipe");
    assert_eq!(scan(text).calls.len(), 3);
}

#[test]
fn a_header_that_auditing_delays_stands_between_the_entries() {
    let text = header(10, 7) + &severe(500, 7, RESET) + &header(900, 7) + &audit(901, 7, RESET);
    let scan = scan(text);
    assert_eq!(spans(&scan), [((2, 4), Some((6, 6)))]);
    assert_eq!(scan.calls.first().unwrap().service.as_deref(), Some("Orders [/orders]"));
}

#[test]
fn a_header_of_the_same_instant_may_stand_between_the_entries() {
    let text = audit(100, 7, RESET) + &header(100, 7) + &severe(100, 7, RESET);
    assert_eq!(spans(&scan(text)), [((1, 1), Some((3, 5)))]);
    // A header that comes later begins another request.
    let text = audit(100, 7, RESET) + &header(130, 7) + &severe(140, 7, RESET);
    assert_eq!(scan(text).calls.len(), 2);
}

#[test]
fn attempts_belong_to_the_call_that_fails_after_them() {
    let scan = scan(header(100, 7) + &attempt(110, 7) + &attempt(120, 7) + &audit(300, 7, RESET));
    let lines: Vec<u64> = scan.calls.iter().flat_map(|call| &call.retries).map(|retry| retry.line).collect();
    assert_eq!((scan.calls.len(), &*lines, scan.retries.len()), (1, &[2, 4][..], 0));
}

#[test]
fn attempts_before_a_success_are_kept_apart() {
    let text = header(100, 7)
        + &attempt(110, 7)
        + &header(200, 7)
        + &audit(300, 7, RESET)
        + &header(400, 7)
        + &attempt(410, 7);
    let scan = scan(text);
    assert!(scan.calls.iter().all(|call| call.retries.is_empty()));
    assert_eq!(scan.retries.iter().map(|retry| retry.line).collect::<Vec<_>>(), [2, 7]);
}

#[test]
fn attempts_stand_before_a_header_that_auditing_delays() {
    let scan = scan(header(10, 7) + &attempt(110, 7) + &header(900, 7) + &audit(900, 7, RESET));
    assert_eq!(scan.calls.first().map(|call| call.retries.len()), Some(1));
}

#[test]
fn a_duration_is_bound_only_where_it_has_one_call() {
    let twice = header(100, 7) + &audit(150, 7, RESET) + &audit(170, 7, RESET) + &elapsed(180, 7, "took 9 ms");
    assert!(scan(twice).calls.iter().all(|call| call.elapsed_ms.is_none()));
    let next = header(100, 7) + &audit(150, 7, RESET) + &header(160, 7) + &elapsed(180, 7, "took 9 ms");
    assert!(scan(next).calls.iter().all(|call| call.elapsed_ms.is_none()));
}

#[test]
fn a_trace_below_a_harmless_head() {
    let text = "2020-02-14T10:43:11.801-0800 SEVERE  353 com.l7tech.server.Servlet: Assertion failed\n\
        com.l7tech.common.http.GenericHttpException: Unable to obtain HTTP response from https://h/: Read timed out\n\
        \tat a.b(Unknown Source)\nCaused by: java.net.SocketTimeoutException: Read timed out\n\n\n";
    let scan = scan(text);
    assert_eq!(spans(&scan), [((1, 4), None)]);
    assert_eq!(scan.calls.first().map(|call| call.failure.symptom), Some(Symptom::ReadTimeout));
}

#[test]
fn escaped_traces_are_one_line() {
    let line = audit(150, 7, RESET);
    let line = line.trim_end();
    for text in [
        format!(
            "{line}#012a.b.GenericHttpException: x#012#011at a.b(C.java:1)#012Caused by: java.net.SocketException: y\n"
        ),
        format!(
            "{line}\\na.b.GenericHttpException: x\\n\\tat a.b(C.java:1)\\nCaused by: java.net.SocketException: y\n"
        ),
    ] {
        let scan = scan(&text);
        let call = scan.calls.first().unwrap();
        assert_eq!((&*call.failure.message, call.failure.exceptions.len()), (RESET, 2), "{text}");
    }
}

#[test]
fn chunks_of_any_size_give_the_same() {
    let mut text = header(100, 7) + &attempt(110, 7) + &audit(150, 7, RESET) + &header(1, 8) + &severe(151, 7, RESET);
    text += &"\tat a.b.c(Unknown Source)\n".repeat(5);
    text += &elapsed(152, 7, "routing finished in 51 ms").replace('\n', "\r\n");
    text += &header(200, 7);
    text +=
        &audit(300, 7, "Premature end of Content-Length delimited message body (expected: 10,240; received: 1,024)");
    let text = text.trim_end();
    let whole = scan(text);
    assert_eq!(whole.calls.len(), 2);
    for size in 1..text.len() {
        assert_eq!(scan_in_chunks(text.as_bytes(), size), whole, "chunks of {size}");
    }
}

/// What runs on from block to block: headers, attempts before their failure, durations behind one, traces, threads that are not named,
/// bad stamps, phrases in lines that continue nothing.
fn varied() -> String {
    let unnamed = "2026-11-20T20:54:01.000-0300 a.b: Problem routing to http://h/. Error msg: Connection reset\n";
    let retry = "2026-11-20T20:54:02.000-0300 a.b: I/O exception (x.Y) caught when connecting to the target host: Broken pipe\n";
    let bad = "2026-99-20T20:54:02.000-0300 a.b: took 7 ms\n";
    let lines = [
        elapsed(5, 7, "took 5 ms") + bad,
        header(100, 7) + &header(110, 8) + &header(120, 7),
        attempt(130, 7) + &elapsed(140, 8, "took 14 ms"),
        audit(150, 7, RESET) + "a.b.GenericHttpException: x\n\tat a.b.c(Unknown Source)\n\n",
        elapsed(151, 7, "no figure, but it took long")
            + &elapsed(152, 7, "took 52 ms")
            + &elapsed(153, 7, "took 53 ms"),
        header(155, 8) + unnamed + retry + bad,
        severe(160, 7, RESET) + &elapsed(161, 8, "took 61 ms"),
        at(170, 9, "a.b: harmless") + "a.b.GenericHttpException: Unable to obtain HTTP response from http://i/: y\n",
        "Problem routing to http://j/\n".to_owned() + &audit(180, 8, "Read timed out"),
        (0..12).map(|ms| elapsed(190 + ms, 8, "took 9 ms")).collect(),
        header(300, 7) + &audit(301, 7, RESET) + &attempt(302, 8) + &audit(303, 10, RESET) + &header(304, 10),
    ];
    lines.concat()
}

#[test]
fn blocks_of_any_size_give_the_same() {
    let text = "\tat a.b.c(Unknown Source)\n".to_owned() + &at(1, 1, "a.b: x") + &varied();
    let whole = scan(&text);
    assert_eq!((whole.calls.len(), whole.retries.len(), whole.counts.bad_heads), (6, 2, 1));
    for piece in [97, 500, 1_000, 1_500, text.len()] {
        for size in (0..1_000).step_by(7) {
            assert_eq!(scan_in_blocks(text.as_bytes(), piece, size), whole, "pieces of {piece}, blocks of {size}");
        }
    }
}

/// Whether a failure came before is known only where blocks are put together.
#[test]
fn lines_that_count_behind_a_failure_alone() {
    let before = at(900, 1, "a.b: x") + &elapsed(100, 7, "took 5 ms") + &at(901, 1, "a.b: x").repeat(3);
    let scan_of = |text: &str| (scan(text), scan_in_blocks(text.as_bytes(), usize::MAX, 0));
    let (whole, blocks) = scan_of(&before);
    assert_eq!((whole.first == whole.last, &blocks), (false, &whole));
    let (whole, blocks) = scan_of(&(audit(900, 7, RESET) + &before));
    assert_eq!((whole.calls.first().and_then(|call| call.elapsed_ms), &blocks), (None, &whole));
    let (whole, blocks) = scan_of(&(audit(90, 7, RESET) + &before));
    assert_eq!((whole.calls.first().and_then(|call| call.elapsed_ms), &blocks), (Some(5), &whole));
}

/// Beyond the bound what is forgotten depends on what came before, so that such blocks are read once more.
#[test]
fn blocks_beyond_the_bound_on_threads_give_the_same() {
    let headers = |from: u32| (from..from + 40_000).map(|thread| header(1, thread)).collect::<String>();
    let failures = audit(3, 5, RESET) + &audit(3, 6, RESET);
    let text = headers(1) + &audit(2, 5, RESET) + &headers(50_000) + &failures + &header(4, 7);
    let whole = scan(&text);
    // The header of thread 6 is forgotten before its failure comes; a block by itself would know it still.
    let services: Vec<bool> = whole.calls.iter().map(|call| call.service.is_some()).collect();
    assert_eq!((whole.counts.threads_forgotten > 0, services), (true, vec![true, true, false]));
    for size in [1 << 20, usize::MAX] {
        assert_eq!(scan_in_blocks(text.as_bytes(), usize::MAX, size), whole);
    }
}

#[test]
fn line_ends_marks_and_stray_bytes() {
    let text = (header(100, 7) + &audit(150, 7, RESET) + &severe(151, 7, RESET)).replace('\n', "\r\n");
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(b"\0\0\xff\xfe\r\n\xc3");
    let scan = scan(&bytes);
    assert_eq!((scan.counts.records, scan.counts.orphan_lines, scan.counts.bytes), (3, 0, bytes.len() as u64));
    assert_eq!(scan.calls.first().map(|call| (&*call.failure.message, call.also.is_some())), Some((RESET, true)));
}

#[test]
fn a_body_forges_nothing_elsewhere() {
    let body = elapsed(100, 7, "responseCode=500,body=<p>Problem routing to http://x/. Error msg: y</p>");
    let scan = scan(body + "Problem routing to http://x/. Error msg: Connection reset\n" + &audit(150, 7, RESET));
    assert_eq!(spans(&scan), [((3, 3), None)]);
    // The line below the audit detail is part of its record.
    assert_eq!(scan.counts.quoted, 1);
}

#[test]
fn what_fits_no_grammar_is_counted() {
    let counts = |text: &str| scan(text).counts;
    assert_eq!(counts("Problem routing to http://x/\n").without_time, 1);
    assert_eq!(counts("2021-99-01T00:00:00.000Z Problem routing to http://x/\n").bad_heads, 1);
    assert_eq!(counts(&at(1, 1, "a.b: GenericHttpException")).without_url, 1);
    let long = audit(1, 1, RESET) + &"\tat a.b.c(Unknown Source)\n".repeat(2_000);
    assert_eq!(counts(&long).lines_beyond_bound, 2_000 - 512);
    assert_eq!(spans(&scan(&long)), [((1, 2_001), None)]);
}

#[test]
fn an_endless_line_costs_no_memory_and_no_neighbour() {
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(header(1, 7).as_bytes());
    for _ in 0..4096 {
        scanner.feed(&[b'x'; 1 << 10]);
    }
    scanner.feed(b" Problem routing to http://x/\n");
    scanner.feed(audit(9, 7, RESET).as_bytes());
    let scan = scanner.finish();
    assert_eq!(scan.counts.oversize_lines, 1);
    assert_eq!(spans(&scan), [((3, 3), None)]);
}

#[test]
fn noise_is_no_log() {
    let mut state = 1_u64;
    let mut noise: Vec<u8> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        })
        .collect();
    for phrase in ["\n2021-01-01T00:00:00 Problem routing to ", "I/O exception (", ": GenericHttpException at x.y("] {
        for place in (0..noise.len() - 64).step_by(997) {
            noise.splice(place..place, phrase.bytes());
        }
    }
    assert_eq!(scan_in_chunks(&noise, 333), scan(&noise));
}
