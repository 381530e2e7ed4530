//! From a row, its connection and its log entry to the story of a call.
//!
//! The packets of the ladder are those that tracking kept of the connection; no capture is read for it. What a segment shows is
//! told in `notes`; nothing here decides a cause.

mod facts;
mod notes;

use std::{collections::BTreeSet, ops::RangeInclusive};

use wirecause_parsers::{log::FailedCall, packet::Endpoint, time::Timestamp};

use super::{
    rows::ErrorRow,
    story::{LadderEvent, Possible, Story, Who},
    words::{rule, tells},
};
use crate::{
    attribute::verdict::{Cause, Health, Responsible},
    join::{
        anchor::Anchor,
        names::{Answer, Query},
    },
    read::entries::EntryText,
    track::{Connection, Direction, FrameId, connection::MAX_HEAD},
};

/// What a story is told from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The call.
    pub call: FailedCall,
    /// Its row of the table.
    pub row: &'a ErrorRow,
    /// The connection, if there is one.
    pub connection: Option<Connection>,
    /// The instant on it that the call met.
    pub anchor: Option<Anchor>,
    /// When its line was written, on the capture's clock.
    pub line: Timestamp,
    /// Questions for its host.
    pub queries: &'a [Query],
    /// Names of the capture files by index.
    pub captures: &'a [String],
}

impl Sources<'_> {
    /// Tells the story, with the text of the log's entry.
    pub fn story(&self, entry: EntryText) -> Story {
        let row = self.row;
        let (events, gap_before) = self.events();
        let packets =
            self.connection.as_ref().map_or(0, |connection| connection.orig.packets + connection.resp.packets);
        let shown = self.connection.as_ref().map_or(0, |connection| connection.notes.len() as u64);
        let packets_left_out = packets.saturating_sub(shown);
        let end =
            |end: fn(&Connection) -> Endpoint| self.connection.as_ref().map(|connection| end(connection).to_string());
        Story {
            error_id: row.error_id.clone(),
            log_time_ns: row.log_time.nanos(),
            clock_offset_ns: row.log_time.since(self.line),
            node: row.node.clone(),
            log_file: row.log_file.clone(),
            log_line: row.log_line,
            log_entry: entry.lines,
            log_lines_left_out: entry.left_out,
            service: row.service.clone(),
            url: row.url.clone(),
            host: row.host.clone(),
            port: row.port,
            symptom: row.symptom.word().to_owned(),
            message: row.message.clone(),
            r#match: row.r#match.to_owned(),
            connection_id: row.connection_id.clone(),
            gateway: end(|connection| connection.originator),
            peer: end(|connection| connection.responder),
            events,
            packets_left_out,
            gap_before: gap_before.filter(|_| packets_left_out > 0),
            facts: facts::facts(row, self.connection.as_ref()),
            cause: row.cause.word().to_owned(),
            rule: rule(row.cause).to_owned(),
            responsible: row.responsible.map(Responsible::word).map(str::to_owned),
            confidence: row.confidence,
            health: row.health.map(Health::word).map(str::to_owned),
            explanation: row.explanation.clone(),
            also_possible: row
                .also_possible
                .iter()
                .map(|cause| Possible { cause: cause.word().to_owned(), tells: tells(*cause).to_owned() })
                .collect(),
            wireshark_filter: row.wireshark_filter.clone(),
            evidence: None,
        }
    }

    /// Times at which questions to the resolver belong to this call: shortly before the connection, or before the line where there is none.
    pub fn asked(&self) -> RangeInclusive<Timestamp> {
        match self.connection.as_ref() {
            Some(connection) => connection.start.plus(-ASKED_BEFORE_CONNECTION)..=connection.start,
            None => self.line.plus(-ASKED_BEFORE_LINE)..=self.line.plus(ASKED_AFTER_LINE),
        }
    }

    /// All events in order of time, and the index before which packets are left out.
    fn events(&self) -> (Vec<LadderEvent>, Option<usize>) {
        let mut events: Vec<(LadderEvent, bool)> = Vec::new();
        if let Some(connection) = self.connection.as_ref() {
            let mut teller = notes::Teller::new(connection, self.row.cause, self.anchor);
            for (index, note) in connection.notes.iter().enumerate() {
                let told = teller.note(&note);
                let who = match note.from {
                    Direction::Originator => Who::GatewayToPeer,
                    Direction::Responder => Who::PeerToGateway,
                };
                let event = LadderEvent {
                    time_ns: note.time.nanos(),
                    who,
                    flags: told.flags,
                    seq: Some(note.seq),
                    ack: note.ack,
                    payload: Some(note.payload),
                    window: Some(note.window),
                    ttl: Some(note.ttl),
                    ip_id: note.ip_id.filter(|_| note.flags.rst()),
                    retransmission: told.again,
                    note: told.text,
                    decides: told.decides,
                    ..self.at(note.frame)
                };
                events.push((event, index == MAX_HEAD));
            }
            for icmp in &connection.icmp {
                let event = LadderEvent {
                    time_ns: icmp.time.nanos(),
                    who: Who::Path,
                    note: Some(format!("ICMP {:?} from {}", icmp.kind, icmp.sender)),
                    decides: self.row.cause == Cause::Unreachable,
                    ..self.at(icmp.frame)
                };
                events.push((event, false));
            }
        }
        events.extend(self.questions().map(|event| (event, false)));
        events.push((self.log_line(), false));
        // Stable: what has one time keeps the order of the file.
        events.sort_by_key(|(event, _)| event.time_ns);
        let gap = events.iter().position(|(_, after_gap)| *after_gap);
        (events.into_iter().map(|(event, _)| event).collect(), gap)
    }

    fn at(&self, frame: FrameId) -> LadderEvent {
        let capture_file = self.captures.get(frame.file() as usize).cloned();
        LadderEvent { frame: Some(frame.number()), capture_file, ..LadderEvent::default() }
    }

    fn questions(&self) -> impl Iterator<Item = LadderEvent> {
        let asked = self.asked();
        // Several capture points show one question several times.
        let mut seen = BTreeSet::new();
        let within: Vec<&Query> = self
            .queries
            .iter()
            .filter(|query| asked.contains(&query.time) && seen.insert((query.id, query.outcome.is_some())))
            .collect();
        let last = within.len().saturating_sub(MOST_QUESTIONS);
        let decides = self.row.cause == Cause::NameResolution;
        within.into_iter().skip(last).map(move |query| {
            let outcome = match query.outcome {
                Some(Answer::Addresses) => "answered with addresses".to_owned(),
                Some(Answer::Empty) => "answered without an address".to_owned(),
                Some(Answer::Error(3)) => "answered NXDOMAIN: the name does not exist".to_owned(),
                Some(Answer::Error(2)) => "answered SERVFAIL: the resolver failed".to_owned(),
                Some(Answer::Error(5)) => "answered REFUSED".to_owned(),
                Some(Answer::Error(code)) => format!("answered with error {code}"),
                None => "not answered in this capture".to_owned(),
            };
            LadderEvent {
                time_ns: query.time.nanos(),
                who: Who::Path,
                note: Some(format!("DNS question for {}, {outcome}", self.row.host)),
                decides: decides && query.outcome != Some(Answer::Addresses),
                ..LadderEvent::default()
            }
        })
    }

    fn log_line(&self) -> LadderEvent {
        let decides = matches!(
            self.row.cause,
            Cause::SlowResponse
                | Cause::ConnectTimeout
                | Cause::PoolExhausted
                | Cause::GatewayResources
                | Cause::NoTrafficCaptured
        );
        LadderEvent {
            time_ns: self.line.nanos(),
            who: Who::Log,
            note: Some(format!("{}, line {}: {}", self.row.log_file, self.row.log_line, self.row.message)),
            decides,
            ..LadderEvent::default()
        }
    }
}

/// A name is resolved right before a connection is opened; resolvers try again after five seconds, ns.
const ASKED_BEFORE_CONNECTION: i64 = 10_000_000_000;
/// A resolver gives up after some attempts of five seconds each, ns.
const ASKED_BEFORE_LINE: i64 = 60_000_000_000;
/// Clocks agree to within this, ns.
const ASKED_AFTER_LINE: i64 = 1_000_000_000;
/// Questions shown in a ladder: two address types, asked twice.
const MOST_QUESTIONS: usize = 4;
