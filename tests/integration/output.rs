//! Where output goes wrong: a full disk, a directory that may not be written, formulas and escapes in what a log holds, another
//! locale, another zone, another run.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Stdio},
};

use crate::harness::{Scratch, files_below, parse_csv, read_csv, root};

fn sample(name: &str) -> String {
    root().join("samples/harbor-cut").join(name).to_string_lossy().into_owned()
}

fn wirecause() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wirecause"))
}

/// A log line whose every part begins like a formula or holds what a terminal obeys.
const HOSTILE: &str = "2026-11-20T20:54:30.824-0300 WARNING 77 com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: \
    Problem routing to =cmd|'/C calc'!A0://\u{1b}[31mh/\u{202e}x. Error msg: @SUM(1+1)*cmd \"quoted\", Connection reset\u{7}\u{9b}2J\n";

#[test]
fn formulas_are_disarmed_where_that_is_asked_for() {
    let scratch = Scratch::new("output-formulas");
    scratch.write("ssg_0_0.log", HOSTILE);
    let plain = parse_csv(&scratch.wirecause(0, &["errors", "ssg_0_0.log"]).stdout());
    let safe = parse_csv(&scratch.wirecause(0, &["errors", "ssg_0_0.log", "--csv-safe"]).stdout());
    assert_eq!((plain.len(), safe.len()), (1, 1));
    for ((column, text), (_, disarmed)) in plain[0].cells().iter().zip(safe[0].cells()) {
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            assert_eq!(*disarmed, format!("'{text}"), "{column}");
        } else {
            assert_eq!(text, disarmed, "{column}");
        }
    }
    assert!(plain[0].cells().iter().any(|(_, text)| text.starts_with('=')), "{plain:?}");
    scratch.wirecause(0, &["analyze", "ssg_0_0.log", "-o", "out", "-q", "--csv-safe"]);
    for table in ["errors.csv", "causes.csv", "findings.csv", "connections.csv"] {
        for row in read_csv(&scratch.path("out").join(table)) {
            for (column, text) in row.cells() {
                let number = text.parse::<f64>().is_ok();
                assert!(number || !text.starts_with(['=', '+', '-', '@', '\t', '\r']), "{table}, {column}: {text}");
            }
        }
    }
}

#[test]
fn nothing_that_a_terminal_obeys_reaches_it() {
    let scratch = Scratch::new("output-escapes");
    scratch.write("in/ssg_0_0.log", HOSTILE);
    scratch.write("in/\u{1b}]0;title\u{7}.txt", "nothing");
    let mut cut = fs::read(sample("gateway.pcap")).unwrap();
    cut.truncate(9_999);
    scratch.write("in/\u{1b}[2J.pcap", cut);
    let ran = scratch.wirecause(1, &["analyze", "in", "-o", "out"]);
    let errors = scratch.wirecause(2, &["errors", "\u{1b}[31mmissing.log"]).stderr();
    for text in [ran.stdout(), ran.stderr(), errors] {
        let obeyed = text.chars().find(|c| c.is_control() && *c != '\n' || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(obeyed, None, "{text:?}");
    }
    assert!(ran.stdout().contains(".pcap"), "{}", ran.dump());
}

#[test]
fn a_full_disk_is_told_and_ends_the_run() {
    let scratch = Scratch::new("output-full");
    for args in [vec!["errors", "LOG"], vec!["connections", "CAPTURE"], vec!["analyze", "LOG", "-o", "out"]] {
        let args: Vec<String> = args
            .iter()
            .map(|arg| arg.replace("LOG", &sample("ssg_0_0.log")).replace("CAPTURE", &sample("gateway.pcap")))
            .collect();
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output =
            wirecause().args(&args).current_dir(scratch.path("")).stdin(Stdio::null()).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("No space left on device"), "{args:?}: {said}");
    }
}

/// A table that meets the full disk in the middle: the earlier output stays whole, and nothing half-written stands beside it.
#[test]
fn a_table_that_cannot_be_written_leaves_the_earlier_output_whole() {
    let scratch = Scratch::new("output-half");
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q"]);
    let before: Vec<_> =
        files_below(&scratch.path("out")).into_iter().map(|(name, _)| contents(&scratch, &name)).collect();
    // No file may grow beyond a few kilobytes: the tables do not fit. The signal of that limit is ignored, so that the write fails.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wirecause")]);
    let ran = scratch.run(2, limited.args(["analyze", &sample(""), "-o", "out", "-q"]));
    assert!(ran.stderr().contains("errors") && ran.stderr().contains("File too large"), "{}", ran.dump());
    let after: Vec<_> =
        files_below(&scratch.path("out")).into_iter().map(|(name, _)| contents(&scratch, &name)).collect();
    assert_eq!(before, after);
}

fn contents(scratch: &Scratch, name: &str) -> (String, Vec<u8>) {
    (name.to_owned(), fs::read(scratch.path("out").join(name)).unwrap())
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    let scratch = Scratch::new("output-read-only");
    fs::create_dir(scratch.path("closed")).unwrap();
    fs::set_permissions(scratch.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let may = fs::write(scratch.path("closed/probe"), "").is_ok();
    if may {
        // Whoever may do anything may write here too; a file in the directory's place refuses everybody.
        fs::remove_file(scratch.path("closed/probe")).unwrap();
        scratch.write("file", "");
        let ran = scratch.wirecause(2, &["analyze", &sample(""), "-o", "file/out", "-q"]);
        assert!(ran.stderr().contains("file/out") && ran.stderr().contains("Not a directory"), "{}", ran.dump());
    } else {
        let ran = scratch.wirecause(2, &["analyze", &sample(""), "-o", "closed/out", "-q"]);
        assert!(ran.stderr().contains("closed/out") && ran.stderr().contains("Permission denied"), "{}", ran.dump());
    }
    fs::set_permissions(scratch.path("closed"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Links in the output's place are replaced, never written through.
#[test]
fn what_a_link_points_to_is_not_overwritten() {
    let scratch = Scratch::new("output-links");
    scratch.write("precious.csv", "mine");
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q"]);
    fs::remove_file(scratch.path("out/errors.csv")).unwrap();
    symlink("../precious.csv", scratch.path("out/errors.csv")).unwrap();
    symlink("../precious.csv", scratch.path("out/.errors.csv.wirecause-part")).unwrap();
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q"]);
    assert_eq!(fs::read_to_string(scratch.path("precious.csv")).unwrap(), "mine");
    assert!(!read_csv(&scratch.path("out/errors.csv")).is_empty());
}

#[test]
fn locale_zone_and_another_run_change_nothing() {
    let scratch = Scratch::new("output-locale");
    let mut seen = Vec::new();
    for (number, (locale, zone)) in
        [("C", "UTC"), ("de_DE.UTF-8", "America/Sao_Paulo"), ("tr_TR.UTF-8", "Asia/Kathmandu"), ("C", "UTC")]
            .into_iter()
            .enumerate()
    {
        let out = format!("out{number}");
        let mut command = wirecause();
        command.args(["analyze", &sample(""), "-o", &out]).env("LC_ALL", locale).env("LANG", locale).env("TZ", zone);
        let summary = scratch.run(0, &mut command).stdout().replace(&out, "out");
        let files: Vec<_> = files_below(&scratch.path(&out))
            .into_iter()
            .map(|(name, _)| (name.clone(), fs::read(scratch.path(&out).join(name)).unwrap()))
            .collect();
        seen.push((summary, files));
    }
    assert!(seen.iter().all(|run| *run == seen[0]));
}

#[test]
fn an_input_that_vanishes_is_named_and_the_rest_is_read() {
    let scratch = Scratch::new("output-vanished");
    let ran = scratch.wirecause(1, &["errors", &sample("ssg_0_0.log"), "gone.log"]);
    assert!(ran.stderr().contains("gone.log: No such file or directory"), "{}", ran.dump());
    assert!(parse_csv(&ran.stdout()).len() > 10);
    // A directory's entry that is a pipe would block for ever.
    let made = Command::new("mkfifo").arg(scratch.path("pipe.log")).status().unwrap();
    assert!(made.success());
    scratch.write("in/ssg_0_0.log", fs::read(sample("ssg_0_0.log")).unwrap());
    fs::rename(scratch.path("pipe.log"), scratch.path("in/pipe.log")).unwrap();
    scratch.wirecause(0, &["errors", "in"]);
}
