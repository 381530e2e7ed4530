//! Inputs made to cost: memory stays within its bound, what was left out is counted and named, and the rest is analysed.
//!
//! Sizes are what a test run can do in seconds; `WIRECAUSE_FULL_SIZE=1` with `--ignored` makes them whole.

use std::{
    env, fs,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use wirecause_parsers::packet::TcpFlags;

use crate::{
    harness::{Scratch, files_below, read_csv, root},
    scenario_packets::{Content, Parties, draw},
    wire_file::{self, Order, Record, Records},
};

/// A run that ended: its status, what it said, and the most memory it held, in megabytes.
struct Measured {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    megabytes: u64,
}

/// Runs the command and looks at its memory while it runs: what the kernel calls the high-water mark.
fn measured(scratch: &Scratch, shell: Option<&str>, args: &[&str]) -> Measured {
    let program = env!("CARGO_BIN_EXE_wirecause");
    let mut command = match shell {
        Some(before) => {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), program]);
            command
        }
        None => Command::new(program),
    };
    let (out, err) = (scratch.path("stdout"), scratch.path("stderr"));
    command.args(args).current_dir(scratch.path("")).stdin(Stdio::null());
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let mut megabytes = 0;
    let status = loop {
        megabytes = high_water(child.id()).unwrap_or(0).max(megabytes);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let measured = Measured { status: status.code(), stdout: text(&out), stderr: text(&err), megabytes };
    println!("{args:?}: {megabytes} MB");
    measured
}

fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// The size of a test: small, or whole where that is asked for.
fn size(small: u64, whole: u64) -> u64 {
    if env::var_os("WIRECAUSE_FULL_SIZE").is_some() { whole } else { small }
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(root().join("samples/harbor-cut").join(name)).unwrap()
}

/// Connections of the sample, which stand behind all that is hostile in one capture.
fn expected_connections() -> usize {
    let scratch = Scratch::new("hostile-expected");
    scratch.write("gateway.pcap", sample("gateway.pcap"));
    let text = scratch.wirecause(0, &["connections", "gateway.pcap"]).stdout();
    text.lines().count() - 1
}

#[test]
fn a_flood_of_half_open_connections() {
    let scratch = Scratch::new("hostile-half-open");
    let flood = size(300_000, 20_000_000);
    let records = Records::read(&sample("gateway.pcap"));
    let mut out = BufWriter::new(File::create(scratch.path("flood.pcap")).unwrap());
    out.write_all(&records.with([]).pcap(Order::Little, true)).unwrap();
    let Content::Tcp(mut syn, _) = draw(&Parties::new(1), 0.0, &["0 > S"])[0].content.clone() else { panic!() };
    let start = records.all[0].time;
    for number in 0..flood {
        syn.ends.source.address = (0xc000_0000 + (number / 60_000) as u32).to_be_bytes().into();
        syn.ends.source.port = (number % 60_000) as u16 + 1_000;
        syn.seq = number as u32;
        let frame = wire_file::frame(&syn, &[]);
        let record = Record { time: start + number as i64, original: frame.len() as u32, frame };
        out.write_all(&records.with([record]).pcap(Order::Little, true)[24..]).unwrap();
    }
    let later = records.all.iter().map(|record| Record { time: record.time + 1_000_000_000, ..record.clone() });
    out.write_all(&records.with(later).pcap(Order::Little, true)[24..]).unwrap();
    drop(out);
    let ran = measured(&scratch, None, &["connections", "flood.pcap"]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("half-open connections are not listed: more than 262,144"), "{}", ran.stderr);
    let listed = ran.stdout.lines().count() - 1;
    let beyond: usize = ran.stderr.split_whitespace().nth(1).unwrap().parse().unwrap();
    let lone_of_the_sample = expected_connections();
    assert_eq!(listed + beyond, flood as usize + lone_of_the_sample);
    assert!(listed <= 262_144 + lone_of_the_sample);
    // The sample's connections with an answer are all there.
    assert!(ran.stdout.lines().filter(|line| line.contains("corp.example")).count() > 40);
    assert!(ran.megabytes < HALF_OPEN_MB, "{} MB", ran.megabytes);
}

#[test]
fn one_connection_of_very_many_exchanges() {
    let scratch = Scratch::new("hostile-exchanges");
    let exchanges = size(50_000, 10_000_000);
    let parties = Parties::new(40_001);
    let packets = draw(&parties, 0.0, &["0 > S", "0.01 < S.", "0.01 > .", "0.02 > P. GET /a", "0.03 < P. 200 body=5"]);
    let mut out = BufWriter::new(File::create(scratch.path("long.pcap")).unwrap());
    let records = Records::of(&packets);
    out.write_all(&records.pcap(Order::Little, true)).unwrap();
    let templates: Vec<_> = packets[3..]
        .iter()
        .map(|packet| match &packet.content {
            Content::Tcp(segment, payload) => (*segment, payload.clone()),
            Content::Icmp(_) => panic!(),
        })
        .collect();
    let (request, response) = (templates[0].0.payload, templates[1].0.payload);
    for number in 1..exchanges {
        for (index, (segment, payload)) in templates.iter().enumerate() {
            let mut segment = *segment;
            let (own, other) = if index == 0 { (request, response) } else { (response, request) };
            segment.seq = segment.seq.wrapping_add((number as u32).wrapping_mul(own));
            segment.ack = segment.ack.wrapping_add((number as u32).wrapping_mul(other));
            segment.ip.id = Some(number as u16);
            let frame = wire_file::frame(&segment, payload);
            let time = packets[3 + index].time.nanos() + number as i64 * 20_000_000;
            let record = Record { time, original: frame.len() as u32, frame };
            out.write_all(&records.with([record]).pcap(Order::Little, true)[24..]).unwrap();
        }
    }
    drop(out);
    let ran = measured(&scratch, None, &["connections", "long.pcap"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let rows = crate::harness::parse_csv(&ran.stdout);
    assert_eq!((rows.len(), rows[0].get("exchanges")), (1, exchanges.to_string().as_str()));
    assert!(ran.megabytes < CAPTURE_MB, "{} MB", ran.megabytes);
}

/// A line without end, and a trace without end, in the middle of a log: the calls before and behind are all found.
#[test]
fn a_line_and_a_trace_without_end() {
    let log = String::from_utf8(sample("ssg_0_0.log")).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let middle = lines.iter().rposition(|line| line.contains("4042")).unwrap() + 1;
    let (before, behind) = (lines[..middle].concat(), lines[middle..].concat());
    let scratch = Scratch::new("hostile-log");
    scratch.write("usual.log", &log);
    let usual = scratch.wirecause(0, &["errors", "usual.log"]).stdout();
    for (name, piece) in [("line", "x".repeat(1 << 20)), ("trace", "\tat a.b.C.d(C.java:1)\n".repeat(1 << 15))] {
        let path = scratch.path(&format!("{name}.log"));
        let mut out = BufWriter::new(File::create(&path).unwrap());
        out.write_all(before.as_bytes()).unwrap();
        let pieces = size(64 << 20, 2 << 30) / piece.len() as u64;
        for _ in 0..pieces {
            out.write_all(piece.as_bytes()).unwrap();
        }
        out.write_all(format!("\n{behind}").as_bytes()).unwrap();
        drop(out);
        let ran = measured(&scratch, None, &["errors", &format!("{name}.log")]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stdout.lines().count(), usual.lines().count(), "{name}");
        assert!(ran.megabytes < LOG_MB, "{name}: {} MB", ran.megabytes);
        let ran = measured(&scratch, None, &["analyze", &format!("{name}.log"), "-o", "out", "-q"]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let counted = fs::read_to_string(scratch.path("out/run.json")).unwrap();
        let named = if name == "line" { "\"longer than is kept\": 1" } else { "\"beyond an entry's bound\": " };
        assert!(counted.contains(named), "{counted}");
        assert!(!counted.contains("\"beyond an entry's bound\": 0") || name == "line", "{counted}");
        fs::remove_file(path).unwrap();
    }
}

/// A few megabytes that unpack to very many.
#[test]
fn a_gzip_that_unpacks_to_a_thousandfold() {
    let scratch = Scratch::new("hostile-gzip");
    let unpacked = size(256 << 20, 20 << 30);
    let file = File::create(scratch.path("bomb.log.gz")).unwrap();
    let mut out = flate2::write::GzEncoder::new(BufWriter::new(file), flate2::Compression::fast());
    out.write_all(&sample("ssg_0_0.log")).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..unpacked >> 20 {
        out.write_all(&zeros).unwrap();
    }
    out.write_all(b"\n").unwrap();
    out.write_all(&sample("ssg_0_0.log")).unwrap();
    out.finish().unwrap().flush().unwrap();
    let packed = fs::metadata(scratch.path("bomb.log.gz")).unwrap().len();
    assert!(unpacked / packed > 100, "{packed} bytes unpack to {unpacked}");
    scratch.write("usual.log", sample("ssg_0_0.log"));
    let usual = scratch.wirecause(0, &["errors", "usual.log"]).stdout().lines().count() - 1;
    let ran = measured(&scratch, None, &["errors", "bomb.log.gz"]);
    assert_eq!((ran.status, ran.stdout.lines().count() - 1), (Some(0), 2 * usual), "{}", ran.stderr);
    assert!(ran.megabytes < LOG_MB, "{} MB", ran.megabytes);
}

/// More files than a process may have open: captures one after the other, and others that are nothing.
#[test]
fn very_many_tiny_files() {
    let scratch = Scratch::new("hostile-files");
    let files = size(2_000, 100_000);
    let records = Records::read(&sample("gateway.pcap"));
    let whole = records.with(records.all.clone());
    let half = files as usize / 2;
    let per_file = whole.all.len().div_ceil(half).max(1);
    let mut sorted = whole.all.clone();
    sorted.sort_by_key(|record| record.time);
    fs::create_dir_all(scratch.path("in")).unwrap();
    for (number, part) in sorted.chunks(per_file).enumerate() {
        fs::write(
            scratch.path(&format!("in/part{number:06}.pcap")),
            whole.with(part.to_vec()).pcap(Order::Little, true),
        )
        .unwrap();
    }
    let captures = sorted.chunks(per_file).len();
    for number in captures..files as usize {
        fs::write(scratch.path(&format!("in/other{number:06}")), "nothing\n").unwrap();
    }
    assert_eq!(files_below(&scratch.path("in")).len(), files as usize);
    let ran = measured(&scratch, Some("ulimit -n 64"), &["analyze", "in", "-o", "out"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(read_csv(&scratch.path("out/connections.csv")).len(), expected_connections());
    assert!(ran.stdout.len() < 20_000, "the summary names {} bytes of files", ran.stdout.len());
    assert!(ran.megabytes < CAPTURE_MB, "{} MB", ran.megabytes);
}

#[test]
fn a_pcapng_of_a_million_interfaces() {
    let scratch = Scratch::new("hostile-interfaces");
    let records = Records::read(&sample("gateway.pcap"));
    let mut bytes = records.pcapng(Order::Little);
    let one = wire_file::interface(Order::Little, 1, 0, &[]);
    for _ in 0..1_000_000 {
        bytes.extend(&one);
    }
    scratch.write("interfaces.pcapng", bytes);
    let ran = measured(&scratch, None, &["connections", "interfaces.pcapng"]);
    assert_eq!((ran.status, ran.stdout.lines().count() - 1), (Some(1), expected_connections()), "{}", ran.stderr);
    assert!(ran.stderr.contains("more than 65536 interfaces, the next one at byte"), "{}", ran.stderr);
    assert!(ran.megabytes < CAPTURE_MB, "{} MB", ran.megabytes);
}

/// Captures of a hundred points that overlap in time: those beyond the bound are named, the others are read.
#[test]
fn captures_of_too_many_points() {
    let scratch = Scratch::new("hostile-points");
    let records = Records::read(&sample("gateway.pcap"));
    for number in 0..70 {
        // The same packets would be the same point.
        let later = records.all.iter().map(|record| Record { time: record.time + number * 2_000, ..record.clone() });
        scratch.write(&format!("in/{number:03}.pcap"), records.with(later).pcap(Order::Little, true));
    }
    let ran = measured(&scratch, None, &["connections", "in"]);
    assert_eq!((ran.status, ran.stdout.lines().count() - 1), (Some(1), expected_connections()), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("captures of more than 64 points overlap").count(), 6, "{}", ran.stderr);
}

/// Options whose lengths say more than there is: the header is what it is, and the options before the lie are read.
#[test]
fn options_that_lie_about_their_length() {
    let Content::Tcp(syn, _) = draw(&Parties::new(1), 0.0, &["0 > S"])[0].content.clone() else { panic!() };
    let frame = wire_file::frame(&syn, &[]);
    for at in 0..12 {
        for lie in [0, 1, 40, 255] {
            let mut lying = frame.clone();
            let length = lying.len();
            lying[length - 20 + at] = lie;
            let original = length as u32;
            let decoded =
                wirecause_parsers::packet::decode(wirecause_parsers::capture::LinkType::ETHERNET, &lying, original);
            let wirecause_parsers::packet::Decoded::Tcp(read, payload) = decoded else { panic!("{decoded:?}") };
            assert_eq!((read.ends, read.seq, read.flags, payload), (syn.ends, syn.seq, TcpFlags::SYN, &[][..]));
        }
    }
}

/// Multipath TCP's options (RFC 8684), and one that nobody knows, before those that are read: they change nothing.
#[test]
fn options_that_nobody_reads() {
    let Content::Tcp(syn, _) = draw(&Parties::new(1), 0.0, &["0 > S"])[0].content.clone() else { panic!() };
    let usual = wire_file::frame(&syn, &[]);
    let capable = [30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8];
    let unknown = [253, 4, 0xf9, 0x89];
    for option in [&capable[..], &unknown] {
        let mut frame = usual.clone();
        frame.splice(54..54, option.iter().copied());
        let length = (frame.len() - 14) as u16;
        frame[16..18].copy_from_slice(&length.to_be_bytes());
        frame[46] += (option.len() as u8 / 4) << 4;
        let read = |frame: &[u8]| {
            let original = frame.len() as u32;
            match wirecause_parsers::packet::decode(wirecause_parsers::capture::LinkType::ETHERNET, frame, original) {
                wirecause_parsers::packet::Decoded::Tcp(segment, _) => segment,
                other => panic!("{other:?}"),
            }
        };
        let (mut with, without) = (read(&frame), read(&usual));
        with.ip.length = without.ip.length;
        assert_eq!(with, without);
        assert!(with.mss.is_some() && with.timestamps.is_some());
    }
}

/// Everything at its whole size: `WIRECAUSE_FULL_SIZE=1 cargo test --test integration hostile::whole -- --ignored --nocapture`.
#[test]
#[ignore = "writes some ten gigabytes and takes a quarter of an hour"]
fn whole() {
    assert!(env::var_os("WIRECAUSE_FULL_SIZE").is_some(), "set WIRECAUSE_FULL_SIZE");
    a_line_and_a_trace_without_end();
    a_gzip_that_unpacks_to_a_thousandfold();
    very_many_tiny_files();
    one_connection_of_very_many_exchanges();
    a_flood_of_half_open_connections();
}

/// What a batch of 32 MB takes in records, segments and payloads, twice over.
const CAPTURE_MB: u64 = 600;
/// What a line and an entry may hold, and the buffers of reading, with polars' own.
const LOG_MB: u64 = 200;
/// The bound on lone SYNs as connections and as rows of the table, beside a batch.
const HALF_OPEN_MB: u64 = 2_500;
