//! `report.html` in headless Chromium, and `review.md`. `./test` installs the browser and what drives it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wirecause::{
    attribute::verdict::{Cause, Responsible},
    report::{
        review::{Material, Review, facts::Facts, page},
        rows::{ErrorRow, FindingRow},
        story::{Disclosure, Fact, LadderEvent, Story, Who},
    },
};
use wirecause_parsers::{log::Symptom, time::Timestamp};

use crate::harness::{Scratch, root};

/// The page of `harbor`, where it is there, or of the sample.
fn page_of_an_incident(scratch: &Scratch) -> PathBuf {
    let harbor = root().join("../shared/incidents/harbor");
    let inputs = if harbor.join("gateway.pcap").exists() {
        vec![harbor.join("ssg_0_0.log"), harbor.join("gateway.pcap")]
    } else {
        vec![root().join("samples/harbor-cut/ssg_0_0.log"), root().join("samples/harbor-cut/gateway.pcap")]
    };
    let mut args = vec!["analyze".into(), "-o".into(), "out".into(), "-q".into()];
    args.extend(inputs.into_iter().map(PathBuf::into_os_string));
    scratch.wirecause::<std::ffi::OsString>(0, &args);
    scratch.path("out/report.html")
}

/// Runs one check of `tests/browser/check.mjs` on a page; its words are printed.
fn check(scratch: &Scratch, name: &str, page: &Path, argument: &str) {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../browser");
    assert!(modules.join("node_modules").exists(), "{} is not there: ./test installs it", modules.display());
    let mut command = Command::new("node");
    command.arg(root().join("tests/browser/check.mjs")).arg(modules).arg(name).arg(page).arg(argument);
    println!("{name}: {}", scratch.run(0, &mut command).stdout());
}

#[test]
fn the_page_of_an_incident_works_in_a_browser() {
    let scratch = Scratch::new("page-incident");
    let page = page_of_an_incident(&scratch);
    for name in ["loads", "filters", "story", "ladder", "shares", "themes", "fits"] {
        check(&scratch, name, &page, "");
    }
}

#[test]
fn axe_finds_nothing() {
    let scratch = Scratch::new("page-axe");
    let page = page_of_an_incident(&scratch);
    check(&scratch, "accessible", &page, "");
}

#[test]
fn hostile_text_shows_as_text() {
    let scratch = Scratch::new("page-hostile");
    let hostile = "<script>globalThis.pwned=1</script> \"><img src=x onerror=globalThis.pwned=1> \u{202e}gnp \u{1b}[31mred\u{7} | [x](http://evil.example) </script><!-- & 'q'";
    let line = |second: u32, reason: &str| {
        format!(
            "2026-11-20T20:54:{second:02}.737-0300 WARNING 79 com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: Problem \
             routing to http://h.example:8080/a. Error msg: Unable to obtain HTTP response from http://h.example:8080/a: {reason}\n"
        )
    };
    let log = line(1, &format!("Connection reset {hostile}"))
        + &line(2, "Connection reset")
        + &line(3, &format!("Read timed out {hostile}"));
    scratch.write("in/<img src=x onerror=globalThis.pwned=1>.log", log);
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q"]);
    check(&scratch, "hostile", &scratch.path("out/report.html"), "");
    let markdown = fs::read_to_string(scratch.path("out/review.md")).unwrap();
    assert!(!markdown.contains('<') && !markdown.chars().any(|c| c.is_control() && c != '\n'), "{markdown}");
}

#[test]
fn the_same_inputs_make_the_same_page() {
    let (one, two) = (Scratch::new("page-same-one"), Scratch::new("page-same-two"));
    let sample = root().join("samples/harbor-cut");
    let (log, capture) = (sample.join("ssg_0_0.log"), sample.join("gateway.pcap"));
    let (log, capture) = (log.to_str().unwrap(), capture.to_str().unwrap());
    one.wirecause(0, &["analyze", log, capture, "-o", "out", "-q", "--threads", "1"]);
    two.wirecause(0, &["analyze", capture, log, "-o", "other", "-q", "--threads", "3"]);
    for name in ["report.html", "review.md"] {
        let pair = [one.path("out"), two.path("other")].map(|directory| fs::read(directory.join(name)).unwrap());
        assert!(pair[0] == pair[1], "{name} differs");
    }
}

#[test]
fn ten_thousand_calls_open_within_two_seconds() {
    let scratch = Scratch::new("page-many");
    let path = scratch.path("report.html");
    let errors: Vec<ErrorRow> = (0..MANY).map(row).collect();
    let stories: Vec<Story> = errors.iter().enumerate().map(|(call, row)| story(call as i64, row)).collect();
    let findings = [FindingRow {
        finding: "single-backend",
        node: "gateway".to_owned(),
        host: None,
        peer: None,
        count: 1,
        calls: MANY as u64,
        members: (0..MANY as usize).collect(),
        first_time: None,
        last_time: None,
        value_low: None,
        value_high: None,
        unit: None,
        statement: "All of them.".to_owned(),
        advice: None,
    }];
    let facts = Facts::default();
    let review = Review::new(Material {
        errors: &errors,
        connections: &[],
        findings: &findings,
        stories: &stories,
        facts: &facts,
        inputs: &[],
        counters: &serde_json::Value::Null,
        options: &[],
        disclosure: Disclosure::Full,
    });
    page::write(&review, fs::File::create(&path).unwrap(), &path).unwrap();
    check(&scratch, "many", &path, &MANY.to_string());
}

/// A call with as much to tell as real ones have.
fn row(call: i64) -> ErrorRow {
    let host = format!("backend{:02}.corp.example", call % 37);
    let causes = [Cause::StaleConnectionReuse, Cause::SlowResponse, Cause::InjectedReset, Cause::ConnectTimeout];
    let cause = causes[(call % 4) as usize];
    ErrorRow {
        error_id: format!("{:016x}", call * 7_919),
        log_time: Timestamp::from_nanos(1_795_218_871_000_000_000 + call * 37_000_000),
        node: "gateway".to_owned(),
        log_file: "ssg_0_0.log".to_owned(),
        log_line: call as u64 * 21 + 1,
        thread: Some((call % 200).to_string()),
        service: Some(format!("Service {} [/service{}]", call % 37, call % 37)),
        url: format!("http://{host}:8080/api/v1/orders/{}?customer={}", 1_000_000 + call, call * 31 % 9_973),
        host,
        port: 8080,
        symptom: if call % 3 == 0 { Symptom::ReadTimeout } else { Symptom::ConnectionReset },
        message: "Connection reset".to_owned(),
        r#match: "certain",
        candidates: 1,
        margin: Some(30.0),
        lag_ms: Some(0.4),
        earlier_connections: Vec::new(),
        connection_id: Some(format!("1:wQMmT30liLCcV29uQAnSy0Bc{call:05}=@2026-11-20T23:54:31.877335Z")),
        gateway_ip: Some("10.77.1.2".parse().unwrap()),
        gateway_port: Some(40_000),
        peer_ip: Some("10.77.2.21".parse().unwrap()),
        peer_port: Some(8080),
        capture_file: Some("gateway.pcap".to_owned()),
        ending_frame: Some(316 + call as u64),
        ending_time: Some(Timestamp::from_nanos(1_795_218_870_999_000_000 + call * 37_000_000)),
        wireshark_filter: Some("ip.addr==10.77.1.2 && ip.addr==10.77.2.21 && tcp.port==48197".to_owned()),
        exchange: Some(1),
        idle_before_s: Some(0.5 + (call % 50) as f64 / 10.0),
        wait_s: Some(0.01 + (call % 70) as f64 / 20.0),
        request_bytes: Some(166),
        acked_bytes: Some(166),
        response_bytes: Some(0),
        retransmissions: Some(0),
        handshake_rtt_ms: Some(9.1),
        ended_by: Some("peer"),
        ending: Some("rst"),
        peer_closed_before_send: Some(false),
        reset_shape: Some("active"),
        reset_ttl: Some(63),
        peer_ttl: Some(63),
        reset_delay_ms: Some(10.4),
        origin_tests: Vec::new(),
        cause,
        also_possible: Vec::new(),
        responsible: Some(Responsible::Backend),
        confidence: 0.5 + (call % 50) as f64 / 100.0,
        health: None,
        explanation: format!(
            "The peer ended the connection {}.4 ms after the request (RST of the peer in frame {}): its kernel had acknowledged the \
             request, but that soon hardly a process read it. Idle times up to 2.{:03} s to this peer survived.",
            call % 97,
            316 + call,
            call % 1_000
        ),
    }
}

/// A story with a full ladder, whose numbers differ from call to call.
fn story(call: i64, row: &ErrorRow) -> Story {
    let event = |step: i64| LadderEvent {
        time_ns: row.log_time.nanos() - (48 - step) * (1_000_003 + call % 7_919),
        who: [Who::GatewayToPeer, Who::PeerToGateway][(step % 2) as usize],
        frame: Some((316 + call * 48 + step) as u64),
        capture_file: Some("gateway.pcap".to_owned()),
        flags: "PSH ACK".to_owned(),
        seq: Some(step * (160 + call % 89)),
        ack: Some(step * (200 + call % 97)),
        payload: Some((160 + (call * 7 + step) % 1_200) as u32),
        window: Some(501),
        ttl: Some(64),
        note: (step % 6 == 0).then(|| format!("request {step}, acknowledged {}.{} ms later", call % 31, step)),
        ..LadderEvent::default()
    };
    Story {
        error_id: row.error_id.clone(),
        log_time_ns: row.log_time.nanos(),
        log_file: row.log_file.clone(),
        log_line: row.log_line,
        log_entry: (0..20)
            .map(|line| {
                format!("\tat org.apache.http.impl.Frame{line}.call(Frame{line}.java:{})", line * 17 + call % 13)
            })
            .collect(),
        url: row.url.clone(),
        host: row.host.clone(),
        port: row.port,
        connection_id: row.connection_id.clone(),
        events: (0..48).map(event).collect(),
        facts: vec![Fact { name: "idle before the request".to_owned(), value: format!("{}.012 s", call % 9) }],
        cause: row.cause.word().to_owned(),
        rule: "A rule.".to_owned(),
        explanation: row.explanation.clone(),
        wireshark_filter: row.wireshark_filter.clone(),
        ..Story::default()
    }
}

/// Failed calls that a page opens within two seconds.
const MANY: i64 = 10_000;
