//! The command line: exit codes, what goes where, and what is left alone.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::harness::{Scratch, parse_csv, read_csv, root};

const TABLES: [&str; 4] = ["errors.csv", "causes.csv", "findings.csv", "connections.csv"];

fn sample(name: &str) -> String {
    root().join("samples/harbor-cut").join(name).to_string_lossy().into_owned()
}

#[test]
fn analyze_writes_every_table_and_a_summary() {
    let scratch = Scratch::new("command-analyze");
    let ran = scratch.wirecause(0, &["analyze", &sample(""), "-o", "out"]);
    let calls = read_csv(&scratch.path("out/errors.csv")).len();
    assert!(calls > 0 && ran.stdout().contains(&format!("{calls} failed calls")), "{}", ran.dump());
    for word in ["By cause", "By endpoint", "ambiguous", "on no connection"] {
        assert!(ran.stdout().contains(word), "{word}\n{}", ran.dump());
    }
    for table in TABLES {
        read_csv(&scratch.path("out").join(table));
    }
    assert!(fs::read_to_string(scratch.path("out/run.json")).unwrap().contains("\"version\""));
    let counted: f64 = read_csv(&scratch.path("out/causes.csv")).iter().map(|row| row.number("count").unwrap()).sum();
    assert!((counted - calls as f64).abs() < 0.5, "causes.csv counts {counted} of {calls}");
}

#[test]
fn quiet_says_nothing() {
    let scratch = Scratch::new("command-quiet");
    let ran = scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q"]);
    assert_eq!((ran.stdout(), ran.stderr()), (String::new(), String::new()));
}

#[test]
fn tables_on_standard_output_are_those_of_the_main_job() {
    let scratch = Scratch::new("command-tables");
    let errors = scratch.wirecause(0, &["errors", &sample("ssg_0_0.log"), "--format", "csv"]).stdout();
    let connections = scratch.wirecause(0, &["connections", &sample("gateway.pcap")]).stdout();
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q"]);
    let ids = |rows: &[crate::harness::Row], column: &str| -> Vec<String> {
        rows.iter().map(|row| row.get(column).to_owned()).collect()
    };
    let analyzed = read_csv(&scratch.path("out/errors.csv"));
    assert_eq!(ids(&parse_csv(&errors), "error_id"), ids(&analyzed, "error_id"));
    let analyzed = read_csv(&scratch.path("out/connections.csv"));
    assert_eq!(ids(&parse_csv(&connections), "connection_id"), ids(&analyzed, "connection_id"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let scratch = Scratch::new("command-pipe");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirecause"))
        .args(["connections", &sample("gateway.pcap")])
        .current_dir(scratch.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_foreign_directory_is_refused_and_an_earlier_output_replaced() {
    let scratch = Scratch::new("command-output");
    scratch.write("out/notes.txt", "mine");
    let ran = scratch.wirecause(2, &["analyze", &sample(""), "-o", "out", "-q"]);
    assert!(ran.stderr().contains("notes.txt") && ran.stderr().contains("--force"), "{}", ran.dump());
    assert!(!scratch.path("out/errors.csv").exists());
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "out", "-q", "--force"]);
    assert_eq!(fs::read_to_string(scratch.path("out/notes.txt")).unwrap(), "mine");
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "other", "-q"]);
    scratch.wirecause(0, &["analyze", &sample(""), "-o", "other", "-q"]);
}

#[test]
fn damage_is_named_and_what_stood_before_it_is_used() {
    let scratch = Scratch::new("command-damage");
    let log = fs::read(sample("ssg_0_0.log")).unwrap();
    scratch.write("in/ssg_0_0.log", log);
    let capture = fs::read(sample("gateway.pcap")).unwrap();
    scratch.write("in/cut.pcap", &capture[..capture.len() / 2 + 7]);
    let ran = scratch.wirecause(1, &["analyze", "in", "-o", "out"]);
    assert!(ran.stdout().contains("cut.pcap"), "{}", ran.dump());
    assert!(!read_csv(&scratch.path("out/connections.csv")).is_empty());
}

#[test]
fn what_is_neither_is_listed_and_is_a_fault_only_where_it_was_named() {
    let scratch = Scratch::new("command-neither");
    scratch.write("in/ssg_0_0.log", fs::read(sample("ssg_0_0.log")).unwrap());
    scratch.write("in/notes.txt", "nothing to see");
    let ran = scratch.wirecause(0, &["analyze", "in", "-o", "out"]);
    assert!(ran.stdout().contains("notes.txt"), "{}", ran.dump());
    scratch.wirecause(1, &["analyze", "in", "in/notes.txt", "-o", "out"]);
    scratch.wirecause(1, &["analyze", "in", "in/missing.log", "-o", "out"]);
    scratch.wirecause(2, &["analyze", "in/notes.txt", "-o", "out"]);
}

#[test]
fn wrong_usage_is_told_with_what_was_expected() {
    let scratch = Scratch::new("command-usage");
    let hosts = scratch.write("hosts", "10.0.0.1 fine\nnonsense here\n");
    for (args, words) in [
        (vec!["analyze", "x"], "--output"),
        (vec!["errors", "x", "--log-timezone", "CET"], "-03:00"),
        (vec!["errors", "x", "--clock-offset", "soon"], "seconds"),
        (vec!["errors", "x", "--hosts", hosts.to_str().unwrap()], "line 2"),
        (vec!["errors", "missing.log"], "missing.log"),
    ] {
        let ran = scratch.wirecause(2, &args);
        assert!(ran.stderr().contains(words), "{words}\n{}", ran.dump());
    }
}

#[test]
fn help_shows_examples() {
    let scratch = Scratch::new("command-help");
    for command in ["analyze", "errors", "connections"] {
        let help = scratch.wirecause(0, &[command, "--help"]).stdout();
        assert!(help.contains("Examples:") && help.contains(&format!("wirecause {command}")), "{help}");
    }
    assert!(scratch.wirecause(0, &["--help"]).stdout().contains("Exit status:"));
}
