//! `--from` and `--to`.

use std::collections::BTreeSet;

use crate::harness::{Row, Scratch, parse_csv, read_csv, root};

fn sample() -> String {
    root().join("samples/harbor-cut").to_string_lossy().into_owned()
}

const FROM: &str = "2026-11-20T23:54:35Z";
/// The same instant in the zone of the sample's log, five seconds later.
const TO: &str = "2026-11-20T20:54:40-03:00";
const TO_UTC: &str = "2026-11-20T23:54:40Z";

/// Whether any of a connection's time lies in the time asked for.
fn is_within(row: &Row) -> bool {
    let [from, to] = [FROM, TO_UTC].map(|time| time.trim_end_matches('Z'));
    row.get("end_time") >= from && row.get("start_time") < to
}

fn ids(rows: &[Row], asked: impl Fn(&str) -> bool) -> BTreeSet<String> {
    rows.iter().filter(|row| asked(row.get("log_time"))).map(|row| row.get("error_id").to_owned()).collect()
}

#[test]
fn calls_beside_the_time_asked_for_are_left_out_of_everything() {
    let scratch = Scratch::new("window-analyze");
    let sample = sample();
    scratch.wirecause(0, &["analyze", &sample, "-o", "all", "-q", "--tables-only"]);
    scratch.wirecause(0, &["analyze", &sample, "-o", "some", "-q", "--from", FROM, "--to", TO]);
    let (all, some) = (read_csv(&scratch.path("all/errors.csv")), read_csv(&scratch.path("some/errors.csv")));
    let asked = ids(&all, |time| (FROM..TO_UTC).contains(&&*format!("{}Z", &time[..19])));
    assert!(asked.len() > 10 && asked.len() < all.len() / 2, "{}", asked.len());
    assert_eq!(ids(&some, |_| true), asked);
    // What a call met is what it met, though it began before.
    for row in &some {
        let whole = all.iter().find(|other| other.get("error_id") == row.get("error_id")).unwrap();
        assert_eq!(row.get("connection_id"), whole.get("connection_id"), "{row:?}");
    }
    let connections = read_csv(&scratch.path("some/connections.csv"));
    let used: BTreeSet<&str> = some.iter().map(|row| row.get("connection_id")).collect();
    assert!(connections.iter().all(|row| is_within(row) || used.contains(row.get("connection_id"))));
    let whole = read_csv(&scratch.path("all/connections.csv"));
    assert_eq!(
        connections.iter().filter(|row| is_within(row)).count(),
        whole.iter().filter(|row| is_within(row)).count()
    );
    assert!(connections.len() < whole.len());

    let record = std::fs::read_to_string(scratch.path("some/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["counters"]["calls_beside_time"], all.len() - some.len());
    assert_eq!(record["counters"]["connections_beside_time"], whole.len() - connections.len());
    assert_eq!(record["options"]["to"], "2026-11-20T23:54:40.000000Z");
    let page = std::fs::read_to_string(scratch.path("some/review.md")).unwrap();
    assert!(page.contains(&format!("{} outbound calls failed", asked.len())), "{page}");
}

#[test]
fn times_count_back_from_the_last_record() {
    let scratch = Scratch::new("window-relative");
    let sample = sample();
    let rows = |args: &[&str]| parse_csv(&scratch.wirecause(0, &[&["errors", &sample], args].concat()).stdout());
    let all = rows(&[]);
    // The log's last record is of 23:54:46.566.
    let asked = |from: &'static str, to: &'static str| ids(&all, move |time| time >= from && time < to);
    assert_eq!(ids(&rows(&["--from", "-5s"]), |_| true), asked("2026-11-20T23:54:41.566", "9"));
    assert_eq!(ids(&rows(&["--to", "-5s"]), |_| true), asked("", "2026-11-20T23:54:41.566"));
    assert_eq!(ids(&rows(&["--from", "-1d"]), |_| true).len(), all.len());
}

#[test]
fn connections_alone_overlap_the_time_asked_for() {
    let scratch = Scratch::new("window-connections");
    let sample = sample();
    let rows = |args: &[&str]| parse_csv(&scratch.wirecause(0, &[&["connections", &sample], args].concat()).stdout());
    let (all, some) = (rows(&[]), rows(&["--from", FROM, "--to", TO]));
    assert_eq!(some.len(), all.iter().filter(|row| is_within(row)).count());
    assert!(some.iter().all(is_within) && some.len() < all.len());
}

#[test]
fn a_time_that_is_none_is_refused() {
    let scratch = Scratch::new("window-wrong");
    let ran = scratch.wirecause(2, &["errors", "x.log", "--from", "noon"]);
    assert!(ran.stderr().contains("--from \"noon\": expected a time such as"), "{}", ran.dump());
    scratch.wirecause(2, &["errors", "x.log", "--from", TO, "--to", FROM]);
}
