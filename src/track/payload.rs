//! What a segment's payload means for the exchanges of its connection.

use wirecause_parsers::{
    payload::{http, tls},
    time::Timestamp,
};

use super::{
    connection::{Connection, Roles},
    exchange::Exchange,
    note::{Direction, NoteKind},
    pack::pack_fields,
    stream::{self, Protocol},
    tracker::Arrival,
};

/// Follows the payload of one connection.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The `ClientHello` so far, while it is incomplete.
    hello: Vec<u8>,
    /// The exchange under way asks a proxy for a tunnel.
    tunnel: bool,
}

pack_fields!(Content { hello, tunnel });

/// What the sequence numbers say of a segment's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Who sent it.
    pub(super) from: Direction,
    /// Offset of its first payload byte.
    pub(super) start: i64,
    /// Offset after its last payload byte.
    pub(super) end: i64,
    /// What it brought.
    pub(super) kind: NoteKind,
    /// How many bytes came for the first time.
    pub(super) fresh: u64,
    /// What it acknowledges.
    pub(super) ack: Option<i64>,
    /// Offset after the highest byte of its sender before it.
    pub(super) high_before: i64,
    /// Last new payload byte of either side before it.
    pub(super) last_data: Option<Timestamp>,
}

impl Content {
    /// Takes a segment's payload.
    pub(super) fn take(&mut self, connection: &mut Connection, arrival: &Arrival<'_>, taken: &Taken) {
        match taken.kind {
            NoteKind::Control | NoteKind::KeepAlive => {}
            NoteKind::Retransmission if taken.fresh == 0 => retransmitted(connection, taken),
            NoteKind::New | NoteKind::OutOfOrder | NoteKind::Retransmission => {
                if taken.kind == NoteKind::Retransmission {
                    retransmitted(connection, taken);
                }
                self.enter_tunnel(connection, taken);
                let meaning = self.meaning(connection, arrival, taken);
                match (meaning, taken.from) {
                    (stream::Content::Overhead, _) => {}
                    (stream::Content::SecondTicket, _) => forget_response(connection),
                    (stream::Content::Application, Direction::Originator) => {
                        self.tunnel |= request(connection, arrival, taken);
                    }
                    (stream::Content::Application, Direction::Responder) => response(connection, arrival, taken),
                }
            }
        }
    }

    /// Once a proxy has granted a tunnel, what its client sends is the first of another stream, to the backend (RFC 9110, 9.3.6).
    fn enter_tunnel(&mut self, connection: &mut Connection, taken: &Taken) {
        let granted = |exchange: &Exchange| exchange.status.is_none_or(|status| (200..300).contains(&status));
        let answered =
            connection.exchanges.current().is_some_and(|asked| asked.response_start.is_some() && granted(asked));
        if self.tunnel && answered && taken.from == Direction::Originator {
            self.tunnel = false;
            connection.exchanges.forget_current();
            connection.protocol = Protocol::Unknown;
        }
    }

    fn meaning(&mut self, connection: &mut Connection, arrival: &Arrival<'_>, taken: &Taken) -> stream::Content {
        if connection.protocol == Protocol::Unknown {
            connection.protocol = stream::protocol(arrival.payload, arrival.segment.payload);
            if connection.protocol == Protocol::Other && connection.roles == Roles::Ports {
                // The middle of a body: what it belongs to shows with the next head.
                connection.protocol = Protocol::Unknown;
            }
        }
        if connection.protocol != Protocol::Tls {
            let blind = connection.protocol == Protocol::Unknown
                && stream::tells_nothing(arrival.payload, arrival.segment.payload);
            let alert = blind && connection.exchanges.count > 0 && stream::is_alert_alone(arrival.segment.payload);
            return if alert { stream::Content::Overhead } else { stream::Content::Application };
        }
        if taken.from == Direction::Originator && !connection.tls.server_hello {
            self.client_hello(connection, arrival.payload);
        }
        let request_from = connection.exchanges.current().map(|exchange| exchange.request_from);
        let acknowledges = match (request_from, taken.ack) {
            (Some(from), Some(ack)) => ack > from,
            (None, _) => false,
            (Some(_), None) => true,
        };
        connection.tls.at(arrival.time, arrival.frame);
        connection.tls.take(taken.from, taken.start, arrival.payload, arrival.segment.payload, acknowledges)
    }

    /// Reads the server name from the hello, which may come in several segments.
    fn client_hello(&mut self, connection: &mut Connection, bytes: &[u8]) {
        if connection.names.sni.is_some() || self.hello.len() >= MAX_HELLO {
            return;
        }
        self.hello.extend_from_slice(bytes);
        let Some(hello) = tls::records(&self.hello).next().and_then(|record| tls::client_hello(record.body)) else {
            return;
        };
        connection.names.sni = hello.sni.map(String::into_boxed_str);
        connection.tls.http2 |= !hello.alpn.is_empty() && hello.alpn.iter().all(|offer| offer == "h2");
        if connection.names.sni.is_some() {
            self.hello = Vec::new();
        }
    }
}

/// Takes note of what the responder has acknowledged of the request under way.
pub(super) fn acknowledged(connection: &mut Connection, time: Timestamp) {
    let acked = connection.orig.acked;
    let Some(exchange) = connection.exchanges.current_mut() else { return };
    exchange.acked_bytes = (acked.min(exchange.request_to) - exchange.request_from).max(0) as u64;
    if exchange.request_acked.is_none() && acked >= exchange.request_to {
        exchange.request_acked = Some(time);
    }
}

/// Takes request bytes; whether they ask a proxy for a tunnel.
fn request(connection: &mut Connection, arrival: &Arrival<'_>, taken: &Taken) -> bool {
    let end = taken.start + i64::from(arrival.segment.payload);
    let head = (connection.protocol == Protocol::Http).then(|| http::request_head(arrival.payload)).flatten();
    // Of a frame that was cut this short it shows no more.
    let cut = (arrival.payload.len() as u64) < u64::from(arrival.segment.payload);
    let starts = head.is_some() || cut && http::may_start_request(arrival.payload);
    let plain = connection.protocol == Protocol::Http && !arrival.payload.is_empty();
    // What fills a hole was sent before: it is of a request that began already, where one did.
    let late = end <= taken.high_before;
    let next = connection.exchanges.current().is_none_or(|current| {
        if late {
            return false;
        }
        let answered = current.response_start.is_some();
        let sent = current.request_expected.is_some_and(|expected| current.request_bytes() >= expected);
        if plain { starts && (answered || sent) } else { answered }
    });
    if next {
        let from = if late { taken.start } else { taken.start.max(taken.high_before) };
        let after_peer_close = connection.peer_close().is_some() || connection.reset_by(Direction::Responder).is_some();
        connection.exchanges.begin(Exchange {
            number: connection.exchanges.count + 1,
            idle_before: taken.last_data.map(|last| arrival.time.since(last)),
            request_start: arrival.time,
            request_frame: arrival.frame,
            request_end: arrival.time,
            request_from: from,
            request_to: end,
            request_acked: None,
            acked_bytes: 0,
            response_start: None,
            response_end: None,
            response_bytes: 0,
            request_retransmissions: 0,
            response_retransmissions: 0,
            target: None,
            target_cut: false,
            request_expected: None,
            response_expected: None,
            response_head: None,
            status: None,
            response_closes: false,
            after_peer_close,
        });
    } else if let Some(exchange) = connection.exchanges.current_mut() {
        exchange.request_end = arrival.time;
        exchange.request_to = exchange.request_to.max(end);
        exchange.request_acked = None;
    }
    let head = head.filter(|_| next);
    if let Some(head) = &head {
        describe_request(connection, head);
    }
    head.is_some_and(|head| head.connect)
}

fn describe_request(connection: &mut Connection, head: &http::RequestHead) {
    if let Some(exchange) = connection.exchanges.current_mut() {
        exchange.target = Some(head.target.as_str().into());
        exchange.target_cut = head.target_cut;
        exchange.request_expected = head
            .head_length
            .filter(|_| !head.chunked)
            .map(|length| u64::from(length) + head.content_length.unwrap_or(0));
    }
    if let Some(host) = &head.host {
        connection.names.host.get_or_insert_with(|| host.as_str().into());
    }
    match asked_of_proxy(head) {
        Some((authority, true)) => connection.names.connect_cut = Some(authority.to_ascii_lowercase().into()),
        Some((authority, false)) => {
            let asked = host_and_port(authority).map(|(host, port)| (host.to_ascii_lowercase().into(), port));
            connection.names.connect = asked.or_else(|| connection.names.connect.take());
        }
        None => {}
    }
}

/// What a request asks a proxy for, by CONNECT or by a whole URL as its target, and whether the capture cut it short.
fn asked_of_proxy(head: &http::RequestHead) -> Option<(&str, bool)> {
    if head.connect {
        return Some((&head.target, head.target_cut));
    }
    let rest = head.target.strip_prefix("http://")?;
    let authority = rest.split(['/', '?']).next()?;
    Some((authority, head.target_cut && authority.len() == rest.len()))
}

fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, HTTP_PORT)),
    }
}

fn response(connection: &mut Connection, arrival: &Arrival<'_>, taken: &Taken) {
    let head = (connection.protocol == Protocol::Http).then(|| http::response_head(arrival.payload)).flatten();
    if ended_for_gateway(connection) {
        return;
    }
    let Some(exchange) = connection.exchanges.current_mut() else { return };
    if exchange.status.is_none()
        && let Some(head) = &head
    {
        if (100..200).contains(&head.status) {
            return;
        }
        exchange.status = Some(head.status);
        exchange.response_closes = head.close;
        exchange.response_head = head.head_length.map(u64::from);
        exchange.response_expected = head
            .head_length
            .zip(head.content_length)
            .filter(|_| !head.chunked)
            .map(|(length, body)| u64::from(length) + body);
    }
    exchange.response_start.get_or_insert(arrival.time);
    exchange.response_end = Some(arrival.time);
    exchange.response_bytes += taken.fresh;
}

/// Whether the gateway has ended the connection itself or met a RST: what comes then reaches nobody.
fn ended_for_gateway(connection: &Connection) -> bool {
    connection.orig.fin.is_some()
        || connection.resets.iter().any(|(by, reset)| *by == Direction::Originator || reset.fit.obeyed())
}

/// What was taken for a response was a session ticket.
fn forget_response(connection: &mut Connection) {
    if let Some(exchange) = connection.exchanges.current_mut() {
        exchange.response_start = None;
        exchange.response_end = None;
        exchange.response_bytes = 0;
    }
}

fn retransmitted(connection: &mut Connection, taken: &Taken) {
    let Some(exchange) = connection.exchanges.current_mut() else { return };
    match taken.from {
        Direction::Originator if taken.end > exchange.request_from => exchange.request_retransmissions += 1,
        Direction::Originator => {}
        Direction::Responder => exchange.response_retransmissions += 1,
    }
}

/// Port of a URL that names none.
const HTTP_PORT: u16 = 80;
/// Bytes of a `ClientHello` that are kept until the server name is found; a hello with post-quantum keys has some 1.8 kB.
const MAX_HELLO: usize = 8192;
