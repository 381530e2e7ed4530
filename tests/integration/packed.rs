//! The same incident however it is packed, cut and spread over files.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use wirecause::{
    input::survey,
    read::{LogFile, read_logs},
};
use wirecause_parsers::log::LogOptions;

use crate::{
    harness::{Row, Scratch, parse_csv, read_csv, root},
    pack::{COMPRESSIONS, packed, tar, zip},
};

fn sample() -> Vec<(String, Vec<u8>)> {
    let folder = root().join("samples/harbor-cut");
    let read = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
    ["gateway.pcap", "ssg_0_0.log"].map(read).into()
}

/// The cells of a table's rows, with their columns.
type Table = Vec<Vec<(String, String)>>;

/// Every cell but those that name files.
fn told(rows: &[Row]) -> Table {
    let is_told = |(column, _): &&(String, String)| !column.ends_with("_file");
    rows.iter().map(|row| row.cells().iter().filter(is_told).cloned().collect()).collect()
}

fn analyzed(scratch: &Scratch, input: &str) -> (Table, Table) {
    let hosts = root().join("samples/harbor-cut/hosts").to_string_lossy().into_owned();
    scratch.wirecause(0, &["analyze", input, "--hosts", &hosts, "-o", "out", "-q"]);
    let table = |name: &str| told(&read_csv(&scratch.path("out").join(name)));
    (table("errors.csv"), table("connections.csv"))
}

/// An incident says the same plain and in every compression and archive, and its stories and evidence are read back from there.
#[test]
fn packing_changes_nothing_but_names() {
    let scratch = Scratch::new("packed-same");
    let files = sample();
    for (name, content) in &files {
        scratch.write(&format!("plain/{name}"), content);
    }
    let plain = analyzed(&scratch, "plain");
    let evidence = |scratch: &Scratch| -> BTreeMap<String, Vec<u8>> {
        let written = fs::read_dir(scratch.path("out/evidence")).unwrap().flatten();
        written
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
            .collect()
    };
    let entries = |scratch: &Scratch| -> Vec<String> {
        let stories = fs::read_to_string(scratch.path("out/stories.jsonl")).unwrap();
        let story = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        stories.lines().map(|line| story(line)["log_entry"].to_string()).collect()
    };
    let (plain_evidence, plain_entries) = (evidence(&scratch), entries(&scratch));
    assert!(plain.0.len() > 20 && plain_evidence.len() > 5 && plain_entries.iter().all(|entry| entry.len() > 40));

    let mut forms: Vec<(String, Vec<u8>)> = Vec::new();
    for ending in COMPRESSIONS {
        let members: Vec<_> =
            files.iter().map(|(name, content)| (format!("in/{name}.{ending}"), packed(ending, content))).collect();
        forms.extend([
            (format!("{ending}-in-tar"), tar(&members)),
            (format!("tar-{ending}"), packed(ending, &tar(&files))),
        ]);
        for (name, content) in members {
            scratch.write(&format!("{ending}/{name}"), content);
        }
        assert!(analyzed(&scratch, ending) == plain, "{ending}");
    }
    let inner = |archive: Vec<u8>| vec![("bundle/inner".to_owned(), archive)];
    forms.extend([
        ("tar".to_owned(), tar(&files)),
        ("zip".to_owned(), zip(&files)),
        ("zip-in-zip".to_owned(), zip(&inner(zip(&files)))),
        ("zip-in-tar-zst".to_owned(), packed("zst", &tar(&inner(zip(&files))))),
        ("tar-gz-in-zip".to_owned(), zip(&inner(packed("gz", &tar(&files))))),
        ("tar-in-tar-gz".to_owned(), packed("gz", &tar(&inner(tar(&files))))),
    ]);
    for (name, archive) in forms {
        // Kinds are told by content: the name says nothing.
        scratch.write(&format!("{name}.bin"), archive);
        assert!(analyzed(&scratch, &format!("{name}.bin")) == plain, "{name}");
        assert_eq!(entries(&scratch), plain_entries, "{name}");
        let found = evidence(&scratch);
        assert!(found.keys().eq(plain_evidence.keys()), "{name}: {:?}", found.keys());
        // They name the file they came from, and hold as many packets.
        for (file, bytes) in &found {
            assert!(bytes.len().abs_diff(plain_evidence[file].len()) < 4_096, "{name}: {file}");
        }
    }
}

#[test]
fn an_archive_on_standard_input_is_read() {
    let archive = packed("gz", &tar(&sample()));
    let scratch = Scratch::new("packed-stdin");
    let expected = scratch.wirecause(0, &["errors", &root().join("samples/harbor-cut").to_string_lossy()]).stdout();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirecause"))
        .args(["errors", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let fed = std::thread::spawn(move || pipe.write_all(&archive));
    let output = child.wait_with_output().unwrap();
    fed.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let found = parse_csv(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(told(&found), told(&parse_csv(&expected)));
    assert!(found.iter().all(|row| row.get("log_file") == "-/ssg_0_0.log"));
}

fn logs_below(scratch: &Scratch, name: &str) -> (Vec<LogFile>, Vec<String>) {
    let seen = survey(&[scratch.path(name)], None);
    let mut faults: Vec<_> = seen.iter().filter_map(|seen| seen.report.damage.clone()).collect();
    let inputs: Vec<_> = seen.into_iter().filter_map(|seen| seen.input).collect();
    let mut files = Vec::new();
    for read in read_logs(&inputs, LogOptions::default(), || None, &Arc::default()) {
        match read {
            Ok(file) => {
                faults.extend(file.report.damage.clone());
                files.push(file);
            }
            Err(report) => faults.extend(report.damage),
        }
    }
    (files, faults)
}

/// Times of the failed calls, in order.
fn times(files: &[LogFile]) -> Vec<i64> {
    let mut times: Vec<_> = files.iter().flat_map(|file| &file.scan.calls).map(|call| call.time.nanos()).collect();
    times.sort_unstable();
    times
}

/// A small log that fails a call with every fifth line.
fn small_log(hour: u32) -> Vec<u8> {
    let mut log = Vec::new();
    for line in 0..60 {
        let text = match line % 5 {
            0 => {
                "4042: Problem routing to http://h/. Error msg: Unable to obtain HTTP response from http://h/: Connection reset"
            }
            _ => "Processing request for service: Orders [/orders]",
        };
        let thread = 100 + line / 5;
        writeln!(log, "2026-11-20T{hour:02}:00:{line:02}.000+0000 WARNING {thread} com.l7tech.server.message: {text}")
            .unwrap();
    }
    log
}

/// Cut at every offset: no panic, what stood before the cut is used, and a cut is told.
#[test]
fn cut_at_every_offset() {
    let scratch = Scratch::new("packed-cut");
    let logs: Vec<_> = (1..4).map(|hour| (format!("logs/{hour}.log"), small_log(hour))).collect();
    let forms = [
        ("zip", zip(&logs)),
        ("tar.gz", packed("gz", &tar(&logs))),
        ("tar.zst", packed("zst", &tar(&logs))),
        ("zst", packed("zst", &logs[0].1)),
    ];
    for (form, whole) in forms {
        scratch.write("whole", &whole);
        let all = times(&logs_below(&scratch, "whole").0);
        assert_eq!(all.len(), if form == "zst" { 12 } else { 36 }, "{form}");
        let mut most = 0;
        for end in 1..whole.len() {
            scratch.write("cut", &whole[..end]);
            let (files, faults) = logs_below(&scratch, "cut");
            let found = times(&files);
            assert!(all.starts_with(&found), "{form} cut at {end}: {} calls", found.len());
            // With its mark gone the file is not known for what it was; it is named as neither.
            let is_known = end > 18;
            assert!(!is_known || !faults.is_empty() || files.is_empty(), "{form} cut at {end} is not told");
            most = most.max(found.len());
        }
        assert!(most >= all.len() / 3, "{form}: at most {most} of {} calls before the cut", all.len());
    }
}

/// A log cut into rotated files, packed or not, and with copies of some of them, says the same.
#[test]
fn rotated_logs_are_one_log() {
    let scratch = Scratch::new("packed-rotated");
    let [_, (_, log)] = <[_; 2]>::try_from(sample()).unwrap();
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let starts: Vec<usize> =
        (0..lines.len()).filter(|index| lines[*index].first().is_some_and(u8::is_ascii_digit)).collect();
    let told = |rows: &[Row]| -> Vec<Vec<String>> {
        let own = ["log_time", "thread", "service", "url", "symptom", "message"];
        rows.iter().map(|row| own.map(|column| row.get(column).to_owned()).into()).collect()
    };
    let errors = |scratch: &Scratch, input: &str| told(&parse_csv(&scratch.wirecause(0, &["errors", input]).stdout()));
    scratch.write("whole/ssg_0_0.log", &log);
    let whole = errors(&scratch, "whole");
    assert!(whole.len() > 20);
    for (number, cuts) in [[1, 2], [3, 50], [51, 52], [200, 280], [7, 304]].iter().enumerate() {
        let [one, two] = cuts.map(|cut| starts[cut]);
        let parts = [lines[..one].concat(), lines[one..two].concat(), lines[two..].concat()];
        let folder = format!("rotated-{number}");
        // The newest has the lowest number, as `java.util.logging` rotates.
        scratch.write(&format!("{folder}/ssg_2_0.log"), &parts[0]);
        scratch.write(&format!("{folder}/ssg_1_0.log.gz"), packed("gz", &parts[1]));
        scratch.write(&format!("{folder}/ssg_0_0.log"), &parts[2]);
        assert_eq!(errors(&scratch, &folder), whole, "cut before {one} and {two}");
        let bundled =
            [("logs/ssg_2_0.log".to_owned(), parts[0].clone()), ("logs/ssg_0_1.log".to_owned(), parts[2].clone())];
        scratch.write(&format!("{folder}/bundle.zip"), zip(&bundled));
        assert_eq!(errors(&scratch, &folder), whole, "with copies, cut before {one} and {two}");
    }
}

#[test]
fn a_list_names_the_inputs() {
    let scratch = Scratch::new("packed-list");
    for (name, content) in sample() {
        scratch.write(&format!("in/{name}"), content);
    }
    let expected = scratch.wirecause(0, &["errors", "in/ssg_0_0.log"]).stdout();
    scratch.write("list", "in/ssg_0_0.log\n");
    assert_eq!(scratch.wirecause(0, &["errors", "--files-from", "list"]).stdout(), expected);
    scratch.write("list0", "in/ssg_0_0.log\0in/gateway.pcap\0");
    assert_eq!(scratch.wirecause(0, &["errors", "--files-from", "list0"]).stdout(), expected);
    let ran = scratch.wirecause(2, &["errors", "--files-from", "missing"]);
    assert!(ran.stderr().contains("missing"), "{}", ran.dump());
    let ran = scratch.wirecause(2, &["errors"]);
    assert!(ran.stderr().contains("PATH"), "{}", ran.dump());
}

/// A bomb is cut and named, and the log beside it is read; memory and time are those of what is read before.
#[test]
fn a_bomb_is_named_and_the_rest_is_read() {
    let scratch = Scratch::new("packed-bomb");
    let log = small_log(1);
    // A log that goes on with 400 MB of nothing.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).unwrap();
    bomb.write_all(&small_log(2)).unwrap();
    let nothing = vec![b'\n'; 1 << 20];
    for _ in 0..400 {
        bomb.write_all(&nothing).unwrap();
    }
    scratch.write("in/bomb.log.zst", bomb.finish().unwrap());
    scratch.write("in/fine.log", &log);
    let ran = scratch.wirecause(1, &["errors", "in"]);
    assert!(ran.stderr().contains("bomb.log.zst") && ran.stderr().contains("thousandfold"), "{}", ran.dump());
    assert_eq!(parse_csv(&ran.stdout()).len(), 24);
}

#[test]
fn thousands_of_tiny_files_are_read() {
    let scratch = Scratch::new("packed-tiny");
    let tiny: Vec<_> =
        (0..5_000_u32).map(|number| (format!("logs/{number}.txt"), format!("{number}\n").into_bytes())).collect();
    let mut files = tiny;
    files.push(("logs/ssg_0_0.log".to_owned(), small_log(1)));
    scratch.write("in/bundle.tar.gz", packed("gz", &tar(&files)));
    for (name, content) in &files {
        scratch.write(&format!("in/{name}"), content);
    }
    let ran = scratch.wirecause(0, &["errors", "in"]);
    // The log and its copy in the bundle.
    assert_eq!(parse_csv(&ran.stdout()).len(), 12, "{}", ran.stderr());
}
