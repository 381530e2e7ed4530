//! Settings: where they come from, which wins, and what is refused.

use std::{fs, process::Command};

use crate::harness::{Scratch, read_csv, root};

fn sample() -> String {
    root().join("samples/harbor-cut").to_string_lossy().into_owned()
}

#[test]
fn options_win_over_the_file_and_the_file_in_the_directory_is_found() {
    let scratch = Scratch::new("settings-order");
    scratch.write(
        "wirecause.toml",
        "clock-offset = 5\nlog-timezone = \"-03:00\"\n[hosts]\n\"A.example\" = \"10.0.0.1\"\n",
    );
    scratch.write("hosts", "10.0.0.9 a.example\n10.0.0.8 b.example\n");
    let print = |more: &[&str]| scratch.wirecause(0, &[&["errors", "x.log", "--print-config"], more].concat()).stdout();
    assert_eq!(
        print(&[]),
        "clock-offset = 5.0\nlog-timezone = \"-03:00\"\n\n[hosts]\n\"a.example\" = [\"10.0.0.1\"]\n"
    );
    assert_eq!(
        print(&["--clock-offset", "-2", "--hosts", "hosts"]),
        "clock-offset = -2.0\nlog-timezone = \"-03:00\"\n\n[hosts]\n\"a.example\" = [\"10.0.0.9\"]\n\"b.example\" = [\"10.0.0.8\"]\n"
    );
    assert_eq!(print(&["--no-config"]), "");
    scratch.write("other.toml", "threads = 2\n");
    assert_eq!(print(&["--config", "other.toml"]), "threads = 2\n");
}

#[test]
fn a_gateway_that_is_named_has_its_name_in_every_table() {
    let scratch = Scratch::new("settings-node");
    scratch.write("wirecause.toml", "node = \"gw-1\"\n");
    scratch.wirecause(0, &["analyze", &sample(), "-o", "out", "-q"]);
    for table in ["errors.csv", "connections.csv", "findings.csv"] {
        let rows = read_csv(&scratch.path("out").join(table));
        assert!(!rows.is_empty() && rows.iter().all(|row| row.get("node") == "gw-1"), "{table}");
    }
    assert!(fs::read_to_string(scratch.path("out/stories.jsonl")).unwrap().contains("\"node\":\"gw-1\""));
}

#[test]
fn wrong_settings_are_refused_before_anything_is_read() {
    let scratch = Scratch::new("settings-wrong");
    for (text, words) in [
        ("log-time-zone = \"Z\"", "is \"log-timezone\" meant?"),
        ("threads = \"many\"", "expected a number from 1 to 1024"),
        ("node = \"\"", "expected the name of a gateway"),
        ("threads = = 2", "wirecause.toml"),
    ] {
        scratch.write("wirecause.toml", text);
        let ran = scratch.wirecause(2, &["errors", "x.log"]);
        assert!(ran.stderr().contains(words), "{}", ran.dump());
    }
    fs::remove_file(scratch.path("wirecause.toml")).unwrap();
    let ran = scratch.wirecause(2, &["errors", "x.log", "--config", "gone.toml"]);
    assert!(ran.stderr().contains("gone.toml"), "{}", ran.dump());
}

#[test]
fn the_file_that_readme_shows_is_one() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scratch = Scratch::new("settings-readme");
    scratch.write("wirecause.toml", shown);
    scratch.write("hosts", "10.0.0.3 auth.example\n");
    let printed = scratch.wirecause(0, &["errors", "x.log", "--print-config"]).stdout();
    for word in ["pay.example", "read-ms = 30000", "auth.example", "-03:00"] {
        assert!(printed.contains(word), "{word} is not in\n{printed}");
    }
}

#[test]
fn settings_take_effect_and_stand_in_the_record_of_the_run() {
    let scratch = Scratch::new("settings-effect");
    let stock = "[hosts]\n\"stock.corp.example\" = \"10.77.2.1\"\n[timeouts.\"batch.corp.example\"]\nread-ms = 1234\n";
    scratch.write("wirecause.toml", stock);
    scratch.wirecause(0, &["analyze", &sample(), "-o", "out", "-q", "--tables-only"]);
    let record = fs::read_to_string(scratch.path("out/run.json")).unwrap();
    assert!(record.contains("stock.corp.example") && record.contains("1234"), "{record}");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let scratch = Scratch::new("settings-generated");
    let bash = scratch.wirecause(0, &["completions", "bash"]).stdout();
    scratch.write("completions.bash", &bash);
    scratch.run(0, Command::new("bash").args(["-n", "completions.bash"]));
    assert!(bash.contains("--tables-only"));
    for command in ["analyze", "errors", "connections", "explain"] {
        let page = scratch.wirecause(0, &["man", command]).stdout();
        assert!(page.contains(&format!(".TH wirecause-{command} 1")) && page.contains("Examples:"), "{page}");
    }
    let ran = scratch.wirecause(2, &["man", "nothing"]);
    assert!(ran.stderr().contains("analyze"), "{}", ran.dump());
}

#[test]
fn details_tell_every_input_and_every_count() {
    let scratch = Scratch::new("settings-verbose");
    let ran = scratch.wirecause(0, &["analyze", &sample(), "-o", "out", "-v", "--tables-only"]);
    for words in ["gateway.pcap: capture, ", "ssg_0_0.log: log, ", "frames: 1655", "failure entries: "] {
        assert!(ran.stderr().contains(words), "{words} is missing\n{}", ran.dump());
    }
    scratch.wirecause(2, &["analyze", &sample(), "-o", "out", "-q", "-v"]);
}

#[test]
fn redacted_output_names_no_host_and_no_address() {
    let scratch = Scratch::new("settings-redact");
    scratch.wirecause(
        0,
        &["analyze", &sample(), "-o", "out", "-q", "--redact", "--evidence", "all", "--format", "csv,parquet,json"],
    );
    let directory = scratch.path("out");
    let files = crate::harness::files_below(&directory);
    assert!(files.len() > 60, "{} files", files.len());
    for (name, _) in &files {
        let bytes = fs::read(directory.join(name)).unwrap();
        for secret in [&b"corp.example"[..], b"10.77.", b"GET /", b"POST /", &[10, 77, 1, 2]] {
            // Four bytes that are an address may be numbers of a table.
            let counts = secret.len() > 4 || name.starts_with("evidence/");
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!(found && counts), "{name} holds {}", String::from_utf8_lossy(secret));
        }
    }
    let open = Scratch::new("settings-open");
    open.wirecause(0, &["analyze", &sample(), "-o", "out", "-q"]);
    let (redacted, plain) = (read_csv(&directory.join("errors.csv")), read_csv(&open.path("out/errors.csv")));
    assert_eq!(redacted.len(), plain.len());
    let mut named = std::collections::BTreeMap::new();
    for (redacted, plain) in redacted.iter().zip(&plain) {
        for column in ["error_id", "log_time", "cause", "match", "gateway_port", "ending_frame", "confidence"] {
            assert_eq!(redacted.get(column), plain.get(column), "{column}");
        }
        assert!(redacted.get("host").starts_with("host-") && redacted.get("url").contains(redacted.get("host")));
        let name = named.entry(plain.get("host").to_owned()).or_insert_with(|| redacted.get("host").to_owned());
        assert_eq!(name, redacted.get("host"), "a host has one name");
    }
    let distinct: std::collections::BTreeSet<&String> = named.values().collect();
    assert_eq!(distinct.len(), named.len(), "and no two have the same");
}
