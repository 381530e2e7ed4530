//! Ctrl-C and progress.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::harness::{Scratch, root};

fn sample() -> String {
    root().join("samples/harbor-cut").to_string_lossy().into_owned()
}

fn start(scratch: &Scratch, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecause"));
    command.args(args).current_dir(scratch.path("")).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
}

/// The exit status, which must come within a second.
#[expect(clippy::disallowed_methods, reason = "how long the program takes to end is the question")]
fn status_at_once(mut child: Child) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "it goes on");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_that_waits_for_its_input_ends_at_a_signal() {
    let scratch = Scratch::new("interrupt-waiting");
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        let child = start(&scratch, &["analyze", "-", "-o", "out", "-q"]);
        // Time to begin: a signal before that ends the process too, by the system's own means.
        thread::sleep(Duration::from_millis(300));
        signal(&child, name);
        assert_eq!(status_at_once(child), Some(status));
        assert!(!scratch.path("out").exists());
    }
}

#[test]
fn nothing_half_written_stays_behind() {
    let scratch = Scratch::new("interrupt-writing");
    let mut interrupted = 0;
    for _ in 0..20 {
        let mut child = start(&scratch, &["analyze", &sample(), "-o", "new/out", "-q", "--evidence", "all"]);
        // It is writing as soon as its directory is there.
        while !scratch.path("new/out").exists() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(500));
        }
        signal_if_there(&child);
        match status_at_once(child) {
            Some(130) => {
                interrupted += 1;
                assert!(!scratch.path("new").exists(), "{:?}", crate::harness::files_below(&scratch.path("new")));
            }
            Some(0) => {
                // It was done first: all is there, and nothing else.
                assert!(scratch.path("new/out/run.json").exists());
                fs::remove_dir_all(scratch.path("new")).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(interrupted > 0, "no run was interrupted while it wrote");
}

fn signal_if_there(child: &Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
}

#[test]
fn an_earlier_runs_output_outlives_an_interrupted_one() {
    let scratch = Scratch::new("interrupt-earlier");
    scratch.wirecause(0, &["analyze", &sample(), "-o", "out", "-q", "--tables-only"]);
    let before = fs::read(scratch.path("out/errors.csv")).unwrap();
    let names = crate::harness::files_below(&scratch.path("out"));
    for _ in 0..20 {
        let mut child = start(&scratch, &["analyze", &sample(), "-o", "out", "-q", "--evidence", "all"]);
        let part = scratch.path("out/.errors.csv.wirecause-part");
        while !part.exists() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(500));
        }
        signal_if_there(&child);
        if status_at_once(child) == Some(130) {
            assert_eq!(crate::harness::files_below(&scratch.path("out")), names);
            assert_eq!(fs::read(scratch.path("out/errors.csv")).unwrap(), before);
            return;
        }
        scratch.wirecause(0, &["analyze", &sample(), "-o", "out", "-q", "--tables-only"]);
    }
    panic!("no run was interrupted while it wrote");
}

#[test]
fn progress_is_told_as_json_where_it_is_asked_for() {
    let scratch = Scratch::new("interrupt-progress");
    let sample = sample();
    let ran = scratch.wirecause(0, &["analyze", &sample, "-o", "out", "-q", "--tables-only", "--progress", "json"]);
    let first = ran.stderr().lines().next().map(str::to_owned).unwrap_or_default();
    let first: serde_json::Value =
        serde_json::from_str(&first).unwrap_or_else(|error| panic!("{error}\n{}", ran.dump()));
    for key in ["phase", "bytes", "total", "bytes_per_s", "seconds_left"] {
        assert!(first.get(key).is_some(), "no {key} in {first}");
    }
    // Standard error is no terminal here.
    for how in ["auto", "none"] {
        let ran = scratch.wirecause(0, &["analyze", &sample, "-o", "out", "--tables-only", "--progress", how]);
        assert_eq!(ran.stderr(), "");
    }
}

#[test]
fn phases_are_timed_where_it_is_asked_for() {
    let scratch = Scratch::new("interrupt-timings");
    let record = |more: &[&str]| {
        let sample = sample();
        scratch.wirecause(0, &[&["analyze", &sample, "-o", "out", "-q"], more].concat());
        let text = fs::read_to_string(scratch.path("out/run.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let timed = record(&["--timings"]);
    let phases: Vec<_> =
        timed["timings"].as_array().unwrap().iter().map(|lap| lap["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["inputs", "logs", "captures", "join", "tables", "evidence", "page"]);
    let untimed = record(&[]);
    assert!(untimed.get("timings").is_none());
    assert_eq!(untimed["inputs"][3]["first_time"], "2026-11-20T23:54:30.824000Z");
    assert_eq!(untimed["nodes"][0]["failed_calls"], 67);
    assert_eq!(untimed["nodes"][0]["clock"]["source"], "estimated");
}
