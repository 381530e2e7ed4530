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
