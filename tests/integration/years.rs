//! Stamps of RFC 3164, which name neither year nor zone, and failures that make no call.

use std::{
    fs::File,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use crate::harness::{Ran, Scratch, root};

const ASSERTION: &str = "com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion";

/// The line of the gateway's STANDARD layout behind a stamp.
fn line(stamp: &str) -> String {
    let url = "http://reports.corp.example:8080/api";
    format!(
        "<132>{stamp} gw01 SSG-default: WARNING {ASSERTION}: 4042: Problem routing to {url}. Error msg: Unable to obtain HTTP response \
         from {url}: The target server failed to respond\n"
    )
}

fn times(ran: &Ran) -> Vec<String> {
    let text = ran.stdout();
    let times = text.lines().skip(1).filter_map(|row| row.split(',').find(|cell| cell.ends_with('Z')));
    times.map(str::to_owned).collect()
}

#[test]
fn the_option_says_the_year_and_the_zone() {
    let scratch = Scratch::new("years-option");
    scratch.write("s.log", line("Dec 31 23:54:31") + &line("Jan  1 00:54:31"));
    let ran = scratch.wirecause(0, &["errors", "s.log", "--log-year", "2026", "--log-timezone", "-03:00"]);
    assert_eq!(times(&ran), ["2027-01-01T02:54:31.000000Z", "2027-01-01T03:54:31.000000Z"]);
    scratch.write("wirecause.toml", "log-year = 2025\n");
    let ran = scratch.wirecause(0, &["errors", "s.log"]);
    assert_eq!(times(&ran), ["2025-12-31T23:54:31.000000Z", "2026-01-01T00:54:31.000000Z"]);
    scratch.wirecause(2, &["errors", "s.log", "--log-year", "26"]);
}

/// What is nearer to the log wins; each time the result is the same whatever day it is.
#[test]
fn what_else_says_the_year() {
    let scratch = Scratch::new("years-else");
    let path = scratch.write("logs/s.log", line("Nov 20 20:54:31"));
    // 2025-03-01, so that the November before was 2024's.
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(UNIX_EPOCH + Duration::new(1_740_787_200, 0))
        .unwrap();
    let year = |expected: &str, from: &str| {
        let ran = scratch.wirecause(0, &["errors", "logs"]);
        assert!(times(&ran).iter().any(|time| time == &format!("{expected}-11-20T20:54:31.000000Z")), "{}", ran.dump());
        let told = scratch.wirecause(0, &["inspect", "logs"]).stdout();
        assert!(told.contains(&format!("stamps without a year: from {expected} on, by {from}")), "{told}");
    };
    year("2024", "the time at which the file was changed");
    std::fs::copy(root().join("samples/harbor-cut/gateway.pcap"), scratch.path("logs/gateway.pcap")).unwrap();
    year("2026", "a capture");
    scratch.write("logs/ssg.log", "2022-11-20T20:54:31.378-0300 INFO    75 com.l7tech.server.message: x\n");
    year("2022", "the gateway's other logs");
    let own = format!("<132>Nov 20 20:54:30 gw01 SSG-default: 2020-11-20T20:54:30.000Z INFO 7 {ASSERTION}: x\n");
    scratch.write("logs/s.log", own + &line("Nov 20 20:54:31"));
    year("2020", "other stamps of the file");
    let ran = scratch.wirecause(0, &["analyze", "logs", "-o", "out", "--tables-only"]);
    assert!(ran.stdout().contains("s.log: from 2020 on, by other stamps of the file"), "{}", ran.dump());
    let record = std::fs::read_to_string(scratch.path("out/run.json")).unwrap();
    assert!(record.contains("\"from\": \"other stamps of the file\""), "{record}");
}

#[test]
fn nothing_says_the_year() {
    let scratch = Scratch::new("years-nothing");
    scratch.write("s.log", line("Nov 20 20:54:31") + &line("Nov 20 20:54:32"));
    let read = |option: &str, status: i32| {
        let script = format!("\"$0\" errors - {option} < s.log");
        scratch.run(status, Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_wirecause")]))
    };
    let ran = read("", 1);
    let told =
        "-: failures and requests without a time, since nothing says the year of their stamps (give --log-year): 2";
    assert!(ran.stderr().contains(told) && times(&ran).is_empty(), "{}", ran.dump());
    assert_eq!(times(&read("--log-year 2026", 0)).len(), 2);
}

#[test]
fn failures_in_no_known_form_are_told() {
    let scratch = Scratch::new("years-unknown");
    let record = format!(
        "2026-11-20T20:54:31.378-0300 WARNING 75 {ASSERTION}: 4042: Problem routing to http://h/. Error msg: x\n"
    );
    scratch.write("unknown.log", format!("gw|x|{record}").repeat(3));
    scratch.write("behind.log", record.clone() + &format!("gw|x|{record}").repeat(3));
    for (name, calls) in [("unknown.log", 0), ("behind.log", 1)] {
        let ran = scratch.wirecause(1, &["analyze", name, "-o", "out", "--force", "--tables-only"]);
        let told = format!("{name}: lines that tell of failures in a form that is not known: 3");
        assert!(
            ran.stdout().contains("Failures that stand in no table") && ran.stdout().contains(&told),
            "{}",
            ran.dump()
        );
        let ran = scratch.wirecause(1, &["errors", name]);
        assert!(ran.stderr().contains(&told) && times(&ran).len() == calls, "{}", ran.dump());
    }
    // A trace that goes on from the file before is no failure of its own.
    scratch.write("cut.log", format!("com.l7tech.common.http.GenericHttpException: x\n\tat a.b(C.java:1)\n{record}"));
    scratch.wirecause(0, &["errors", "cut.log"]);
}
