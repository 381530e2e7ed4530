//! Evidence files: what Wireshark's own programs read in them, against the captures that they come from.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use serde_json::Value;
use wirecause::{
    input::{Input, Source},
    read::{
        packets::{Wanted, WantedFlow, sweep},
        points, read_captures,
    },
};
use wirecause_parsers::time::Timestamp;

use crate::harness::{Scratch, root};

fn sample() -> PathBuf {
    root().join("samples/harbor-cut")
}

/// The stories that a run left, one per failed call.
fn stories(scratch: &Scratch, output: &str) -> Vec<Value> {
    let text = fs::read_to_string(scratch.path(output).join("stories.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs one of Wireshark's programs, which must not complain, and returns what it prints.
fn wireshark(scratch: &Scratch, program: &str, args: &[&str]) -> String {
    assert!(
        Command::new(program).arg("--version").output().is_ok(),
        "{program} is missing: `./test` installs it, or `apt-get install tshark`"
    );
    let ran = scratch.run(0, Command::new(program).args(args));
    let complaints: Vec<String> =
        ran.stderr().lines().filter(|line| !line.starts_with("Running as user")).map(str::to_owned).collect();
    assert_eq!(complaints, Vec::<String>::new(), "{}", ran.dump());
    ran.stdout()
}

/// Time, lengths and bytes of every packet of a file, as tshark reads them.
fn packets(scratch: &Scratch, file: &str) -> Vec<String> {
    let fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"];
    let heads = wireshark(scratch, "tshark", &[&["-r", file][..], &fields].concat());
    // A packet's bytes are lines of offset, hex and text; a blank line ends them. Without IP nothing is put together or shown twice.
    let plain = ["-P", "-x", "--disable-protocol", "ip", "--disable-protocol", "ipv6"];
    let dumped = wireshark(scratch, "tshark", &[&["-r", file][..], &plain].concat());
    let mut bytes: Vec<String> = Vec::new();
    for line in dumped.lines() {
        match line.split_once("  ") {
            Some(("0000", hex)) => bytes.push(hex.get(..47).unwrap_or(hex).to_owned()),
            Some((offset, hex)) if offset.len() == 4 && offset.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                bytes.last_mut().unwrap().push_str(hex.get(..47).unwrap_or(hex));
            }
            _ => {}
        }
    }
    let heads: Vec<&str> = heads.lines().collect();
    assert_eq!(heads.len(), bytes.len(), "{file}");
    heads.into_iter().zip(bytes).map(|(head, bytes)| format!("{head} {bytes}")).collect()
}

/// The frame numbers that a section's comment names of a source.
fn numbers(comment: &str, source: &str) -> Vec<usize> {
    let (_, ranges) = comment.split_once(&format!("source: {source}, frames ")).unwrap_or_else(|| panic!("{comment}"));
    // capinfos shows line ends as blanks: numbers go on behind a comma alone.
    let mut numbers = Vec::new();
    for range in ranges.split(", ") {
        let word = range.split_whitespace().next().unwrap();
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        numbers.extend(first.parse::<usize>().unwrap()..=last.parse::<usize>().unwrap());
        if word.len() < range.trim_end().len() {
            break;
        }
    }
    numbers
}

/// The files of a run's evidence with the stories they belong to.
fn evidence(scratch: &Scratch, output: &str) -> Vec<(String, Value)> {
    let with_evidence = stories(scratch, output).into_iter().filter(|story| !story["evidence"].is_null());
    with_evidence.map(|story| (format!("{output}/{}", story["evidence"].as_str().unwrap()), story)).collect()
}

/// The files joined in their order: a program is started once for all of them.
fn joined(scratch: &Scratch, files: &[(String, Value)]) -> String {
    let mut args = vec!["-a", "-w", "joined.pcapng"];
    args.extend(files.iter().map(|(file, _)| file.as_str()));
    wireshark(scratch, "mergecap", &args);
    "joined.pcapng".to_owned()
}

/// The comment of each file's section, in their order.
fn section_comments(scratch: &Scratch, files: &[(String, Value)]) -> Vec<String> {
    let mut args = vec!["-k"];
    args.extend(files.iter().map(|(file, _)| file.as_str()));
    let shown = wireshark(scratch, "capinfos", &args);
    let comments: Vec<String> = shown
        .split("Capture comment:")
        .skip(1)
        .map(|rest| rest.split("File name:").next().unwrap().trim().to_owned())
        .collect();
    assert_eq!(comments.len(), files.len(), "{shown}");
    comments
}

#[test]
fn packets_of_the_evidence_are_those_of_the_source() {
    let scratch = Scratch::new("evidence-packets");
    let sample = sample();
    scratch.wirecause(0, &["analyze", sample.to_str().unwrap(), "-o", "out", "-q", "--evidence", "all"]);
    let source = packets(&scratch, sample.join("gateway.pcap").to_str().unwrap());
    let files = evidence(&scratch, "out");
    assert!(files.len() > 60, "{} files", files.len());
    let mut expected: Vec<&String> = Vec::new();
    for ((file, story), comment) in files.iter().zip(section_comments(&scratch, &files)) {
        for said in ["error_id", "log_file", "cause"] {
            assert!(comment.contains(story[said].as_str().unwrap()), "{said} is not in {comment}");
        }
        assert!(comment.contains(&format!("line {}", story["log_line"])), "{comment}");
        let numbers = numbers(&comment, "gateway.pcap");
        expected.extend(numbers.iter().map(|number| &source[number - 1]));
        // Every frame of the ladder is among them.
        for event in story["events"].as_array().unwrap() {
            if let Some(frame) = event["frame"].as_u64() {
                assert!(numbers.contains(&(frame as usize)), "frame {frame} of the story is not in {file}");
            }
        }
    }
    let written = packets(&scratch, &joined(&scratch, &files));
    assert!(
        written.iter().eq(expected.iter().copied()),
        "{} packets written, {} expected",
        written.len(),
        expected.len()
    );
}

#[test]
fn comments_stand_on_the_frames_that_matter() {
    let scratch = Scratch::new("evidence-comments");
    let sample = sample();
    scratch.wirecause(0, &["analyze", sample.to_str().unwrap(), "-o", "out", "-q"]);
    let files = evidence(&scratch, "out");
    let all = joined(&scratch, &files);
    let shown = wireshark(&scratch, "tshark", &["-r", &all, "-T", "fields", "-e", "frame.comment"]);
    let mut shown = shown.lines();
    let (mut noted, mut deciding) = (0, 0);
    for ((file, story), comment) in files.iter().zip(section_comments(&scratch, &files)) {
        let events = story["events"].as_array().unwrap();
        assert!(events.iter().any(|event| event["decides"] == true), "nothing decides in {story:#}");
        for number in numbers(&comment, "gateway.pcap") {
            let shown = shown.next().unwrap();
            let event = events.iter().find(|event| event["frame"].as_u64() == Some(number as u64));
            let (note, decides) =
                event.map_or((None, false), |event| (event["note"].as_str(), event["decides"].as_bool().unwrap()));
            assert_eq!(note.is_some() || decides, !shown.is_empty(), "{file}, frame {number}: {shown:?}");
            assert!(shown.contains(note.unwrap_or_default()), "{file}, frame {number}: {shown:?} is not {note:?}");
            assert_eq!(shown.contains("The verdict rests on it"), decides, "{file}, frame {number}: {shown:?}");
            noted += usize::from(note.is_some());
            deciding += usize::from(decides);
        }
    }
    assert_eq!(shown.next(), None);
    assert!(noted > 200 && deciding > files.len(), "{noted} notes, {deciding} that decide, {} files", files.len());
}

#[test]
fn interfaces_and_comments_of_a_packed_capture_are_kept() {
    let scratch = Scratch::new("evidence-kept");
    let log = sample().join("ssg_0_0.log");
    scratch.write("in/ssg_0_0.log", fs::read(&log).unwrap());
    let source = sample().join("gateway.pcap");
    let noted: Vec<String> = (1..=40).flat_map(|frame| ["-a".to_owned(), format!("{frame}:theirs {frame}")]).collect();
    let mut args = vec!["-F", "pcapng"];
    args.extend(noted.iter().map(String::as_str));
    args.extend([source.to_str().unwrap(), "noted.pcapng"]);
    wireshark(&scratch, "editcap", &args);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&fs::read(scratch.path("noted.pcapng")).unwrap()).unwrap();
    scratch.write("in/noted.pcapng.gz", packed.finish().unwrap());
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q", "--evidence", "all"]);
    let source = packets(&scratch, "noted.pcapng");
    let files = evidence(&scratch, "out");
    let numbers: Vec<usize> =
        section_comments(&scratch, &files).iter().flat_map(|comment| numbers(comment, "noted.pcapng.gz")).collect();
    let all = joined(&scratch, &files);
    let expected: Vec<&String> = numbers.iter().map(|number| &source[number - 1]).collect();
    assert!(packets(&scratch, &all).iter().eq(expected), "packets differ");
    let shown = wireshark(&scratch, "tshark", &["-r", &all, "-T", "fields", "-e", "frame.comment"]);
    let mut kept = 0;
    for (number, comments) in numbers.iter().zip(shown.lines()).filter(|(number, _)| **number <= 40) {
        assert!(comments.contains(&format!("theirs {number}")), "frame {number}: {comments}");
        kept += 1;
    }
    assert!(kept > 0, "no frame with a comment of its own came into any evidence");
}

#[test]
fn a_capture_that_is_gone_or_another_is_a_fault_and_gives_no_evidence() {
    let scratch = Scratch::new("evidence-gone");
    let bytes = fs::read(sample().join("gateway.pcap")).unwrap();
    let path = scratch.write("gateway.pcap", &bytes);
    let input = Input { name: "gateway.pcap".to_owned(), source: Source::File(path.clone()), explicit: true };
    let (mut captures, _) = read_captures(&[input], 0);
    let (connections, _) = points::merge(std::mem::take(&mut captures.points), &Arc::default());
    let flow = WantedFlow::new(&connections, 0, &captures.files);
    let asked = Timestamp::from_nanos(0)..=connections[0].head().end;
    let wanted = [Wanted { flow, host: String::new(), asked }];
    let whole = sweep(&captures.files, &[0], &wanted);
    let connection = connections[0].open();
    let packets = connection.orig.packets + connection.resp.packets;
    assert_eq!((whole.taken[0].frames.len() as u64, whole.faults.len()), (packets, 0));

    // One packet less at the end: another file under the same name.
    let records = bytes.len() - 60;
    fs::write(&path, &bytes[..records]).unwrap();
    let changed = sweep(&captures.files, &[0], &wanted);
    assert!(changed.taken[0].frames.is_empty() && changed.faults[&0].contains("changed"), "{:?}", changed.faults);
    fs::remove_file(&path).unwrap();
    let gone = sweep(&captures.files, &[0], &wanted);
    assert!(gone.taken[0].frames.is_empty() && gone.faults[&0].contains("again"), "{:?}", gone.faults);
    captures.files[0].input.source = Source::Stream("-".into());
    let piped = sweep(&captures.files, &[0], &wanted);
    assert!(piped.taken[0].frames.is_empty() && piped.faults[&0].contains("standard input"), "{:?}", piped.faults);
}

#[test]
fn tables_alone_are_written_where_asked_for_and_earlier_evidence_goes() {
    let scratch = Scratch::new("evidence-tables-only");
    let sample = sample();
    let run = |more: &[&str]| {
        let args = [&["analyze", sample.to_str().unwrap(), "-o", "out", "-q"], more].concat();
        scratch.wirecause(0, &args);
    };
    let names = || -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(scratch.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    run(&[]);
    assert!(names().iter().any(|name| name == "evidence"), "{:?}", names());
    run(&["--tables-only"]);
    assert_eq!(names(), ["causes.csv", "connections.csv", "errors.csv", "findings.csv", "run.json"]);
    scratch.wirecause(2, &["explain", "out", "0"]);
}

#[test]
fn evidence_does_not_depend_on_threads() {
    let scratch = Scratch::new("evidence-threads");
    let sample = sample();
    for (threads, output) in [("1", "one"), ("4", "four")] {
        scratch.wirecause(0, &["analyze", sample.to_str().unwrap(), "-o", output, "-q", "--threads", threads]);
    }
    let read = |output: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let directory = scratch.path(output);
        let files = crate::harness::files_below(&directory).into_iter();
        files.map(|(name, _)| (Path::new(&name).to_owned(), fs::read(directory.join(&name)).unwrap())).collect()
    };
    let (one, four) = (read("one"), read("four"));
    assert_eq!(one.keys().collect::<Vec<_>>(), four.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(four[name] == *bytes, "{} differs", name.display());
    }
}
