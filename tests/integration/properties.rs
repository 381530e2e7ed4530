//! What may be done to an archive without changing what is said of it.
//!
//! Each property is tried on the sample and on drawn incidents: the main job runs on what the change makes of them, and the tables
//! are compared, less the columns that the change is meant to change.

use std::collections::{BTreeMap, BTreeSet};

use wirecause_maker::{Profile, draw};

use crate::{
    harness::{Row, Scratch, read_csv, root},
    wire_file::{Order, Record, Records},
};

/// An incident: its log and its capture.
struct Archive {
    name: String,
    log: String,
    hosts: String,
    capture: Records,
}

fn archives() -> Vec<Archive> {
    let sample = root().join("samples/harbor-cut");
    let read = |name: &str| std::fs::read(sample.join(name)).unwrap();
    let mut archives = vec![Archive {
        name: "sample".into(),
        log: String::from_utf8(read("ssg_0_0.log")).unwrap(),
        hosts: String::from_utf8(read("hosts")).unwrap(),
        capture: Records::read(&read("gateway.pcap")),
    }];
    for (seed, profile) in [(9_101, Profile::Immediate), (9_102, Profile::Cut96), (9_103, Profile::Mixed)] {
        let incident = draw(seed, profile);
        archives.push(Archive {
            name: format!("{profile:?}-{seed}"),
            log: incident.log,
            hosts: incident.hosts,
            capture: Records::read(&incident.capture),
        });
    }
    archives
}

/// The tables of a run, each row without the columns left out.
type Tables = BTreeMap<&'static str, Vec<Vec<(String, String)>>>;

impl Archive {
    /// Runs the main job on capture files of these contents.
    fn run(&self, property: &str, captures: &[Vec<u8>]) -> BTreeMap<&'static str, Vec<Row>> {
        self.run_with(property, captures, &self.log)
    }

    fn run_with(&self, property: &str, captures: &[Vec<u8>], log: &str) -> BTreeMap<&'static str, Vec<Row>> {
        let scratch = Scratch::new(&format!("properties-{property}-{}", self.name));
        scratch.write("in/ssg_0_0.log", log);
        for (number, capture) in captures.iter().enumerate() {
            scratch.write(&format!("in/gateway.pcap{number:03}"), capture);
        }
        scratch.write("hosts", &self.hosts);
        scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q", "--hosts", "hosts", "--threads", "1"]);
        TABLES.into_iter().map(|table| (table, read_csv(&scratch.path("out").join(table)))).collect()
    }
}

fn without(tables: &BTreeMap<&'static str, Vec<Row>>, left_out: &[&str]) -> Tables {
    let cells =
        |row: &Row| row.cells().iter().filter(|(name, _)| !left_out.contains(&name.as_str())).cloned().collect();
    tables.iter().map(|(name, rows)| (*name, rows.iter().map(cells).collect())).collect()
}

#[track_caller]
fn same(archive: &Archive, property: &str, before: &Tables, after: &Tables) {
    for (table, rows) in before {
        let others = &after[table];
        assert_eq!(rows.len(), others.len(), "{property} of {} changes the number of rows of {table}", archive.name);
        for (row, other) in rows.iter().zip(others) {
            let changed: Vec<_> = row.iter().zip(other).filter(|(a, b)| a != b).collect();
            assert!(changed.is_empty(), "{property} of {} changes {table}: {changed:#?}\nof {row:?}", archive.name);
        }
    }
}

/// `LINKTYPE_LINUX_SLL2`.
const LINUX_SLL2: u32 = 276;

/// Where a fact stands: file and frame.
const PLACES: [&str; 6] =
    ["capture_file", "ending_frame", "first_frame", "explanation", "wireshark_filter", "ending_capture_file"];

#[test]
fn cutting_into_files_and_merging_them() {
    for archive in archives() {
        let before = archive.run("whole", &[archive.capture.pcap(Order::Little, true)]);
        let records = sorted(&archive.capture).all;
        let third = records.len() / 3;
        let files: Vec<Vec<u8>> = [&records[..third], &records[third..third + 7], &records[third + 7..]]
            .map(|part| archive.capture.with(part.to_vec()).pcap(Order::Little, true))
            .to_vec();
        let after = archive.run("cut", &files);
        same(&archive, "cutting", &without(&before, &PLACES), &without(&after, &PLACES));
    }
}

/// Captures of one point that were started before the ones before them had ended, and parts of a whole beside it: each packet counts once, and
/// connections run on.
#[test]
fn files_that_hold_the_same_packets() {
    for archive in archives() {
        let whole = archive.capture.pcap(Order::Little, true);
        let before = without(&archive.run("single-file", std::slice::from_ref(&whole)), &PLACES);
        let records = sorted(&archive.capture).all;
        let part = |from: usize, to: usize| archive.capture.with(records[from..to].to_vec());
        let (end, tenth) = (records.len(), records.len() / 10);
        let overlapping = [
            part(0, 4 * tenth).pcap(Order::Little, true),
            part(3 * tenth, 8 * tenth).pcapng(Order::Little),
            part(5 * tenth, end).pcap(Order::Big, true),
        ];
        same(&archive, "overlapping", &before, &without(&archive.run("overlapping", &overlapping), &PLACES));
        // By less than what rotated files may be out of order by.
        let instant = records[5 * tenth].time;
        let shortly = records.iter().position(|record| record.time > instant - 400_000_000).unwrap();
        assert!(shortly < 5 * tenth - 5, "{}: nothing overlaps", archive.name);
        let two = [part(0, 5 * tenth), part(shortly, end)].map(|part| part.pcap(Order::Little, true));
        same(&archive, "overlapping shortly", &before, &without(&archive.run("shortly", &two), &PLACES));
        // In a form that cuts times to microseconds.
        let beside = [whole.clone(), part(4 * tenth, 6 * tenth).pcap(Order::Little, false)];
        same(&archive, "a part beside it", &before, &without(&archive.run("part", &beside), &PLACES));
        let twice = [whole, archive.capture.pcapng(Order::Big)];
        same(&archive, "two forms", &before, &without(&archive.run("two-forms", &twice), &PLACES));
    }
}

#[test]
fn form_and_byte_order_of_the_file() {
    for archive in archives() {
        let capture = &archive.capture;
        let before = without(&archive.run("little", &[capture.pcap(Order::Little, true)]), &[]);
        for (form, bytes) in [
            ("big-endian", capture.pcap(Order::Big, true)),
            ("pcapng", capture.pcapng(Order::Little)),
            ("big-endian pcapng", capture.pcapng(Order::Big)),
        ] {
            same(&archive, form, &before, &without(&archive.run(&form.replace(' ', "-"), &[bytes]), &[]));
        }
        // And back: the records of the pcapng are those of the pcap.
        assert_eq!(Records::read(&capture.pcap(Order::Little, true)), *capture);
    }
}

/// Each packet twice: on a second interface of the same host, as a capture on all interfaces has it.
#[test]
fn duplicating_on_a_second_interface() {
    // A cooked capture of version 2 is one of all interfaces by itself and names them packet by packet; none lies beside it.
    let single: Vec<Archive> = archives().into_iter().filter(|archive| archive.capture.link != LINUX_SLL2).collect();
    assert!(single.len() >= 2, "too few captures of one interface");
    for archive in single {
        let before = archive.run("single", &[archive.capture.pcapng(Order::Little)]);
        let capture = &archive.capture;
        let mut doubled = crate::wire_file::section(Order::Little);
        for _ in 0..2 {
            doubled.extend(crate::wire_file::interface(
                Order::Little,
                capture.link as u16,
                capture.snap_length,
                &NANOS,
            ));
        }
        for record in &sorted(capture).all {
            let later = Record { time: record.time + 900, ..record.clone() };
            doubled.extend(crate::wire_file::enhanced(Order::Little, 0, record));
            doubled.extend(crate::wire_file::enhanced(Order::Little, 1, &later));
        }
        let after = archive.run("doubled", &[doubled]);
        let left_out = [&PLACES[..], &["end_time", "last_time"]].concat();
        same(&archive, "duplicating", &without(&before, &left_out), &without(&after, &left_out));
    }
}

/// Log and capture moved by the same time.
#[test]
fn shifting_time() {
    for archive in archives() {
        let before = archive.run("unshifted", &[archive.capture.pcap(Order::Little, true)]);
        // To the same time of a later day, since stamps of a log name the day.
        let days = 5;
        let Some(log) = shifted(&archive.log, days) else { panic!("{}: no stamps", archive.name) };
        let records = archive
            .capture
            .all
            .iter()
            .map(|record| Record { time: record.time + days * 86_400_000_000_000, ..record.clone() });
        let moved = archive.capture.with(records);
        let after = archive.run_with("shifted", &[moved.pcap(Order::Little, true)], &log);
        let times = [
            "error_id",
            "log_time",
            "connection_id",
            "ending_time",
            "start_time",
            "end_time",
            "first_time",
            "last_time",
            "wireshark_filter",
            "earlier_connections",
            "explanation",
            "statement",
        ];
        same(&archive, "shifting", &without(&before, &times), &without(&after, &times));
    }
}

/// Unrelated traffic: another client's connections to another server, healthy ones, all the time.
#[test]
fn adding_unrelated_traffic() {
    for archive in archives() {
        let before = archive.run("alone", &[archive.capture.pcap(Order::Little, true)]);
        let (first, last) = (archive.capture.all[0].time, archive.capture.all.last().unwrap().time);
        let mut records = sorted(&archive.capture).all;
        let lines = [
            "0 > S",
            "0.001 < S.",
            "0.0011 > .",
            "0.0012 > P. GET /",
            "0.002 < P. 200 body=10",
            "0.0021 > F.",
            "0.003 < F.",
            "0.0031 > .",
        ];
        for number in 0..200_u16 {
            let mut parties = crate::scenario_packets::Parties::new(20_000 + number);
            parties.gateway.address = [172, 31, 0, 1].into();
            parties.peer.address = [172, 31, 0, 2].into();
            parties.host = "unrelated.example".into();
            let mut own = Records::of(&crate::scenario_packets::draw(&parties, 0.0, &lines)).all;
            let start = first + (last - first - 10_000_000) / 200 * i64::from(number);
            let base = own[0].time;
            for record in &mut own {
                record.time += start - base;
            }
            records.extend(own.into_iter().filter(|_| archive.capture.link == 1));
        }
        records.sort_by_key(|record| record.time);
        let after = archive.run("crowded", &[archive.capture.with(records).pcap(Order::Little, true)]);
        let (mut before, mut after) = (without(&before, &PLACES), without(&after, &PLACES));
        // What is said of all connections together may change; what is said of each call and of each connection may not.
        for tables in [&mut before, &mut after] {
            tables.remove("findings.csv");
            let connections = tables.get_mut("connections.csv").unwrap();
            connections.retain(|row| !row.iter().any(|(_, cell)| cell == "172.31.0.2"));
        }
        same(&archive, "unrelated traffic", &before, &after);
    }
}

/// The initial numbers of every connection moved so that they wrap within it.
#[test]
fn wrapping_sequence_numbers() {
    for archive in archives() {
        let before = archive.run("unwrapped", &[sorted(&archive.capture).pcap(Order::Little, true)]);
        let records = wrapped(&archive.capture);
        let after = archive.run("wrapped", &[records.pcap(Order::Little, true)]);
        same(&archive, "wrapping", &without(&before, &[]), &without(&after, &[]));
    }
}

/// Addresses and ports of every packet turned round: what was the peer's is now the gateway's. Counts of the two ends change places.
#[test]
fn swapping_the_two_ends() {
    for archive in archives() {
        let scratch = Scratch::new(&format!("properties-swapped-{}", archive.name));
        scratch.write("before.pcap", archive.capture.pcap(Order::Little, true));
        let turned = archive.capture.all.iter().map(|record| Record { frame: turned(&record.frame), ..record.clone() });
        scratch.write("after.pcap", archive.capture.with(turned).pcap(Order::Little, true));
        let rows = |file: &str| {
            let text = scratch.wirecause(0, &["connections", file]).stdout();
            let rows = crate::harness::parse_csv(&text);
            let cells = |row: &Row| SWAPPED.map(|column| row.get(column).to_owned()).into_iter().collect::<Vec<_>>();
            // A stream that began before the capture has no SYN to tell its ends, and ports decide.
            let told = rows.iter().filter(|row| row.get("history").starts_with('S'));
            told.map(cells).collect::<BTreeSet<_>>()
        };
        let (before, after) = (rows("before.pcap"), rows("after.pcap"));
        assert!(!before.is_empty());
        assert_eq!(before, after, "{}", archive.name);
    }
}

/// What a connection is beyond its addresses: turned round, the SYN goes the other way and makes the other end the originator.
const SWAPPED: [&str; 14] = [
    "start_time",
    "end_time",
    "state",
    "history",
    "orig_packets",
    "resp_packets",
    "orig_bytes",
    "resp_bytes",
    "orig_retransmissions",
    "resp_retransmissions",
    "exchanges",
    "longest_idle_s",
    "ending",
    "gaps",
];

fn sorted(capture: &Records) -> Records {
    let mut records = capture.all.clone();
    records.sort_by_key(|record| record.time);
    capture.with(records)
}

/// The log with the day of every stamp moved; `None` where it has none.
fn shifted(log: &str, days: i64) -> Option<String> {
    let mut moved = String::with_capacity(log.len());
    let mut stamps = 0;
    for line in log.split_inclusive('\n') {
        let day = line.get(8..10).filter(|_| line.get(4..5) == Some("-") && line.get(10..11) == Some("T"));
        match day.and_then(|day| day.parse::<i64>().ok()) {
            Some(_) => {
                stamps += 1;
                let date = chrono::NaiveDate::parse_from_str(&line[..10], "%Y-%m-%d").ok()?;
                moved.push_str(&(date + chrono::TimeDelta::days(days)).format("%Y-%m-%d").to_string());
                moved.push_str(&line[10..]);
            }
            None => moved.push_str(line),
        }
    }
    (stamps > 0).then_some(moved)
}

/// Where the addresses of an IP packet lie in an Ethernet frame, and where its TCP or UDP header begins.
fn places(frame: &[u8]) -> Option<(usize, usize, usize)> {
    match (frame.get(12..14)?, frame.get(14)? >> 4) {
        ([0x08, 0x00], 4) => {
            let header = 14 + usize::from(frame[14] & 15) * 4;
            matches!(frame.get(23)?, 6 | 17).then_some((26, 4, header))
        }
        ([0x86, 0xdd], 6) => matches!(frame.get(20)?, 6 | 17).then_some((22, 16, 54)),
        _ => None,
    }
}

fn turned(frame: &[u8]) -> Vec<u8> {
    let mut turned = frame.to_vec();
    let Some((addresses, length, header)) = places(frame) else { return turned };
    turned[addresses..addresses + 2 * length].rotate_left(length);
    if let Some(ports) = turned.get_mut(header..header + 4) {
        ports.rotate_left(2);
    }
    turned
}

/// Every TCP stream's numbers moved by a constant of its own, so that those of most streams pass 2³² within their first kilobytes.
fn wrapped(capture: &Records) -> Records {
    let mut moves: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let records = sorted(capture).all.into_iter().map(|mut record| {
        let Some((addresses, length, header)) = places(&record.frame) else { return record };
        let is_tcp = if length == 4 { record.frame[23] } else { record.frame[20] } == 6;
        if !is_tcp || record.frame.len() < header + 20 {
            return record;
        }
        let ends = &record.frame[addresses..addresses + 2 * length];
        let ports = &record.frame[header..header + 4];
        let way = [ends, ports].concat();
        let back = [&ends[length..], &ends[..length], &ports[2..], &ports[..2]].concat();
        let word = |at: usize| u32::from_be_bytes(record.frame[at..at + 4].try_into().unwrap());
        let (seq, ack) = (word(header + 4), word(header + 8));
        let flags = record.frame[header + 13];
        // The first number seen of a stream comes to lie five hundred before the wrap; ports used again keep their distance.
        let by = *moves.entry(way).or_insert_with(|| 0_u32.wrapping_sub(500).wrapping_sub(seq));
        let back_by = if flags & 0x10 == 0 {
            None
        } else {
            Some(*moves.entry(back).or_insert_with(|| 0_u32.wrapping_sub(300).wrapping_sub(ack)))
        };
        // A RST that refuses a SYN has the number 0, which says that nobody is there.
        let refusal = seq == 0 && flags & 4 != 0;
        if !refusal {
            record.frame[header + 4..header + 8].copy_from_slice(&seq.wrapping_add(by).to_be_bytes());
        }
        if let Some(back_by) = back_by {
            record.frame[header + 8..header + 12].copy_from_slice(&ack.wrapping_add(back_by).to_be_bytes());
        }
        record
    });
    capture.with(records.collect::<Vec<_>>())
}

const TABLES: [&str; 4] = ["errors.csv", "causes.csv", "findings.csv", "connections.csv"];
/// `if_tsresol` of nanoseconds.
const NANOS: [u8; 12] = [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
