//! What the payload of a connection's streams is, as far as exchanges need it: plain HTTP or TLS, and where application data
//! begins.
//!
//! TLS 1.3 sends handshake messages, session tickets and alerts as record type 23; they are told from requests and responses by
//! position and length (RFC 8446, sections 4.4 and 5.2). Record boundaries are followed through segments that arrive in order;
//! where the capture cut a boundary away the position is lost and said so.

use wirecause_parsers::{
    payload::{http, tls},
    time::Timestamp,
};

use super::{
    note::{Direction, FrameId},
    pack::{pack_fields, pack_variants},
};

/// What a connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// No payload yet, or its first bytes were not captured.
    #[default]
    Unknown,
    /// Plain HTTP/1.
    Http,
    /// TLS.
    Tls,
    /// Plain HTTP/2 (preface).
    Http2,
    /// Something else.
    Other,
}

pack_variants!(Protocol { Unknown, Http, Tls, Http2, Other });

/// TLS facts of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsState {
    /// The client's hello was seen.
    pub client_hello: bool,
    /// The server's hello was seen.
    pub server_hello: bool,
    /// TLS 1.3 was selected.
    pub tls13: bool,
    /// HTTP/2 was selected in the clear (TLS 1.2 only), or was the client's only offer.
    pub http2: bool,
    /// A record of the client's that carries its Finished message was seen: application data may follow.
    pub client_finished: bool,
    /// An alert: who sent it, level and description; the latter two are `None` when it was encrypted.
    pub alert: Option<Alert>,
    /// Application data of the client was seen.
    pub client_data: bool,
    /// Application data of the server was seen.
    pub server_data: bool,
    /// The responder's first alert after the handshake: in a healthy connection `close_notify`.
    pub close_notify: Option<Alert>,
    /// Records of the client's after the server's hello were cut away: its Finished may have been among them.
    blind: bool,
    second_ticket: bool,
    now: Option<(Timestamp, FrameId)>,
    originator: Records,
    responder: Records,
}

pack_fields!(TlsState {
    client_hello,
    server_hello,
    tls13,
    http2,
    client_finished,
    alert,
    client_data,
    server_data,
    close_notify,
    blind,
    second_ticket,
    now,
    originator,
    responder,
});

/// A TLS alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub frame: FrameId,
    /// Who sent it.
    pub from: Direction,
    /// Level and description as the alert protocol numbers them; `None` when encrypted.
    pub code: Option<(u8, u8)>,
}

pack_fields!(Alert { time, frame, from, code });

/// Where one direction stands in its records.
#[derive(Clone, Debug, Default, PartialEq)]
struct Records {
    /// Offset at which the next record header stands; `None` when lost.
    next: Option<i64>,
    /// Type of the record that the stream stands in.
    open_kind: Option<u8>,
    /// After `ChangeCipherSpec` (TLS 1.2: records are encrypted from here on).
    changed: bool,
    /// Records of type 23 seen after the client's Finished, before application data.
    early: u32,
    /// Length of the last of them.
    early_length: u16,
    /// Whether the first of them was taken for a response.
    early_counted: bool,
}

pack_fields!(Records { next, open_kind, changed, early, early_length, early_counted });

/// What a payload segment means for exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Request or response bytes.
    Application,
    /// Handshake, tickets, alerts: neither request nor response.
    Overhead,
    /// The second of a pair of session tickets: what came before it as a response was the first of them.
    SecondTicket,
}

impl TlsState {
    /// Says which segment the following payload belongs to.
    pub const fn at(&mut self, time: Timestamp, frame: FrameId) {
        self.now = Some((time, frame));
    }

    /// Takes a segment's new payload that begins at stream offset `start`; `bytes` is what was captured of its `length`.
    /// `acknowledges_request` says whether a segment of the responder acknowledges any byte of the open request.
    pub fn take(
        &mut self,
        from: Direction,
        start: i64,
        bytes: &[u8],
        length: u32,
        acknowledges_request: bool,
    ) -> Content {
        if bytes.len() < HEADER && is_alert_alone(length) && self.client_hello {
            // The cut leaves no record header, but nothing else is as short as an encrypted alert.
            self.note_alert(from, None);
            return Content::Overhead;
        }
        let end = start + i64::from(length);
        if let Some(record) =
            snapped(bytes, length).filter(|_| self.records(from).next.is_none_or(|next| next <= start))
        {
            let mut records = std::mem::take(self.records(from));
            let application = self.record(from, &mut records, &record, acknowledges_request);
            // Other records may follow in the segment: of the client's flight, its Finished.
            self.blind |= from == Direction::Originator && self.server_hello && !application;
            records.next = Some(end);
            *self.records(from) = records;
            return if application { Content::Application } else { Content::Overhead };
        }
        let mut records = std::mem::take(self.records(from));
        let mut application = records.open_kind == Some(APPLICATION) && records.next.is_some_and(|next| next > start);
        let mut position = records.next.unwrap_or(start).max(start);
        if records.next.is_none_or(|next| next < start) {
            // The position was lost: application data if the handshake is over, else unknown and taken as overhead.
            self.blind |= from == Direction::Originator && self.server_hello && records.next.is_some();
            records.next = None;
            if !tls::starts_record(bytes) {
                *self.records(from) = records;
                return if self.client_finished { Content::Application } else { Content::Overhead };
            }
            position = start;
        }
        while position < end {
            let Some(rest) = bytes.get((position - start) as usize..).filter(|rest| rest.len() >= HEADER) else {
                // The header lies in the next segment, or was cut away.
                let cut = (bytes.len() as u32) < length;
                records.next = if cut { None } else { Some(position) };
                self.blind |= cut && from == Direction::Originator && self.server_hello;
                break;
            };
            let Some(record) = tls::records(rest).next() else {
                records.next = None;
                break;
            };
            application |= self.record(from, &mut records, &record, acknowledges_request);
            position += HEADER as i64 + i64::from(record.length);
            records.next = Some(position);
        }
        *self.records(from) = records;
        if self.second_ticket {
            self.second_ticket = false;
            Content::SecondTicket
        } else if application {
            Content::Application
        } else {
            Content::Overhead
        }
    }

    /// Whether one direction's bytes up to offset `high` end within a record: more was to come.
    pub fn in_record(&self, from: Direction, high: i64) -> bool {
        let records = match from {
            Direction::Originator => &self.originator,
            Direction::Responder => &self.responder,
        };
        records.next.is_some_and(|next| next > high)
    }

    /// Whether application data may flow: the client's Finished was seen.
    pub const fn established(&self) -> bool {
        self.client_finished
    }

    fn records(&mut self, from: Direction) -> &mut Records {
        match from {
            Direction::Originator => &mut self.originator,
            Direction::Responder => &mut self.responder,
        }
    }

    /// Takes one record; true if it is application data.
    fn record(
        &mut self,
        from: Direction,
        records: &mut Records,
        record: &tls::Record<'_>,
        acknowledges_request: bool,
    ) -> bool {
        let application = match record.kind {
            tls::RecordKind::Handshake => {
                self.handshake(from, records, record);
                false
            }
            tls::RecordKind::ChangeCipherSpec => {
                records.changed = true;
                false
            }
            tls::RecordKind::Alert => {
                self.note_alert(from, if records.changed { None } else { tls::alert(record.body) });
                false
            }
            tls::RecordKind::ApplicationData => self.sealed(from, records, record, acknowledges_request),
            tls::RecordKind::Other(_) => false,
        };
        records.open_kind = Some(if application { APPLICATION } else { 0 });
        match (application, from) {
            (true, Direction::Originator) => self.client_data = true,
            (true, Direction::Responder) => self.server_data = true,
            (false, _) => {}
        }
        application
    }

    fn handshake(&mut self, from: Direction, records: &mut Records, record: &tls::Record<'_>) {
        if from == Direction::Originator && records.changed {
            // TLS 1.2: the first encrypted handshake record after ChangeCipherSpec is Finished.
            self.client_finished = true;
        } else if from == Direction::Originator && !self.client_hello {
            self.client_hello = true;
        } else if from == Direction::Responder && !self.server_hello {
            self.server_hello = true;
            if let Some(hello) = tls::server_hello(record.body) {
                self.tls13 = hello.version >= TLS13;
                self.http2 |= hello.alpn.as_deref() == Some("h2");
            }
        }
    }

    /// A record of type 23: what it carries is known by position and length.
    fn sealed(
        &mut self,
        from: Direction,
        records: &mut Records,
        record: &tls::Record<'_>,
        acknowledges_request: bool,
    ) -> bool {
        // Before the client's Finished TLS 1.2 has no such record: this is 1.3, though its hello was cut.
        self.tls13 |= self.server_hello && !self.client_finished && !self.blind;
        if is_sealed_alert(record.length, self.tls13) {
            self.note_alert(from, None);
            return false;
        }
        if !self.tls13 && self.server_hello {
            // TLS 1.2 has no such record before both Finished (RFC 5246, 7.3), though a cut may have hidden them. It may have hidden that it is
            // TLS 1.3, too, whose tickets acknowledge no byte of a request.
            self.client_finished = true;
            return from == Direction::Originator || self.server_data || acknowledges_request;
        }
        match from {
            Direction::Originator if !self.client_finished && self.blind => {
                self.client_finished = true;
                true
            }
            Direction::Originator if !self.client_finished => {
                // Certificate and CertificateVerify may come first; Finished is the short one.
                self.client_finished = record.length <= LONGEST_FINISHED || !self.server_hello;
                !self.server_hello
            }
            Direction::Originator => true,
            Direction::Responder if !self.client_finished => false,
            Direction::Responder => self.first_answers(records, record.length, acknowledges_request),
        }
    }

    /// The server's first records after the handshake: session tickets or a response. A segment that acknowledges no byte of
    /// the request cannot answer it; and servers that send several tickets send them with equal lengths (OpenSSL: two).
    fn first_answers(&mut self, records: &mut Records, length: u16, acknowledges_request: bool) -> bool {
        records.early += 1;
        let twin = records.early_length == length && length <= LONGEST_TICKET;
        records.early_length = length;
        if records.early > MAX_TICKETS {
            return true;
        }
        if records.early == 2 && twin && records.early_counted {
            self.second_ticket = true;
            self.server_data = false;
            return false;
        }
        let application = self.server_data || (acknowledges_request && !(records.early > 1 && twin));
        records.early_counted = application;
        application
    }

    fn note_alert(&mut self, from: Direction, alert: Option<tls::Alert>) {
        let Some((time, frame)) = self.now else { return };
        let alert = Alert { time, frame, from, code: alert.map(|alert| (alert.level, alert.description)) };
        // Once a request was sent too: a peer that closes without an answer has sent no data.
        if from == Direction::Responder && self.client_finished && (self.server_data || self.client_data) {
            self.close_notify.get_or_insert(alert);
        }
        self.alert.get_or_insert(alert);
    }
}

/// The record of a segment that was cut within the record's header.
fn snapped(bytes: &[u8], length: u32) -> Option<tls::Record<'_>> {
    (bytes.len() < HEADER && (bytes.len() as u32) < length).then(|| tls::snapped_record(bytes, length)).flatten()
}

/// What the first payload of a connection says of its protocol; `length` is the segment's, `bytes` what was captured of it.
pub fn protocol(bytes: &[u8], length: u32) -> Protocol {
    if tells_nothing(bytes, length) {
        Protocol::Unknown
    } else if bytes.starts_with(b"PRI * HTTP/2") {
        Protocol::Http2
    } else if http::starts_request(bytes) || http::starts_response(bytes) {
        Protocol::Http
    } else if tls::starts_record(bytes) || snapped(bytes, length).is_some() {
        Protocol::Tls
    } else {
        Protocol::Other
    }
}

/// Whether so little was captured of a segment that it shows neither a record nor a method.
pub const fn tells_nothing(bytes: &[u8], length: u32) -> bool {
    bytes.is_empty() || bytes.len() < SHORTEST && (bytes.len() as u32) < length
}

/// Whether a segment has the length of one that holds an encrypted alert alone (TLS 1.3 without and with the JDK's padding, TLS 1.2 with
/// AES-GCM). HTTP has few segments as short.
pub const fn is_alert_alone(length: u32) -> bool {
    matches!(length, 24 | 31 | 40)
}

/// Encrypted alerts of TLS 1.3: two bytes of alert, one of type, sixteen of tag, and padding in JDK 11+ (16 bytes). Application data of
/// TLS 1.2 is never as short as the former.
const fn is_sealed_alert(length: u16, tls13: bool) -> bool {
    length == 19 || tls13 && length == 35
}

/// Bytes from which a cut record is known: its type and version.
const SHORTEST: usize = 3;
/// Bytes of a record header.
const HEADER: usize = 5;
/// `application_data`.
const APPLICATION: u8 = 23;
/// TLS 1.3's version number.
const TLS13: u16 = 0x0304;
/// The longest record that holds only Finished: 4 + 48 bytes (SHA-384), type, tag, and up to 32 bytes of padding (the JDK pads).
const LONGEST_FINISHED: u16 = 4 + 48 + 1 + 16 + 32;
/// Longest record taken for a session ticket; the JDK's stateless tickets with a certificate reach some 1.5 kB.
const LONGEST_TICKET: u16 = 2048;
/// Tickets that a server sends unasked after the handshake; OpenSSL two, others one, with room for double.
const MAX_TICKETS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten bytes of each segment were captured, so that the hello does not tell its version: a record that acknowledges no byte of the request
    /// is a ticket of TLS 1.3.
    #[test]
    fn where_the_version_was_cut_off_an_answer_acknowledges_its_request() {
        for (acknowledges, expected) in [(false, Content::Overhead), (true, Content::Application)] {
            let mut tls = TlsState::default();
            let mut take = |from, start, head: [u8; 5], length, acknowledges| {
                let bytes = [head, [0; 5]].concat();
                tls.take(from, start, &bytes, length, acknowledges)
            };
            take(Direction::Originator, 1, [22, 3, 1, 0, 233], 238, false);
            take(Direction::Responder, 1, [22, 3, 3, 0, 122], 1348, false);
            // ChangeCipherSpec, behind which Finished was cut off; then the request.
            take(Direction::Originator, 239, [20, 3, 3, 0, 1], 80, false);
            let request = take(Direction::Originator, 319, [23, 3, 3, 0, 150], 155, false);
            assert_eq!(request, Content::Application);
            assert_eq!(take(Direction::Responder, 4165, [23, 3, 3, 0, 125], 130, acknowledges), expected);
        }
    }
}
