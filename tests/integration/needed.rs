//! Captures of another time than the failed calls: those that can matter to no call are passed over and named, all others are read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    harness::{Row, Scratch, parse_csv, read_csv, root},
    wire_file::{Order, Record, Records},
};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

/// The sample's log and capture, and the capture again at other times.
fn scratch(name: &str, moved: &[(&str, i64)]) -> Scratch {
    let scratch = Scratch::new(name);
    let sample = root().join("samples/harbor-cut");
    for file in ["ssg_0_0.log", "hosts"] {
        scratch.write(&format!("in/{file}"), fs::read(sample.join(file)).unwrap());
    }
    let capture = Records::read(&fs::read(sample.join("gateway.pcap")).unwrap());
    for (name, by) in moved {
        // Four times, one behind the other, so that the file is too large to be read for its end alone.
        let four = (0..4).flat_map(|turn| {
            let moved = move |record: &Record| Record { time: record.time + by + turn * HOUR / 6, ..record.clone() };
            capture.all.iter().map(moved)
        });
        scratch.write(&format!("in/{name}"), capture.with(four).pcap(Order::Little, false));
    }
    scratch.write("in/gateway.pcap", fs::read(sample.join("gateway.pcap")).unwrap());
    scratch
}

/// Which captures were passed over, by name, and the table of errors.
fn analyzed(scratch: &Scratch, options: &[&str]) -> (BTreeMap<String, bool>, Vec<Row>, String) {
    let arguments =
        [&["analyze", "in", "-o", "out", "--force", "--tables-only", "--hosts", "in/hosts"], options].concat();
    let ran = scratch.wirecause(0, &arguments);
    let record: serde_json::Value = serde_json::from_slice(&fs::read(scratch.path("out/run.json")).unwrap()).unwrap();
    let inputs = record["inputs"].as_array().unwrap().iter().filter(|input| input["kind"] == "capture");
    let passed = inputs.map(|input| {
        (input["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(), input["passed_over"] == true)
    });
    (passed.collect(), read_csv(&scratch.path("out/errors.csv")), ran.stdout())
}

fn names(passed: &BTreeMap<String, bool>, over: bool) -> Vec<&str> {
    passed.iter().filter(|(_, passed)| **passed == over).map(|(name, _)| name.as_str()).collect()
}

/// A clock may be wrong by 28 hours at most: what lies days before or behind the calls cannot belong to them, an hour or a day may.
#[test]
fn captures_of_other_days_are_passed_over() {
    let alone = analyzed(&scratch("needed-alone", &[]), &[]).1;
    let moved = [("earlier.pcap", -4 * DAY), ("later.pcap", 4 * DAY)];
    let with_others = scratch("needed-days", &moved);
    let (passed, errors, told) = analyzed(&with_others, &[]);
    assert_eq!(
        (names(&passed, true), names(&passed, false)),
        (vec!["earlier.pcap", "later.pcap"], vec!["gateway.pcap"])
    );
    assert!(
        told.contains("Captures of another time than the failed calls, not read: earlier.pcap, later.pcap"),
        "{told}"
    );
    let columns = ["error_id", "match", "connection_id", "cause", "also_possible", "confidence", "ending_frame"];
    let cells = |rows: &[Row]| -> Vec<Vec<String>> {
        rows.iter().map(|row| columns.iter().map(|column| row.get(column).to_owned()).collect()).collect()
    };
    assert!(!alone.is_empty());
    assert_eq!(cells(&errors), cells(&alone));
    // Without a log all is wanted.
    let connections = with_others.wirecause(0, &["connections", "in", "--format", "csv"]);
    let days: BTreeSet<String> =
        parse_csv(&connections.stdout()).iter().map(|row| row.get("start_time")[..10].into()).collect();
    assert!(days.len() >= 3, "{days:?}");
}

/// How far the clock can be wrong decides what can matter: an hour before the calls connections may have begun to lie idle, two days before none.
#[test]
fn what_may_matter_is_read() {
    let moved = [("day.pcap", -DAY), ("hour.pcap", -HOUR), ("day-after.pcap", DAY)];
    let scratch = scratch("needed-hours", &moved);
    let (passed, _, told) = analyzed(&scratch, &[]);
    assert_eq!(names(&passed, true), Vec::<&str>::new());
    assert!(!told.contains("of another time"), "{told}");
    let (passed, ..) = analyzed(&scratch, &["--clock-offset", "0"]);
    assert_eq!(names(&passed, true), ["day-after.pcap", "day.pcap"]);
}

/// Captures none of which fits are read: what is wrong with them, or with the log's clock, shows in them alone.
#[test]
fn where_none_fits_all_are_read() {
    let scratch = scratch("needed-none", &[("earlier.pcap", -90 * DAY), ("later.pcap", 90 * DAY)]);
    fs::remove_file(scratch.path("in/gateway.pcap")).unwrap();
    let (passed, ..) = analyzed(&scratch, &[]);
    assert_eq!(names(&passed, false), ["earlier.pcap", "later.pcap"]);
    // One that was begun and holds no packet yet is no capture of the right time.
    let none = Records { link: 1, snap_length: 65_535, all: Vec::new() };
    scratch.write("in/next.pcap", none.pcap(Order::Little, false));
    let (passed, ..) = analyzed(&scratch, &[]);
    assert_eq!(names(&passed, false), ["earlier.pcap", "later.pcap", "next.pcap"]);
}
