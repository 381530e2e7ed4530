//! One call's story on the terminal, from what a run left.

use std::fs;

use crate::harness::{Scratch, read_csv, root};

fn analyzed(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    // The inputs are gone when the story is asked for.
    scratch.write("in/ssg_0_0.log", fs::read(root().join("samples/harbor-cut/ssg_0_0.log")).unwrap());
    scratch.write("in/gateway.pcap", fs::read(root().join("samples/harbor-cut/gateway.pcap")).unwrap());
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q"]);
    fs::remove_dir_all(scratch.path("in")).unwrap();
    scratch
}

#[test]
fn every_call_is_explained_without_its_captures() {
    let scratch = analyzed("explain-every");
    for row in read_csv(&scratch.path("out/errors.csv")) {
        let ran = scratch.wirecause(0, &["explain", "out", row.get("error_id")]);
        let text = ran.stdout();
        for column in ["error_id", "cause", "responsible", "message", "wireshark_filter"] {
            assert!(text.contains(row.get(column)), "{column} is missing\n{}", ran.dump());
        }
        assert!(text.contains(&format!("line {}", row.get("log_line"))), "{}", ran.dump());
        if !row.get("ending_frame").is_empty() {
            let frame = row.get("ending_frame");
            assert!(text.lines().any(|line| line.split_whitespace().any(|word| word == frame)), "{}", ran.dump());
        }
    }
}

/// A capture with each of its frames inside of VXLAN 42, from 10.99.0.1 to 10.99.0.2.
fn in_vxlan(capture: &[u8]) -> Vec<u8> {
    let (file, mut records) = capture.split_at(24);
    let mut wrapped = file.to_vec();
    while let Some((header, rest)) = records.split_at_checked(16) {
        let field = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let (frame, rest) = rest.split_at(field(8) as usize);
        let ethernet = [&[2; 12][..], &[8, 0]].concat();
        let udp = [0xc000, 4789, field(12) as u16 + 16, 0].map(u16::to_be_bytes).concat();
        let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2];
        ip[2..4].copy_from_slice(&(field(12) as u16 + 36).to_be_bytes());
        let around = [ethernet, ip, udp, vec![8, 0, 0, 0, 0, 0, 42, 0]].concat();
        let lengths = [field(8), field(12)].map(|length| (length + around.len() as u32).to_le_bytes()).concat();
        wrapped.extend([&header[..8], &lengths, &around, frame].concat());
        records = rest;
    }
    wrapped
}

#[test]
fn what_a_call_came_inside_of_is_told() {
    let scratch = Scratch::new("explain-vxlan");
    scratch.write("in/ssg_0_0.log", fs::read(root().join("samples/harbor-cut/ssg_0_0.log")).unwrap());
    let capture = fs::read(root().join("samples/harbor-cut/gateway.pcap")).unwrap();
    scratch.write("in/gateway.pcap", in_vxlan(&capture));
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q"]);
    scratch.wirecause(0, &["analyze", "in", "-o", "shown", "-q", "--redact"]);
    let plain = analyzed("explain-not-vxlan");
    let causes = |scratch: &Scratch| {
        let rows = read_csv(&scratch.path("out/errors.csv"));
        rows.iter().map(|row| (row.get("error_id").to_owned(), row.get("cause").to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(causes(&scratch), causes(&plain));
    let rows = read_csv(&scratch.path("out/errors.csv"));
    let row = rows.iter().find(|row| !row.get("connection_id").is_empty()).unwrap();
    let told = |from: &str| scratch.wirecause(0, &["explain", from, row.get("error_id")]).stdout();
    let inside = |told: &str| {
        let line = told.lines().find_map(|line| line.trim().strip_prefix("captured inside of"));
        line.map(|line| line.trim().to_owned())
    };
    assert_eq!(inside(&told("out")).as_deref(), Some("IP from 10.99.0.1 to 10.99.0.2, VXLAN 42"));
    let shown = told("shown");
    assert!(inside(&shown).is_some_and(|line| line.ends_with(", VXLAN 42")) && !shown.contains("10.99."), "{shown}");
}

#[test]
fn an_id_may_be_short_and_what_names_no_single_call_is_told() {
    let scratch = analyzed("explain-short");
    let rows = read_csv(&scratch.path("out/errors.csv"));
    let id = rows[0].get("error_id");
    assert_eq!(
        scratch.wirecause(0, &["explain", "out", &id[..8]]).stdout(),
        scratch.wirecause(0, &["explain", "out", &id.to_uppercase()]).stdout()
    );
    for (args, words) in [
        (["explain", "out", "xyz"], "sixteen hex digits"),
        (["explain", "missing", id], "missing"),
        (["explain", "in", id], "in"),
    ] {
        let ran = scratch.wirecause(2, &args);
        assert!(ran.stderr().contains(words), "{}", ran.dump());
    }
    // Of 67 ids two begin with the same digit.
    let several = rows
        .iter()
        .find(|row| rows.iter().filter(|other| other.get("error_id")[..1] == row.get("error_id")[..1]).count() > 1);
    let ran = scratch.wirecause(2, &["explain", "out", &several.unwrap().get("error_id")[..1]]);
    assert!(ran.stderr().contains("begins the ids of"), "{}", ran.dump());
}

#[test]
fn readme_shows_a_true_story() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("$ wirecause explain out fc33\n").nth(1).unwrap().split("```").next().unwrap();
    let scratch = analyzed("explain-readme");
    let told = scratch.wirecause(0, &["explain", "out", "fc33"]).stdout();
    assert_eq!(shown.trim(), told.trim(), "README.md differs from what the command prints");
}

#[test]
fn emphasis_is_for_terminals_and_for_who_asks() {
    let scratch = analyzed("explain-color");
    let id = read_csv(&scratch.path("out/errors.csv"))[0].get("error_id").to_owned();
    assert!(!scratch.wirecause(0, &["explain", "out", &id]).stdout().contains('\u{1b}'));
    assert!(scratch.wirecause(0, &["explain", "out", &id, "--color", "always"]).stdout().contains('\u{1b}'));
    assert!(!scratch.wirecause(0, &["explain", "out", &id, "--color=never"]).stdout().contains('\u{1b}'));
}

#[test]
fn a_hostile_log_does_not_reach_the_terminal() {
    let scratch = Scratch::new("explain-hostile");
    let line = "2026-11-20T20:54:31.847-0300 WARNING 95 com.l7tech.server.policy.assertion.ServerHttpRoutingAssertion: 4042: \
                Problem routing to http://a.example/\u{1b}]0;owned\u{7}. Error msg: Unable to obtain HTTP response from \
                http://a.example/\u{1b}]0;owned\u{7}: Connection reset\u{202e}\u{9b}2J\n";
    scratch.write("in/ssg_0_0.log", line);
    scratch.wirecause(0, &["analyze", "in", "-o", "out", "-q"]);
    let id = read_csv(&scratch.path("out/errors.csv"))[0].get("error_id").to_owned();
    let text = scratch.wirecause(0, &["explain", "out", &id]).stdout();
    assert!(text.contains("owned"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
}
