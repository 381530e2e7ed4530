//! Files that go on in another form.

use super::*;
use crate::log::LogBlock;
use crate::log::Lore;

/// The log some seconds later, in another thread, so that each stretch tells of a call of its own.
fn stretch(number: usize, wrap: impl Fn(&str) -> String) -> String {
    let line = |line: &String| line.replace(":01.500-", &format!(":{:02}.500-", 10 + number));
    log().iter().map(|text| wrap(&line(text)) + "\n").collect()
}

fn record(number: usize) -> String {
    let reason = format!("Unable to obtain HTTP response from {URL}: Connection reset");
    let time = format!("2026-11-20T20:54:{:02}.500-0300", 10 + number);
    format!(
        r#"{{"package":"{ROUTING}","level":"WARNING","log":{{"detail-id":4042.0,"message":"Problem routing to {URL}. Error msg: {reason}"}},"time":"{time}"}}"#
    ) + "\n"
}

type Stretch = (&'static str, Box<dyn Fn(usize) -> String>);

fn stretches() -> Vec<Stretch> {
    let stamp = "2026-11-20T23:54:01.512345678Z";
    vec![
        ("plain", Box::new(|number| stretch(number, str::to_owned))),
        ("json", Box::new(record)),
        ("5424", Box::new(move |number| stretch(number, |line| format!("<132>1 {stamp} gw01 SSG 12 - - {line}")))),
        (
            "octets",
            Box::new(move |number| {
                let text = stretch(number, str::to_owned);
                let records = text.split("\n2026").enumerate();
                let message = |(index, text): (usize, &str)| {
                    let year = if index > 0 { "2026" } else { "" };
                    let message = format!("<132>1 {stamp} gw01 SSG 12 - - {year}{}", text.trim_end());
                    format!("{} {message}", message.len())
                };
                records.map(message).collect::<Vec<_>>().concat() + "\n"
            }),
        ),
        ("3164", Box::new(|number| stretch(number, |line| format!("Nov 20 20:54:01 gw01 SSG: {line}")))),
        ("rsyslog", Box::new(move |number| stretch(number, |line| format!("{stamp} gw01 SSG[12]: {line}")))),
        ("cri", Box::new(move |number| stretch(number, |line| format!("{stamp} stdout F {line}")))),
        (
            "docker",
            Box::new(move |number| {
                stretch(number, |line| format!(r#"{{"log":"{}\n","stream":"stdout","time":"{stamp}"}}"#, quoted(line)))
            }),
        ),
        (
            "journal",
            Box::new(|number| {
                stretch(number, |line| {
                    format!(r#"{{"__REALTIME_TIMESTAMP":"1795218841512345","MESSAGE":"{}"}}"#, quoted(line))
                })
            }),
        ),
        (
            "export",
            Box::new(|number| {
                stretch(number, |line| format!("__REALTIME_TIMESTAMP=1795218841512345\nMESSAGE={line}\n_PID=7\n"))
            }),
        ),
        ("pods", Box::new(|number| stretch(number, |line| format!("[pod/gw-0/gateway] {line}")))),
        ("compose", Box::new(|number| stretch(number, |line| format!("gateway-1  | {line}")))),
        ("stamped", Box::new(move |number| stretch(number, |line| format!("{stamp} {line}")))),
        ("stern", Box::new(|number| stretch(number, |line| format!("gw-0 gateway {line}")))),
        (
            "csv",
            Box::new(|number| {
                let events = stretch(number, str::to_owned).replace('"', "\"\"").replace("\n2026", "\"\n1,\"2026");
                format!("_serial,_raw\n1,\"{}\"\n", events.trim_end())
            }),
        ),
        ("splunk", Box::new(|number| stretch(number, |line| format!(r#"{{"result":{{"_raw":"{}"}}}}"#, quoted(line))))),
        (
            "window",
            Box::new(|number| {
                let time = format!("20261120 20:54:{:02}.500", 10 + number);
                format!("Time : {time}\nRequest Id : {number}\n\nWARNING 4042 Problem routing to {URL}. Error msg: x\n")
            }),
        ),
    ]
}

fn in_blocks(text: &str) -> LogScan {
    let (mut scanner, lore) = (LogScanner::new(LogOptions::default()), Lore::default());
    scanner.feed_blocks(text.as_bytes(), 1_500, |blocks| {
        blocks.iter().map(|block| LogBlock::read(LogOptions::default(), block, &lore)).collect()
    });
    scanner.finish()
}

#[test]
fn every_form_behind_every_other() {
    for (first, one) in stretches() {
        for (second, other) in stretches() {
            let text = one(0) + &one(1) + &other(2) + &other(3) + &one(4) + &one(5);
            let found = scan(&text);
            assert_eq!(found.calls.len(), 6, "{first}, then {second}: {:?}\n{text}", found.counts);
            assert_eq!(found.counts.bytes, text.len() as u64);
            if first == "plain" && second != "plain" {
                assert_eq!(found.form, Some("mixed"), "{second}");
            }
        }
    }
}

#[test]
fn blocks_end_where_the_form_changes() {
    for (form, wrapped) in stretches() {
        let plain = |from: usize| (from..from + 20).map(|number| stretch(number, str::to_owned)).collect::<String>();
        let text = plain(0) + &wrapped(40) + &plain(20);
        let found = in_blocks(&text);
        assert_eq!((found.calls.len(), &found), (41, &in_chunks(&text, usize::MAX)), "{form}");
    }
}

#[test]
fn bodies_and_traces_change_no_form() {
    let mut lines = log();
    for line in [
        "{\"a\":1}",
        "{\"package\":1}",
        "<html>",
        "[1]",
        "Nov 20 it was",
        "a b c",
        "x | y",
        "__x=1",
        "2026-11-20",
        "123 <a>",
    ] {
        lines.insert(2, line.to_owned());
    }
    let found = scan(&(lines.join("\n") + "\n"));
    assert_eq!((found.form, found.counts.unwrapped_lines), (Some("plain"), 0));
    assert_eq!(call(&found).failure.exceptions.len(), 2);
}
