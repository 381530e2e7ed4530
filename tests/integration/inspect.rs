//! `inspect`: facts of files that capinfos and grep tell too.

use serde_json::Value;

use crate::{
    harness::{Scratch, root},
    incidents::folder,
};

fn inspected(scratch: &Scratch, path: &str, more: &[&str]) -> Value {
    let ran = scratch.wirecause(0, &[&["inspect", path, "--format", "json"], more].concat());
    serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}\n{}", ran.dump()))
}

fn file<'a>(all: &'a Value, name: &str) -> &'a Value {
    let files = all["files"].as_array().unwrap();
    files.iter().find(|file| file["path"] == name).unwrap_or_else(|| panic!("no {name} in {all}"))
}

fn sample() -> String {
    root().join("samples/harbor-cut").to_string_lossy().into_owned()
}

#[test]
fn the_sample_is_what_capinfos_and_its_maker_say() {
    let scratch = Scratch::new("inspect-sample");
    let all = inspected(&scratch, &sample(), &[]);
    // capinfos -c -a -e -l -E samples/harbor-cut/gateway.pcap
    let capture = file(&all, "gateway.pcap");
    assert_eq!(capture["kind"], "capture");
    assert_eq!(capture["format"], "pcap");
    assert_eq!(capture["packets"], 1655);
    assert_eq!(capture["bytes"], 703_808);
    assert_eq!(capture["span"]["first"], "2026-11-20T23:54:28.601650Z");
    assert_eq!(capture["span"]["last"], "2026-11-20T23:54:47.819357Z");
    assert_eq!(capture["link_types"], serde_json::json!([1]));
    assert_eq!(capture["snap_lengths"], serde_json::json!([262_144]));
    assert_eq!((&capture["cut_packets"], &capture["dropped"]), (&Value::from(0), &Value::Null));
    // Its first and last line; 67 calls as in expected.csv.
    let log = file(&all, "ssg_0_0.log");
    assert_eq!((&log["format"], &log["zone_s"]), (&Value::from("plain"), &Value::from(-10_800)));
    assert_eq!(log["span"]["first"], "2026-11-20T23:54:30.824000Z");
    assert_eq!(log["span"]["last"], "2026-11-20T23:54:46.566000Z");
    assert_eq!(log["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>(), 67);
    assert_eq!(all["overlap"]["covered_s"], 15.742);
    let others: Vec<_> =
        all["others"].as_array().unwrap().iter().map(|other| other["path"].as_str().unwrap()).collect();
    assert_eq!(others, ["expected.csv", "hosts"]);
}

#[test]
fn the_text_says_the_same() {
    let scratch = Scratch::new("inspect-text");
    let text = scratch.wirecause(0, &["inspect", &sample()]).stdout();
    for line in [
        "gateway.pcap: capture, pcap, 703,808 bytes",
        "  2026-11-20T23:54:28.601650Z to 2026-11-20T23:54:47.819357Z, 19.218 s",
        "  1,655 packets, Ethernet, snap length 262144",
        "ssg_0_0.log: log, plain, 92,209 bytes",
        "expected.csv: neither log nor capture",
        "Captures cover 15.742 s, 100.0 % of the time of the logs, each by its own clock",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
    assert!(text.contains(" records, zone -03:00\n  67 failed calls: "), "{text}");
}

#[test]
fn only_what_lies_in_the_time_asked_for_is_told() {
    let scratch = Scratch::new("inspect-window");
    let all = inspected(&scratch, &sample(), &["--from", "-5s"]);
    let errors = file(&all, "ssg_0_0.log")["errors"].as_object().unwrap();
    let some = errors.values().filter_map(Value::as_u64).sum::<u64>();
    assert!(some > 0 && some < 67, "{all}");
    let none = inspected(&scratch, &sample(), &["--to", "2026-11-20T23:54:28Z"]);
    assert_eq!(none["files"], serde_json::json!([]));
}

#[test]
fn damage_and_nothing_readable_have_their_exit_status() {
    let scratch = Scratch::new("inspect-damage");
    let capture = std::fs::read(root().join("samples/harbor-cut/gateway.pcap")).unwrap();
    scratch.write("cut.pcap", &capture[..10_001]);
    scratch.write("notes.txt", "nothing");
    let ran = scratch.wirecause(1, &["inspect", "cut.pcap"]);
    assert!(ran.stdout().contains("  damaged: ") && ran.stderr().contains("cut.pcap: "), "{}", ran.dump());
    scratch.wirecause(2, &["inspect", "notes.txt"]);
    scratch.wirecause(1, &["inspect", "cut.pcap", "notes.txt", "gone.pcap"]);
}

#[test]
fn incidents_are_what_capinfos_says() {
    let Some(incidents) = folder() else { return };
    let scratch = Scratch::new("inspect-incidents");
    let all = inspected(&scratch, &incidents.to_string_lossy(), &[]);
    // capinfos -c -a -e -l -E -S, the zones by the first line of each log.
    for (name, node, packets, link, snap, first, last) in [
        ("harbor/gateway.pcap", "harbor", 7_562, 1, 262_144, "23:54:28.601650Z", "23:56:39.486311Z"),
        ("harbor/any.pcap000", "harbor", 5_529, 276, 320, "23:54:28.601650Z", "23:55:32.407039Z"),
        ("meadow/gateway.pcapng.gz", "meadow", 7_016, 1, 262_144, "23:56:41.982300Z", "23:58:49.017656Z"),
        ("meadow/backend.pcap", "meadow", 7_173, 1, 128, "23:56:42.361699Z", "23:58:48.830451Z"),
    ] {
        let file = file(&all, name);
        assert_eq!((&file["packets"], &file["node"]), (&Value::from(packets), &Value::from(node)), "{name}");
        assert_eq!(file["link_types"], serde_json::json!([link]), "{name}");
        assert_eq!(file["snap_lengths"], serde_json::json!([snap]), "{name}");
        let span = format!("2026-11-20T{first} 2026-11-20T{last}");
        assert_eq!(format!("{} {}", file["span"]["first"], file["span"]["last"]).replace('"', ""), span, "{name}");
    }
    assert_eq!(file(&all, "harbor/any.pcap000")["one_way_flows"], 0);
    assert_eq!(
        (&file(&all, "harbor/ssg_0_0.log")["zone_s"], &file(&all, "meadow/ssg_0_0.log")["zone_s"]),
        (&Value::from(-10_800), &Value::from(0))
    );
}

#[test]
fn a_large_capture_is_read_at_its_ends() {
    let scratch = Scratch::new("inspect-large");
    let sample = std::fs::read(root().join("samples/harbor-cut/gateway.pcap")).unwrap();
    let (header, records) = sample.split_at(24);
    let mut large = header.to_vec();
    let copies = (300 << 20) / records.len();
    for _ in 0..copies {
        large.extend(records);
    }
    scratch.write("large.pcap", &large);
    let all = inspected(&scratch, "large.pcap", &[]);
    let capture = file(&all, "large.pcap");
    let read = capture["sampled"]["bytes_read"].as_u64().unwrap();
    assert!(read < 70 << 20 && capture["sampled"]["of"] == large.len(), "{capture}");
    assert_eq!(capture["packets"], Value::Null);
    assert_eq!(capture["span"]["last"], "2026-11-20T23:54:47.819357Z");
}
