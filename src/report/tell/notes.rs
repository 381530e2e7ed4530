//! What there is to see in a segment, in a few words, and whether the verdict rests on it.

use wirecause_parsers::{packet::TcpFlags, payload::tls::description_name, time::Timestamp};

use crate::{
    attribute::verdict::Cause,
    join::anchor::Anchor,
    report::words::duration,
    track::{Connection, Direction, Exchange, FrameId, Note, NoteKind, Reset, SequenceFit},
};

/// Tells the segments of one connection, in order.
pub(super) struct Teller<'a> {
    connection: &'a Connection,
    cause: Cause,
    /// The exchange that failed.
    failed: Option<&'a Exchange>,
    /// The frame that ended it for the gateway, where the verdict rests on one.
    decisive: Option<FrameId>,
    syns: u32,
    syn_acks: u32,
    zero_window: [bool; 2],
}

/// What a segment shows.
pub(super) struct Told {
    pub(super) flags: String,
    pub(super) again: bool,
    pub(super) text: Option<String>,
    pub(super) decides: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(connection: &'a Connection, cause: Cause, anchor: Option<Anchor>) -> Self {
        let failed = anchor.and_then(|anchor| connection.exchanges.last.get(anchor.exchange?));
        let decisive = decisive(connection, cause, anchor);
        Self { connection, cause, failed, decisive, syns: 0, syn_acks: 0, zero_window: [false; 2] }
    }

    pub(super) fn note(&mut self, note: &Note) -> Told {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.opening(note));
        words.extend(self.request(note));
        words.extend(self.response(note));
        words.extend(self.tls(note));
        words.extend(self.window(note));
        words.extend(self.fin(note));
        words.extend(self.reset(note));
        let again = note.kind == NoteKind::Retransmission;
        match note.kind {
            NoteKind::Retransmission => words.push("sent again".to_owned()),
            NoteKind::OutOfOrder => words.push("out of order".to_owned()),
            NoteKind::KeepAlive => words.push("keep-alive probe".to_owned()),
            NoteKind::Control | NoteKind::New => {}
        }
        let text = (!words.is_empty()).then(|| words.join("; "));
        Told { flags: flags(note.flags), again, text, decides: self.decides(note) }
    }

    fn opening(&mut self, note: &Note) -> Option<String> {
        let handshake = self.connection.handshake;
        if !note.flags.syn() {
            return None;
        }
        let of_gateway = note.from == Direction::Originator;
        let (count, first) = if of_gateway {
            self.syns += 1;
            (self.syns, handshake.syn)
        } else {
            self.syn_acks += 1;
            (self.syn_acks, handshake.syn_ack)
        };
        Some(match (of_gateway, count) {
            (true, 1) => "opens the connection".to_owned(),
            (false, 1) => match handshake.rtt {
                Some(rtt) => format!("accepts it, round trip {}", duration(rtt)),
                None => "accepts it".to_owned(),
            },
            (_, count) => {
                let since = first.map(|first| duration(note.time.since(first))).unwrap_or_default();
                format!(
                    "{} sent again ({count} so far, {since} after the first)",
                    if of_gateway { "SYN" } else { "SYN-ACK" }
                )
            }
        })
    }

    fn request(&self, note: &Note) -> Option<String> {
        let exchange = self.connection.exchanges.last.iter().find(|exchange| exchange.request_frame == note.frame)?;
        let failed = if self.is_failed(exchange) { ", the one that failed" } else { "" };
        let idle = match exchange.idle_before {
            Some(idle) if exchange.number > 1 => format!(", after {} without data", duration(idle)),
            _ => String::new(),
        };
        let late = if exchange.after_peer_close { "; the peer had ended the connection before" } else { "" };
        Some(format!("request {}{failed}{idle}{late}", exchange.number))
    }

    fn response(&self, note: &Note) -> Option<String> {
        if note.from == Direction::Originator || note.payload == 0 {
            return None;
        }
        let exchange =
            self.connection.exchanges.last.iter().find(|exchange| exchange.response_start == Some(note.time))?;
        let status = exchange.status.map(|status| format!(" with status {status}")).unwrap_or_default();
        let after = duration(note.time.since(exchange.request_end));
        Some(format!("response {}{status} begins, {after} after its request", exchange.number))
    }

    fn tls(&self, note: &Note) -> Option<String> {
        let tls = &self.connection.tls;
        let alert = tls.alert.filter(|alert| alert.frame == note.frame);
        let notify = tls.close_notify.filter(|alert| alert.frame == note.frame);
        match (alert.and_then(|alert| alert.code), notify) {
            (Some((_, description)), _) => Some(format!("TLS alert {}", description_name(description))),
            (None, Some(_)) => Some("TLS alert after the handshake, as close_notify is".to_owned()),
            (None, None) => alert.map(|_| "TLS alert, encrypted".to_owned()),
        }
    }

    fn window(&mut self, note: &Note) -> Option<String> {
        if note.flags.rst() || note.flags.syn() {
            return None;
        }
        let was_zero = self.zero_window.get_mut(usize::from(note.from == Direction::Responder))?;
        let is_zero = note.window == 0;
        let before = std::mem::replace(was_zero, is_zero);
        match (before, is_zero) {
            (false, true) => Some("window 0: its receiver is full".to_owned()),
            (true, false) => Some("window open again".to_owned()),
            _ => None,
        }
    }

    fn fin(&self, note: &Note) -> Option<String> {
        let fin = self.connection.fin_by(note.from).filter(|_| note.flags.fin())?;
        if fin.frame != note.frame {
            return Some("FIN sent again".to_owned());
        }
        let who = if note.from == Direction::Originator { "the gateway closes" } else { "the peer closes" };
        Some(format!("{who}{}", self.acknowledges(note.from, fin.ack, note.time)))
    }

    /// How much of the open request an ending of the peer acknowledges.
    fn acknowledges(&self, from: Direction, ack: Option<i64>, time: Timestamp) -> String {
        let exchange = self.failed.filter(|exchange| from == Direction::Responder && exchange.request_start <= time);
        let (Some(exchange), Some(ack)) = (exchange, ack) else { return String::new() };
        let acked = (ack - exchange.request_from).clamp(0, exchange.request_bytes() as i64);
        let after = duration(time.since(exchange.request_end));
        format!(", {after} after the request, acknowledging {acked} of its {} bytes", exchange.request_bytes())
    }

    fn reset(&self, note: &Note) -> Option<String> {
        if !note.flags.rst() {
            return None;
        }
        let found = self.connection.resets.iter().find(|(_, reset)| reset.frame == note.frame);
        let Some((by, reset)) = found else { return Some("a further reset".to_owned()) };
        let mut words = vec![format!("{} shape", reset.shape.word())];
        words.extend(reset.delay.map(|delay| format!("{} after what it answers", duration(delay))));
        words.extend(foreign_ttl(reset));
        words.extend(match reset.fit {
            SequenceFit::Exact | SequenceFit::Unknown => None,
            SequenceFit::InWindow => Some("not the expected number, though in the window".to_owned()),
            SequenceFit::Below => Some("below the expected number: to be dropped".to_owned()),
            SequenceFit::Beyond => Some("beyond the window: to be dropped".to_owned()),
        });
        if reset.after_own_fin {
            words.push("after its own FIN".to_owned());
        }
        if reset.data_after > 0 {
            words.push(format!("its sender sent {} data segments afterwards", reset.data_after));
        }
        let who = if *by == Direction::Originator { "the gateway resets" } else { "a reset in the peer's name" };
        Some(format!("{who}: {}{}", words.join(", "), self.acknowledges(*by, reset.ack, reset.time)))
    }

    fn is_failed(&self, exchange: &Exchange) -> bool {
        self.failed.is_some_and(|failed| failed.number == exchange.number)
    }

    /// Whether the verdict rests on this segment.
    fn decides(&self, note: &Note) -> bool {
        let of_gateway = note.from == Direction::Originator;
        let of_request = |exchange: &Exchange| note.seq >= exchange.request_from && note.seq < exchange.request_to;
        match self.cause {
            Cause::ConnectTimeout => of_gateway && note.flags.syn(),
            Cause::AcceptQueueOverflow => !of_gateway && note.flags.syn() && self.syn_acks > 1,
            // Where nothing was sent again before the end came, the request's last segment stands unacknowledged.
            Cause::SilentDrop | Cause::PathLoss | Cause::MtuBlackHole
                if self.failed.is_none_or(|exchange| {
                    exchange.request_retransmissions + exchange.response_retransmissions > 0
                }) =>
            {
                let of_response = |exchange: &Exchange| exchange.response_start.is_some_and(|start| note.time >= start);
                let lost =
                    if of_gateway { self.failed.is_none_or(of_request) } else { self.failed.is_some_and(of_response) };
                lost && note.kind == NoteKind::Retransmission
            }
            Cause::ReceiverStalled => !of_gateway && note.window == 0 && !note.flags.rst(),
            Cause::SlowResponse | Cause::SilentDrop | Cause::PathLoss | Cause::MtuBlackHole => {
                let ends = |exchange: &Exchange| note.seq + i64::from(note.payload) == exchange.request_to;
                of_gateway && note.payload > 0 && self.failed.is_some_and(ends)
            }
            _ => self.decisive == Some(note.frame),
        }
    }
}

/// The frame by which the gateway's call ended, for causes that rest on a FIN, a RST or an alert.
fn decisive(connection: &Connection, cause: Cause, anchor: Option<Anchor>) -> Option<FrameId> {
    let reset = connection.reset_by(Direction::Responder).map(|reset| (reset.time, reset.frame));
    let fin = connection.resp.fin.map(|fin| (fin.time, fin.frame));
    let notify = connection.tls.close_notify.map(|alert| (alert.time, alert.frame));
    let closed = fin.into_iter().chain(notify).min();
    let first = |found: [Option<(Timestamp, FrameId)>; 2]| found.into_iter().flatten().min().map(|(_, frame)| frame);
    match cause {
        Cause::ConnectionRefused
        | Cause::InjectedReset
        | Cause::IdleExpiryInPath
        | Cause::AbortedDuringRequest
        | Cause::AbortedAwaitingResponse
        | Cause::AbortedDuringResponse => {
            // Where several resets came, the one that the log line follows.
            let met = anchor.and_then(|anchor| connection.resets.iter().find(|(_, reset)| reset.time == anchor.time));
            met.map(|(_, reset)| reset.frame).or(reset.map(|(_, frame)| frame))
        }
        Cause::ClosedAwaitingResponse | Cause::ClosedDuringResponse => first([closed, None]),
        Cause::StaleConnectionReuse | Cause::RejectedAfterAccept => first([closed, reset]),
        Cause::TlsHandshakeFailure => {
            connection.tls.alert.map(|alert| alert.frame).or_else(|| Some(connection.ending()?.frame))
        }
        Cause::GatewayAbort => connection.ending().map(|ending| ending.frame),
        _ => None,
    }
}

fn foreign_ttl(reset: &Reset) -> Option<String> {
    let usual = reset.usual_ttl.filter(|usual| *usual != reset.ttl)?;
    Some(format!("TTL {} where its other segments have {usual}", reset.ttl))
}

/// Flags as words, in the order in which they are usually told.
fn flags(flags: TcpFlags) -> String {
    const WORDS: [(TcpFlags, &str); 6] = [
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::PSH, "PSH"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::ACK, "ACK"),
    ];
    let set: Vec<&str> = WORDS.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, word)| *word).collect();
    set.join(" ")
}
