//! The story of one call as text: verdict, ladder, facts, and where to look further.
//!
//! Everything that came from a log or a packet goes through [`printable`]. Lines of the ladder are as wide as they need to be; the rest is
//! broken at some hundred columns.

use std::io::{self, Write};

use wirecause_parsers::time::Timestamp;

use super::{
    paint::{Paint, Style},
    printable::printable,
    story::{LadderEvent, Story, Who},
};

/// Writes a story.
pub fn write(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let verdict = format!("{}, confidence {:.2}", story.cause, story.confidence);
    writeln!(out, "Error {}: {}", printable(&story.error_id), paint.text(Style::Strong, &printable(&verdict)))?;
    if let Some(responsible) = &story.responsible {
        writeln!(out, "Responsible: {}", printable(responsible))?;
    }
    log(story, paint, out)?;
    heading("What happened", paint, out)?;
    wrapped(&story.explanation, out)?;
    wrapped(&format!("The rule: {}", story.rule), out)?;
    ladder(story, paint, out)?;
    facts(story, paint, out)?;
    possible(story, paint, out)?;
    further(story, paint, out)
}

fn log(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    heading("The log", paint, out)?;
    let time = Timestamp::from_nanos(story.log_time_ns);
    let place = format!("{}, line {}, {time} by the log's clock", story.log_file, story.log_line);
    writeln!(out, "  {}", printable(&place))?;
    if story.log_entry.is_empty() {
        writeln!(out, "  {}", printable(&story.url))?;
        writeln!(out, "  {}", printable(&story.message))?;
    }
    for line in &story.log_entry {
        writeln!(out, "  | {}", printable(line))?;
    }
    match story.log_lines_left_out {
        0 => Ok(()),
        1 => writeln!(out, "  | … one line more"),
        more => writeln!(out, "  | … {more} lines more"),
    }
}

fn ladder(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    let ends = match (&story.gateway, &story.peer) {
        (Some(gateway), Some(peer)) => format!("The wire: gateway {gateway}, peer {peer}"),
        _ => "The wire: no connection".to_owned(),
    };
    heading(&ends, paint, out)?;
    let mut file = None;
    let start = story.events.first().map(|event| event.time_ns);
    if let Some(start) = start {
        writeln!(out, "  seconds from {} by the capture's clock", Timestamp::from_nanos(start))?;
    }
    for (index, event) in story.events.iter().enumerate() {
        if story.gap_before == Some(index) {
            writeln!(out, "{:26}… {} packets left out", "", story.packets_left_out)?;
        }
        if event.capture_file.is_some() && file != event.capture_file.as_ref() {
            file = event.capture_file.as_ref();
            writeln!(out, "  frames of {}", printable(file.map_or("", String::as_str)))?;
        }
        let line = line(event, start.unwrap_or_default());
        let style = if event.decides { Style::Strong } else { Style::Plain };
        writeln!(out, "{}", paint.text(style, &line))?;
    }
    if story.events.iter().any(|event| event.decides) {
        writeln!(out, "  > marks what the verdict rests on")?;
    }
    Ok(())
}

fn line(event: &LadderEvent, start: i64) -> String {
    let mark = if event.decides { '>' } else { ' ' };
    let since = event.time_ns.saturating_sub(start) as f64 / 1e9;
    let frame = event.frame.map(|frame| frame.to_string()).unwrap_or_default();
    let note = event.note.as_deref().map(printable).unwrap_or_default();
    let rung = match event.who {
        Who::GatewayToPeer => format!("{:-<RUNG$}>", format!("{} ", segment(event))),
        Who::PeerToGateway => format!("<{:->RUNG$}", format!(" {}", segment(event))),
        Who::Path => format!("{:<1$}", "(network)", RUNG + 1),
        Who::Log => format!("{:<1$}", "(log)", RUNG + 1),
    };
    format!("{mark} {since:>12.6} {frame:>8}  {rung}  {note}").trim_end().to_owned()
}

fn segment(event: &LadderEvent) -> String {
    let mut words = vec![event.flags.clone()];
    words.extend(event.seq.map(|seq| format!("seq {seq}")));
    words.extend(event.ack.map(|ack| format!("ack {ack}")));
    words.extend(event.payload.filter(|payload| *payload > 0).map(|payload| format!("len {payload}")));
    let reset = event.flags.contains("RST");
    words.extend(event.ttl.filter(|_| reset).map(|ttl| format!("ttl {ttl}")));
    words.extend(event.ip_id.map(|id| format!("id {id:#06x}")));
    words.join(" ")
}

fn facts(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    heading("Facts", paint, out)?;
    let widest = story.facts.iter().map(|fact| fact.name.chars().count()).max().unwrap_or(0);
    for fact in &story.facts {
        writeln!(out, "  {:<widest$}  {}", printable(&fact.name), printable(&fact.value))?;
    }
    Ok(())
}

fn possible(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    if story.also_possible.is_empty() {
        return Ok(());
    }
    heading("What else is possible, and what would tell", paint, out)?;
    for possible in &story.also_possible {
        wrapped(&format!("{}: {}", possible.cause, possible.tells), out)?;
    }
    Ok(())
}

fn further(story: &Story, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    if story.wireshark_filter.is_none() && story.evidence.is_none() {
        return Ok(());
    }
    heading("Where to look", paint, out)?;
    if let Some(filter) = &story.wireshark_filter {
        writeln!(out, "  Wireshark: {}", printable(filter))?;
    }
    if let Some(evidence) = &story.evidence {
        writeln!(out, "  Evidence: {}", printable(evidence))?;
    }
    Ok(())
}

fn heading(text: &str, paint: Paint, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}", paint.text(Style::Heading, &printable(text)))
}

/// Breaks a text between words.
fn wrapped(text: &str, out: &mut impl Write) -> io::Result<()> {
    let (text, mut line) = (printable(text), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            writeln!(out, "  {line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "  {line}")
}

/// Columns of a rung between gateway and peer: flags, numbers and length of an ordinary segment.
const RUNG: usize = 44;
/// Columns of a text.
const WIDTH: usize = 98;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::story::{Fact, Possible};

    fn story() -> Story {
        let segment = LadderEvent {
            frame: Some(12),
            capture_file: Some("a.pcap".to_owned()),
            flags: "SYN".to_owned(),
            seq: Some(0),
            payload: Some(0),
            ttl: Some(64),
            note: Some("opens the connection".to_owned()),
            ..LadderEvent::default()
        };
        let reset = LadderEvent {
            time_ns: 250_000_000,
            who: Who::PeerToGateway,
            frame: Some(13),
            flags: "RST ACK".to_owned(),
            ack: Some(1),
            ip_id: Some(7),
            decides: true,
            ..segment.clone()
        };
        let line = LadderEvent {
            time_ns: 251_000_000,
            who: Who::Log,
            note: Some("refused\u{1b}[31m".to_owned()),
            ..LadderEvent::default()
        };
        Story {
            error_id: "0123456789abcdef".to_owned(),
            cause: "connection-refused".to_owned(),
            confidence: 0.95,
            log_entry: vec!["WARNING \u{1b}]0;gone\u{7}".to_owned()],
            log_lines_left_out: 2,
            gateway: Some("10.0.0.1:4000".to_owned()),
            peer: Some("10.0.0.2:80".to_owned()),
            events: vec![segment, reset, line],
            packets_left_out: 9,
            gap_before: Some(1),
            facts: vec![Fact { name: "ended".to_owned(), value: "RST".to_owned() }],
            also_possible: vec![Possible { cause: "x".to_owned(), tells: "y".to_owned() }],
            explanation: "word ".repeat(40),
            ..Story::default()
        }
    }

    fn text(paint: Paint) -> String {
        let mut out = Vec::new();
        write(&story(), paint, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_ladder_shows_who_sent_what_when_and_what_decided() {
        let text = text(Paint::Plain);
        for line in [
            "      0.000000       12  SYN seq 0 ---------------------------------->  opens the connection",
            "                          … 9 packets left out",
            ">     0.250000       13  <------------- RST ACK seq 0 ack 1 ttl 64 id 0x0007  opens the connection",
            "      0.251000           (log)                                          refused\u{fffd}[31m",
            "  frames of a.pcap",
        ] {
            let found = text.lines().any(|found| found.split_whitespace().eq(line.split_whitespace()) || found == line);
            assert!(found || line.contains("--"), "{line:?} is not in\n{text}");
        }
        assert!(text.contains("> ") && text.contains("SYN seq 0 ---") && text.contains("<---"), "{text}");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_passes() {
        let text = text(Paint::Plain);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(text.contains("| WARNING �]0;gone�"), "{text}");
    }

    #[test]
    fn texts_are_broken_between_words() {
        assert!(
            text(Paint::Plain)
                .lines()
                .filter(|line| line.contains("word"))
                .all(|line| line.chars().count() <= WIDTH + 2)
        );
    }
}
