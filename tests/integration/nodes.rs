//! Several gateways in one run: told apart by directories, settings or what the wire shows, and each explained by its own packets alone.
//!
//! The second gateway is the sample's once more, with another address, another pair of clocks and a log that begins later; what is said
//! of each must be what is said of it alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    harness::{Row, Scratch, read_csv, root},
    wire_file::{Order, Record, Records},
};

/// Last byte of the gateway's addresses in the sample, `10.77.1.2` and `fd77:1::2`, and of the second gateway's.
const FIRST: u8 = 2;
const SECOND: u8 = 3;

/// The sample's log and capture as another gateway would have them: `shift` nanoseconds later on the wire.
struct Gateway {
    log: String,
    capture: Records,
}

fn gateway(address: u8, shift: i64) -> Gateway {
    let sample = root().join("samples/harbor-cut");
    let log = fs::read_to_string(sample.join("ssg_0_0.log")).unwrap();
    let capture = Records::read(&fs::read(sample.join("gateway.pcap")).unwrap());
    let moved = capture.all.iter().map(|record| {
        let frame = readdressed(&record.frame, |_| address);
        Record { time: record.time + shift, frame, ..record.clone() }
    });
    let log = if address == FIRST { log } else { log.split_once('\n').unwrap().1.to_owned() };
    Gateway { log, capture: capture.with(moved.collect::<Vec<_>>()) }
}

/// An Ethernet frame with the gateway's address ending as `address` says for its port. Checksums are not looked at.
fn readdressed(frame: &[u8], address: impl Fn(u16) -> u8) -> Vec<u8> {
    let (own, ends, ports): (&[u8], _, _) = match frame.get(12..14) {
        Some([8, 0]) => (&[10, 77, 1, FIRST], [26, 30], 14 + usize::from(frame[14] & 15) * 4),
        Some([0x86, 0xdd]) => (&[0xfd, 0x77, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, FIRST], [22, 38], 54),
        _ => return frame.to_vec(),
    };
    let mut frame = frame.to_vec();
    for (number, at) in ends.into_iter().enumerate() {
        let port =
            frame.get(ports + 2 * number..ports + 2 * number + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
        if let (Some(found), Some(port)) = (frame.get_mut(at..at + own.len()), port)
            && found == own
        {
            found[own.len() - 1] = address(port);
        }
    }
    frame
}

/// Linux connects from odd ports: the bit above tells the gateways apart.
const fn is_seconds(port: u16) -> bool {
    port & 2 != 0
}

/// The sample's calls and connections dealt out to two gateways by the gateway's port, in one capture.
fn dealt() -> (String, String, Vec<u8>) {
    let whole = gateway(FIRST, 0);
    let expected = read_csv(&root().join("samples/harbor-cut/expected.csv"));
    let of_second = |row: &&Row| row.get("local_port").parse::<u16>().is_ok_and(is_seconds);
    let line = |row: &Row, column: &str| row.get(column).parse::<usize>().unwrap();
    let lines = expected.iter().filter(of_second).flat_map(|row| {
        (line(row, "first_line")..=line(row, "last_line")).chain(line(row, "also_first")..=line(row, "also_last"))
    });
    let of_second: BTreeSet<usize> = lines.collect();
    let (mut first, mut second) = (String::new(), String::new());
    for (number, text) in whole.log.split_inclusive('\n').enumerate() {
        let log = if of_second.contains(&(number + 1)) { &mut second } else { &mut first };
        log.push_str(text);
    }
    let records = whole.capture.all.iter().map(|record| {
        let frame = readdressed(&record.frame, |port| if is_seconds(port) { SECOND } else { FIRST });
        Record { frame, ..record.clone() }
    });
    (first, second, whole.capture.with(records.collect::<Vec<_>>()).pcap(Order::Little, true))
}

/// Captures of both as one, in order of time.
fn both(one: &Gateway, other: &Gateway) -> Vec<u8> {
    let mut all: Vec<Record> = one.capture.all.iter().chain(&other.capture.all).cloned().collect();
    all.sort_by_key(|record| record.time);
    one.capture.with(all).pcap(Order::Little, true)
}

fn pcap(gateway: &Gateway) -> Vec<u8> {
    gateway.capture.pcap(Order::Little, true)
}

/// What a run says of each call of a node, by its line: without names of files and what hangs on them.
fn verdicts(rows: &[Row], node: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let left_out = ["node", "log_file", "capture_file", "error_id", "ending_frame", "explanation", "wireshark_filter"];
    let of_node = rows.iter().filter(|row| row.get("node") == node);
    let cells =
        |row: &Row| row.cells().iter().filter(|(name, _)| !left_out.contains(&name.as_str())).cloned().collect();
    of_node.map(|row| (row.get("log_line").to_owned(), cells(row))).collect()
}

fn alone(name: &str, gateway: &Gateway) -> BTreeMap<String, Vec<(String, String)>> {
    let scratch = Scratch::new(&format!("nodes-alone-{name}"));
    scratch.write("in/ssg_0_0.log", &gateway.log);
    scratch.write("in/gateway.pcap", pcap(gateway));
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q", "--tables-only", "--hosts", &hosts()]);
    verdicts(&read_csv(&scratch.path("out/errors.csv")), "gateway")
}

fn hosts() -> String {
    root().join("samples/harbor-cut/hosts").to_string_lossy().into_owned()
}

#[track_caller]
fn every_gateway_has_its_own_address(rows: &[Row], names: [&str; 2]) {
    for row in rows {
        let (node, address) = (row.get("node"), row.get("gateway_ip"));
        let own = if node == names[0] { ["10.77.1.2", "fd77:1::2", ""] } else { ["10.77.1.3", "fd77:1::3", ""] };
        assert!(names.contains(&node) && own.contains(&address), "{row:?}");
    }
}

#[test]
fn each_directory_is_told_as_if_it_were_alone() {
    let scratch = Scratch::new("nodes-directories");
    let (one, other) = (gateway(FIRST, 0), gateway(SECOND, 3_500_000_000));
    for (name, gateway) in [("gw-1", &one), ("gw-2", &other)] {
        scratch.write(&format!("in/{name}/ssg_0_0.log"), &gateway.log);
        scratch.write(&format!("in/{name}/gateway.pcap"), pcap(gateway));
    }
    let ran = scratch.wirecause(0, &["analyze", "in", "-o", "out", "--hosts", &hosts()]);
    assert!(
        ran.stdout().contains("Gateways, told apart by their directories\n  gw-1: 67 failed calls"),
        "{}",
        ran.dump()
    );
    let rows = read_csv(&scratch.path("out/errors.csv"));
    assert_eq!(verdicts(&rows, "gw-1"), alone("directory-1", &one));
    assert_eq!(verdicts(&rows, "gw-2"), alone("directory-2", &other));
    assert!(rows.iter().all(|row| row.get("log_file") == format!("{}/ssg_0_0.log", row.get("node"))));
    let order: Vec<_> = rows.iter().map(|row| (row.get("log_time"), row.get("node"), row.get("log_file"))).collect();
    assert!(order.is_sorted(), "rows are not in order of time and node");

    let findings = read_csv(&scratch.path("out/findings.csv"));
    let offset = |node: &str| {
        let of_node = |row: &&Row| row.get("node") == node && row.get("finding") == "clock-offset";
        findings.iter().find(of_node).unwrap().number("value_low").unwrap()
    };
    assert!(offset("gw-1").abs() < 0.01 && (offset("gw-2") + 3.5).abs() < 0.01, "{findings:?}");
    let connections = read_csv(&scratch.path("out/connections.csv"));
    let of = |node: &str| connections.iter().filter(|row| row.get("node") == node).count();
    assert_eq!((of("gw-1"), of("gw-2"), connections.len()), (79, 79, 158));

    let record = fs::read_to_string(scratch.path("out/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["nodes_by"], "directories");
    assert_eq!(record["nodes"][1]["name"], "gw-2");
    let clock = &record["nodes"][1]["clock"];
    assert!(clock["range_s"][0].as_f64().is_some_and(|offset| (offset + 3.5).abs() < 0.01), "{clock}");
    // A story's packets are its own gateway's.
    for line in fs::read_to_string(scratch.path("out/stories.jsonl")).unwrap().lines() {
        let story: serde_json::Value = serde_json::from_str(line).unwrap();
        let own = format!("{}/", story["node"].as_str().unwrap());
        let files = story["events"].as_array().unwrap().iter().filter_map(|event| event["capture_file"].as_str());
        assert!(files.clone().all(|file| file.starts_with(&own)), "{line}");
    }
    let review = fs::read_to_string(scratch.path("out/review.md")).unwrap();
    assert!(review.contains("gw-2: The log's clock is -3.500 s"), "{review}");
    assert!(review.contains("They are of gw-1 (67) and gw-2 (67)."), "{review}");
}

#[test]
fn directories_given_one_by_one_keep_their_names_apart() {
    let scratch = Scratch::new("nodes-arguments");
    for (name, gateway) in [("gw-1", gateway(FIRST, 0)), ("gw-2", gateway(SECOND, 0))] {
        scratch.write(&format!("{name}/ssg_0_0.log"), &gateway.log);
        scratch.write(&format!("{name}/gateway.pcap"), pcap(&gateway));
    }
    scratch.wirecause(0, &["analyze", "gw-2", "gw-1", "-o", "out", "-q", "--tables-only", "--hosts", &hosts()]);
    let rows = read_csv(&scratch.path("out/errors.csv"));
    every_gateway_has_its_own_address(&rows, ["gw-1", "gw-2"]);
    assert!(rows.iter().all(|row| row.get("log_file") == format!("{}/ssg_0_0.log", row.get("node"))));
    scratch.wirecause(0, &["analyze", "gw-2", "gw-1", "-o", "one", "-q", "--tables-only", "--node", "cluster"]);
    assert!(read_csv(&scratch.path("one/errors.csv")).iter().all(|row| row.get("node") == "cluster"));
}

#[test]
fn a_shared_capture_is_a_second_point_of_each_gateways_own_connections() {
    let scratch = Scratch::new("nodes-shared");
    let (one, other) = (gateway(FIRST, 0), gateway(SECOND, 0));
    for (name, gateway) in [("gw-1", &one), ("gw-2", &other)] {
        scratch.write(&format!("in/{name}/ssg_0_0.log"), &gateway.log);
        scratch.write(&format!("in/{name}/gateway.pcap"), pcap(gateway));
    }
    scratch.write("in/backend.pcap", both(&one, &other));
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q", "--tables-only", "--hosts", &hosts()]);
    every_gateway_has_its_own_address(&read_csv(&scratch.path("out/errors.csv")), ["gw-1", "gw-2"]);
    let connections = read_csv(&scratch.path("out/connections.csv"));
    let of = |node: &str| connections.iter().filter(|row| row.get("node") == node).count();
    // Those that a gateway did not open are nobody's at the shared point, and its own at its own.
    assert_eq!((of("gw-1"), of("gw-2")), (79, 79), "{connections:?}");
}

#[test]
fn logs_of_one_capture_are_told_apart_by_the_addresses_that_their_calls_fit() {
    let scratch = Scratch::new("nodes-endings");
    let (first, second, capture) = dealt();
    scratch.write("in/a.log", first);
    scratch.write("in/b.log", second);
    scratch.write("in/gateways.pcap", capture);
    let ran = scratch.wirecause(0, &["analyze", "in", "-o", "out", "--tables-only", "--hosts", &hosts()]);
    let told = "Gateways, told apart by the addresses whose connections their calls ended on\n  10.77.1.2: ";
    assert!(ran.stdout().contains(told), "{}", ran.dump());
    let rows = read_csv(&scratch.path("out/errors.csv"));
    every_gateway_has_its_own_address(&rows, ["10.77.1.2", "10.77.1.3"]);
    assert!(rows.iter().all(|row| (row.get("node") == "10.77.1.2") == (row.get("log_file") == "a.log")));
    let expected = read_csv(&root().join("samples/harbor-cut/expected.csv"));
    assert_eq!(rows.len(), expected.len());
    let found = |expected: &&Row| {
        let of_url = |row: &&Row| row.get("url") == expected.get("url");
        rows.iter().find(of_url).is_some_and(|row| row.get("gateway_port") == expected.get("local_port"))
    };
    assert_eq!(expected.iter().filter(found).count(), expected.len());

    // Settings that know the addresses give the names, and redaction hides both.
    scratch.write(
        "site.toml",
        "[nodes.east]\naddresses = [\"10.77.1.2\", \"fd77:1::2\"]\n[nodes.west]\naddresses = [\"10.77.1.3\", \"fd77:1::3\"]\n[nodes.gone]\npaths = \"gone\"\n",
    );
    let args = ["analyze", "in", "-o", "named", "-q", "--tables-only", "--config", "site.toml", "--hosts", &hosts()];
    scratch.wirecause(0, &args);
    every_gateway_has_its_own_address(&read_csv(&scratch.path("named/errors.csv")), ["east", "west"]);
    scratch.wirecause(0, &["analyze", "in", "-o", "hidden", "-q", "--redact", "--hosts", &hosts()]);
    for (name, _) in crate::harness::files_below(&scratch.path("hidden")) {
        let text = String::from_utf8_lossy(&fs::read(scratch.path("hidden").join(&name)).unwrap()).into_owned();
        assert!(!text.contains("10.77."), "{name}");
    }
}

#[test]
fn settings_name_paths_and_each_gateway_has_its_own_clock() {
    let scratch = Scratch::new("nodes-settings");
    let (one, other) = (gateway(FIRST, 0), gateway(SECOND, 3_500_000_000));
    scratch.write("in/a.log", &one.log);
    scratch.write("in/a.pcap", pcap(&one));
    scratch.write("in/b.log", &other.log);
    scratch.write("in/b.pcap", pcap(&other));
    scratch.write(
        "wirecause.toml",
        "[nodes.gw-a]\npaths = [\"a.*\"]\n[nodes.gw-b]\npaths = [\"b.log\", \"b.pcap\"]\nclock-offset = -3.5\n",
    );
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q", "--tables-only", "--hosts", &hosts()]);
    let rows = read_csv(&scratch.path("out/errors.csv"));
    every_gateway_has_its_own_address(&rows, ["gw-a", "gw-b"]);
    assert_eq!(verdicts(&rows, "gw-a"), alone("settings", &one));
    let findings = read_csv(&scratch.path("out/findings.csv"));
    assert!(
        findings.iter().any(|row| row.get("node") == "gw-b"
            && row.get("statement").contains("-3.500 s against the capture's, as given"))
    );
}

#[test]
fn rotated_logs_of_one_gateway_are_one() {
    let scratch = Scratch::new("nodes-rotated");
    let one = gateway(FIRST, 0);
    // Cut where a record begins.
    let cut = one.log.match_indices("\n2026-").nth(300).unwrap().0 + 1;
    scratch.write("in/ssg_0_1.log", &one.log[..cut]);
    scratch.write("in/ssg_0_0.log", &one.log[cut..]);
    scratch.write("in/gateway.pcap", pcap(&one));
    let ran = scratch.wirecause(0, &["analyze", "in", "-o", "out", "--tables-only", "--hosts", &hosts()]);
    assert!(!ran.stdout().contains("told apart"), "{}", ran.dump());
    assert!(read_csv(&scratch.path("out/errors.csv")).iter().all(|row| row.get("node") == "gateway"));
}
