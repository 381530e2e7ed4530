//! What a log may be wrapped in on its way to the reader: what a container runtime, syslog or a JSON formatter put around
//! each line is peeled off, and the line of the plain layout is what remains.
//!
//! A file's container is told by its first line that has a known form, and changes where lines have another one.

use std::borrow::Cow;

use super::head::{head, starts_record};

mod change;
mod cri;
mod docker;
mod export;
mod journal;
mod json;
mod newest;
mod object;
mod octets;
mod prefix;
mod source;
mod splunk;
mod stern;
mod syslog;
#[cfg(test)]
mod tests;
mod translator;
mod window;
mod year;

pub(super) use change::change;
use source::Source;
pub(super) use translator::Translator;
use year::Yearless;

/// The known wrappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// None: the layout of the node's own file.
    Plain,
    /// The gateway's JSON formatter, one object per record.
    Json,
    /// Files of a Kubernetes container runtime.
    Cri,
    /// Docker's `json-file` driver.
    Docker,
    /// `journalctl -o json`.
    Journal,
    /// The name that `kubectl logs` or `docker compose logs` puts before a line.
    Prefixed,
    /// The stamp that `kubectl logs --timestamps` or `docker logs -t` puts before a line, without a name.
    Stamped,
    /// What `stern` puts before a line.
    Stern,
    /// Splunk's export as JSON lines.
    SplunkJson,
    /// Splunk's export as CSV, and the column of the events.
    SplunkCsv(usize),
    /// `journalctl -o export`.
    JournalExport,
    /// Text copied from the audit window.
    AuditWindow,
    /// Syslog, in either RFC's form or as rsyslog writes it to a file.
    Syslog,
    /// The same, each message behind the count of its octets.
    Octets,
}

/// What remains of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peeled<'a> {
    pub text: Cow<'a, [u8]>,
    /// The wrapping's own stamp, for a text that has none.
    pub stamp: Option<Cow<'a, str>>,
    /// The same, where it lacks the year.
    pub yearless: Option<Yearless<'a>>,
    /// Whether the text goes on with the next line's.
    pub partial: bool,
    /// Who wrote it, where the wrapping says so.
    pub source: Option<Source<'a>>,
}

impl<'a> Peeled<'a> {
    fn whole(text: impl Into<Cow<'a, [u8]>>, stamp: Option<impl Into<Cow<'a, str>>>) -> Self {
        Self { stamp: stamp.map(Into::into), ..Self::bare(text) }
    }

    /// A text without a stamp of its wrapping.
    fn bare(text: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { text: text.into(), stamp: None, yearless: None, partial: false, source: None }
    }

    fn from(self, source: Source<'a>) -> Self {
        Self { source: Some(source), ..self }
    }
}

impl Container {
    /// What it is called.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Cri => "cri",
            Self::Docker => "docker",
            Self::Journal | Self::JournalExport => "journald",
            Self::AuditWindow => "audit window",
            Self::Prefixed | Self::Stamped | Self::Stern => "prefixed",
            Self::SplunkJson | Self::SplunkCsv(_) => "splunk",
            Self::Syslog | Self::Octets => "syslog",
        }
    }

    /// Tells the container of a file by one of its lines; `None` where the line tells nothing.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        if is_record(line) {
            return Some(Self::Plain);
        }
        if let Some(column) = splunk::raw_column(line) {
            return Some(Self::SplunkCsv(column));
        }
        if export::begins_entry(line) {
            return Some(Self::JournalExport);
        }
        if window::tells_time(line) {
            return Some(Self::AuditWindow);
        }
        PEELED.into_iter().find(|container| {
            container.peel(line).is_some_and(|peeled| container.is_distinct() || is_content(&peeled.text))
        })
    }

    /// Takes the wrapping off a line; `None` where the line does not have it.
    fn peel(self, line: &[u8]) -> Option<Peeled<'_>> {
        match self {
            Self::Plain | Self::SplunkCsv(_) | Self::JournalExport | Self::AuditWindow => None,
            Self::Json => json::plain(line).map(Peeled::bare),
            Self::Cri => cri::peel(line),
            Self::Docker => docker::peel(line),
            Self::Journal => journal::peel(line),
            Self::SplunkJson => splunk::peel(line),
            Self::Prefixed => prefix::named(line),
            Self::Stamped => prefix::stamped(line),
            Self::Stern => stern::peel(line),
            Self::Syslog => syslog::peel(line),
            Self::Octets => octets::peel(line),
        }
    }

    /// Whether a line of this form is of no other, whatever it holds.
    const fn is_distinct(self) -> bool {
        matches!(self, Self::Json | Self::Cri | Self::Docker)
    }
}

/// Whether a line is a gateway's: a record, plain or wrapped.
pub(super) fn is_of_gateway(line: &[u8]) -> bool {
    match Container::of_line(line) {
        // A journal holds what any program writes.
        None | Some(Container::JournalExport) => export::message(line).is_some_and(is_content),
        Some(_) => true,
    }
}

/// Whether a text is what a gateway writes: a record, with or without its stamp, or the formatter's JSON.
fn is_content(text: &[u8]) -> bool {
    is_record(text) || is_stampless_record(text) || json::plain(text).is_some()
}

fn is_record(line: &[u8]) -> bool {
    starts_record(line) && head(line, 0).is_some_and(|head| head.level.is_some() && head.logger.is_some())
}

/// `WARNING com.l7tech.server.message: …`, as the gateway's syslog layout has it, or a bare audit detail.
fn is_stampless_record(text: &[u8]) -> bool {
    let line = [ANY_STAMP, text].concat();
    head(&line, 0).is_some_and(|head| (head.level.is_some() && head.logger.is_some()) || head.code.is_some())
}

/// The forms of single lines, in the order in which they are tried.
const PEELED: [Container; 10] = [
    Container::Json,
    Container::Cri,
    Container::Docker,
    Container::Journal,
    Container::SplunkJson,
    Container::Prefixed,
    Container::Stamped,
    Container::Syslog,
    Container::Octets,
    Container::Stern,
];
/// Bytes kept of a payload that comes in pieces; as much as of a line.
const LONGEST_PAYLOAD: usize = super::lines::LONGEST_LINE;
const ANY_STAMP: &[u8] = b"1970-01-01T00:00:00Z ";

#[cfg(test)]
mod forms {
    use super::*;

    #[test]
    fn each_container_is_told_by_its_line() {
        let record = "2021-05-17T15:19:00.041-0300 INFO    174 com.l7tech.server.message: x";
        for (line, container) in [
            (record.to_owned(), Some(Container::Plain)),
            (format!("2019-04-30T02:12:41.8443515Z stdout F {record}"), Some(Container::Cri)),
            (
                format!(r#"{{"log":"{record}\n","stream":"stdout","time":"2021-05-17T18:19:00Z"}}"#),
                Some(Container::Docker),
            ),
            (
                format!(r#"{{"MESSAGE":"{record}","__REALTIME_TIMESTAMP":"1631691287413000"}}"#),
                Some(Container::Journal),
            ),
            (format!("gateway-1  | {record}"), Some(Container::Prefixed)),
            (format!("[pod/gw-0/gateway] {record}"), Some(Container::Prefixed)),
            (format!("gw-0 gateway {record}"), Some(Container::Stern)),
            ("gw-0 gateway x".into(), None),
            (format!("2021-05-17T18:19:00.041123456Z {record}"), Some(Container::Stamped)),
            ("<132>Sep 15 09:34:47 gw01 SSG: WARNING com.l7tech.server.message: x".into(), Some(Container::Syslog)),
            (
                r#"{"package":"a.b","level":"INFO","log":"x","time":"2026-05-26T11:21:32.873+0000"}"#.into(),
                Some(Container::Json),
            ),
            ("98 <132>Sep 15 09:34:47 gw01 SSG: WARNING com.l7tech.server.message: x".into(), Some(Container::Octets)),
            ("Sep 15 09:34:47 gw01 kernel: eth0 up".into(), None),
            ("\tat a.b(C.java:1)".into(), None),
            (format!(r#"{{"preview":false,"result":{{"_raw":"{record}"}}}}"#), Some(Container::SplunkJson)),
            (r#""_time","_raw""#.into(), Some(Container::SplunkCsv(1))),
            ("__REALTIME_TIMESTAMP=1631691287413000".into(), Some(Container::JournalExport)),
            ("__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7".into(), Some(Container::JournalExport)),
            ("Time        : 20190222 03:10:51.459".into(), Some(Container::AuditWindow)),
            ("Time : noon".into(), None),
            (r#"{"a":1}"#.into(), None),
            (String::new(), None),
        ] {
            assert_eq!(Container::of_line(line.as_bytes()), container, "{line}");
        }
    }
}
